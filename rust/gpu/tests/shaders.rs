//! Every shader, for every dtype it serves, is valid WGSL and translates to SPIR-V, Metal and HLSL.
//! Needs no GPU.

use base::DType;
use gpu::shader::Variant;

const DTYPES: [DType; 9] = [
    DType::Bool,
    DType::U8,
    DType::I8,
    DType::I16,
    DType::I32,
    DType::I64,
    DType::F16,
    DType::BF16,
    DType::F32,
];

fn all(variants: impl IntoIterator<Item = Variant>) {
    let failures: Vec<String> =
        variants.into_iter().filter_map(|v| gpu::translate(&v).err()).collect();
    assert!(failures.is_empty(), "{} shaders fail, the first:\n{}", failures.len(), failures[0]);
}

#[test]
fn elementwise_shaders() {
    all(gpu::map::samples(&DTYPES));
}

#[test]
fn matrix_products() {
    all(gpu::matmul::samples(&DTYPES[1..]));
}

#[test]
fn reductions() {
    all(gpu::reduce::samples(&DTYPES));
}

#[test]
fn rows_and_losses() {
    all(gpu::softmax::samples(&DTYPES));
    all(gpu::loss::samples(&DTYPES));
    all(gpu::norm::samples(&DTYPES));
    all(gpu::scan::samples(&DTYPES));
    all(gpu::attention::samples(&DTYPES));
}

#[test]
fn order_and_selection() {
    all(gpu::sort::samples(&DTYPES));
    all(gpu::compact::samples(&DTYPES));
}

#[test]
fn indexed_places() {
    all(gpu::index::samples(&DTYPES));
}

#[test]
fn windows() {
    all(gpu::conv::samples(&DTYPES));
    all(gpu::pool::samples(&DTYPES));
}

#[test]
fn draws_and_updates() {
    all(gpu::random::samples(&DTYPES));
    all(gpu::optim::samples(&DTYPES));
    all(gpu::range::samples(&DTYPES));
}
