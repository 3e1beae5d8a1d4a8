//! Dtypes that elementwise ops refuse, in PyTorch's words. An op without an entry here says that it
//! is "not implemented for" the dtype it has no kernel for.

use crate::map::MapRow;
use base::{Category, DType, Error, Kind, Result};

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

/// Arithmetic that promotion reaches with complex32 and that PyTorch does not have there, and the
/// name of its kernel.
static NOT_OF_HALF_COMPLEX: &[(&str, &str)] = &[("div", "div_cpu"), ("pow", "pow")];

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
    listed(FLOAT_ONLY, op, dtype)
}

#[cold]
fn listed(list: &[(&str, &str)], op: &str, dtype: DType) -> Result<()> {
    let kernel = list.iter().find(|(name, _)| *name == op);
    kernel.map_or(Ok(()), |(_, kernel)| {
        let text = format!("\"{kernel}\" not implemented for '{}'", dtype.type_name());
        Err(Error::new(Kind::NotImplemented, text))
    })
}

/// Fails when the row has no kernel for the dtype and PyTorch words that in its own way.
pub fn check(row: &MapRow, compute: DType) -> Result<()> {
    if compute == DType::C32 {
        listed(NOT_OF_HALF_COMPLEX, row.op.name, compute)?;
    }
    if row.op.cpu[compute.compute() as usize].is_some() {
        return Ok(());
    }
    let entry = REFUSALS
        .iter()
        .find(|(name, category, _)| *name == row.op.name && *category == compute.category());
    entry.map_or(Ok(()), |(.., text)| Err(Error::new(Kind::Runtime, *text)))
}
