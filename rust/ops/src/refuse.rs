//! Dtypes that elementwise ops refuse, in PyTorch's words. An op without an entry here says that it
//! is "not implemented for" the dtype it has no kernel for.

use crate::map::MapRow;
use base::promote::Promotion;
use base::{Category, DType, Error, Kind, Result, ensure};

/// Op, kind of number, text.
static REFUSALS: &[(&str, Category, &str)] = &[
    (
        "neg",
        Category::Bool,
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
    ),
    ("relu", Category::Bool, "Boolean inputs not supported for relu"),
    ("maximum", Category::Complex, "maximum not implemented for complex tensors."),
    ("minimum", Category::Complex, "minimum not implemented for complex tensors."),
    ("isposinf", Category::Complex, "isposinf does not support complex inputs."),
    ("isneginf", Category::Complex, "isneginf does not support complex inputs."),
    ("fmax", Category::Complex, "fmax not implemented for complex tensors."),
    ("fmin", Category::Complex, "fmin not implemented for complex tensors."),
];

/// Activations that integers are not promoted for, and PyTorch's name of the kernel.
static FLOAT_ONLY: &[(&str, &str)] = &[
    ("elu", "elu_cpu"),
    ("gelu", "GeluKernelImpl"),
    ("gelu_tanh", "GeluKernelImpl"),
    ("hardshrink", "hardshrink_cpu"),
    ("hardsigmoid", "hardsigmoid_cpu"),
    ("hardswish", "hardswish_cpu"),
    ("leaky_relu", "leaky_relu_cpu"),
    ("log_sigmoid", "log_sigmoid_cpu"),
    ("mish", "mish_cpu"),
    ("silu", "silu_cpu"),
    ("softplus", "softplus_cpu"),
    ("softshrink", "softshrink_check"),
];

/// Fails where PyTorch does not promote integers to the default dtype.
#[cold]
pub fn integers(op: &str, dtype: DType) -> Result<()> {
    let kernel = FLOAT_ONLY.iter().find(|(name, _)| *name == op);
    kernel.map_or(Ok(()), |(_, kernel)| {
        let text = format!("\"{kernel}\" not implemented for '{}'", dtype.type_name());
        Err(Error::new(Kind::NotImplemented, text))
    })
}

/// Fails where PyTorch's result is complex32, which does not exist here.
pub(crate) fn half_complex(promotion: Promotion, op: &str) -> Result<()> {
    ensure!(
        !promotion.is_half_complex(),
        NotImplemented,
        "\"{op}\" not implemented for 'ComplexHalf'\n  {op}: complex numbers with float16 parts are not supported; cast to float32 first"
    );
    Ok(())
}

/// Fails when the row has no kernel for the dtype and PyTorch words that in its own way.
pub fn check(row: &MapRow, compute: DType) -> Result<()> {
    if row.op.cpu[compute.compute() as usize].is_some() {
        return Ok(());
    }
    let entry = REFUSALS
        .iter()
        .find(|(name, category, _)| *name == row.op.name && *category == compute.category());
    entry.map_or(Ok(()), |(.., text)| Err(Error::new(Kind::Runtime, *text)))
}
