//! Public signatures of ops that are plain functions of this crate.

use crate::{Var, activation, complex, create, inplace, join, matmul, reduce, select, view};
use base::{Result, Scalar};
use tape::Tensor;

crate::ops! {
    /// Views and shapes.
    VIEWS:
    /// The elements under other sizes, without a copy.
    m "view(Tensor self, int[] size) -> Tensor" => |x, size| view::view(x, size);
    /// The elements under other sizes.
    fm "reshape(Tensor self, int[] shape) -> Tensor" => |x, size| view::reshape(x, size);
    /// Swaps two dimensions.
    fm "transpose(Tensor self, int dim0, int dim1) -> Tensor" => |x, a, b| view::transpose(x, a, b);
    /// The transpose of a matrix.
    fm "t(Tensor self) -> Tensor" => |x| view::t(x);
    /// Dimensions in a new order.
    fm "permute(Tensor self, int[] dims) -> Tensor" => |x, dims| view::permute(x, dims);
    /// Repeats dimensions of size 1 without copying.
    m "expand(Tensor self, int[] size, *, bool implicit=False) -> Tensor" => |x, size, implicit| view::expand(x, size, implicit);
    /// A new dimension of size 1.
    fm "unsqueeze(Tensor self, int dim) -> Tensor" => |x, dim| view::unsqueeze(x, dim);
    /// Drops dimensions of size 1.
    fm "squeeze(Tensor self, int[1]? dim=None) -> Tensor" => |x, dim| view::squeeze(x, dim);
    /// Merges dimensions.
    fm "flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor" => |x, a, b| view::flatten(x, a, b);
    /// Splits a dimension.
    fm "unflatten(Tensor self, int dim, int[] sizes) -> Tensor" => |x, dim, sizes| view::unflatten(x, dim, sizes);
    /// Part of a dimension.
    fm "narrow(Tensor self, int dim, int start, int length) -> Tensor" => |x, dim, start, len| view::narrow(x, dim, start, len);
    /// One index of a dimension.
    fm "select(Tensor self, int dim, int index) -> Tensor" => |x, dim, index| view::select(x, dim, index);
    /// The diagonal of two dimensions.
    fm "diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor" => |x, offset, a, b| view::diagonal(x, offset, a, b);
    /// Pieces of one size.
    fm "split(Tensor self, int split_size, int dim=0) -> Tensor[]" => |x, size, dim| view::split(x, size, dim);
    /// Pieces of given sizes.
    fm "split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]" => |x, sizes, dim| view::split_with_sizes(x, sizes, dim);
    /// Pieces of given sizes.
    fm "split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]" => |x, sizes, dim| view::split_with_sizes(x, sizes, dim);
    /// A number of pieces.
    fm "chunk(Tensor self, int chunks, int dim=0) -> Tensor[]" => |x, chunks, dim| view::chunk(x, chunks, dim);
    /// Every index of a dimension.
    fm "unbind(Tensor self, int dim=0) -> Tensor[]" => |x, dim| view::unbind(x, dim);
    /// Windows along a dimension.
    m "unfold(Tensor self, int dimension, int size, int step) -> Tensor" => |x, dim, size, step| view::unfold(x, dim, size, step);
    /// Any geometry over the same storage.
    fm "as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor" => |x, size, stride, offset| view::as_strided(x, size, stride, offset);
    /// Tensors one after the other.
    fo widest "cat(Tensor[] tensors, int dim=0) -> Tensor" => |tensors, dim| join::cat(tensors, dim);
    /// Tensors along a new dimension.
    fo widest "stack(Tensor[] tensors, int dim=0) -> Tensor" => |tensors, dim| join::stack(tensors, dim);
    /// The complex conjugate.
    fm "conj(Tensor self) -> Tensor" => |x| complex::conj(x);
}

crate::ops! {
    /// Copies and fills.
    COPIES:
    /// A copy with history.
    fm "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" => |x, format| create::clone(x, format);
    /// Overwrites with the values of another tensor.
    m "copy_(Tensor self, Operand src, bool non_blocking=False) -> Tensor" => |x, src, _non_blocking| copy(x, src, _non_blocking);
    /// Overwrites with one value.
    fm "fill_.Tensor(Tensor self, Tensor value) -> Tensor" => |x, value| inplace::fill_with_(x, value);
    /// Overwrites with one value.
    fm "fill_(Tensor self, Scalar value) -> Tensor" => |x, value| inplace::fill_(x, value);
    /// One value everywhere, in the shape of the input.
    f "fill.Tensor(Tensor self, Tensor value) -> Tensor" => |x, value| filled_with(x, value);
    /// One value everywhere, in the shape of the input.
    f "fill(Tensor self, Scalar value) -> Tensor" => |x, value| filled(x, value);
    /// Overwrites with zeros.
    fm "zero_(Tensor self) -> Tensor" => |x| inplace::zero_(x);
}

crate::ops! {
    /// Changes of a tensor's own geometry.
    RESHAPED:
    /// Swaps two dimensions.
    m "transpose_(Tensor self, int dim0, int dim1) -> Tensor" => |x, a, b| inplace::transpose_(x, a, b);
    /// Swaps two dimensions.
    m "swapdims_(Tensor self, int dim0, int dim1) -> Tensor" => |x, a, b| inplace::transpose_(x, a, b);
    /// Swaps two dimensions.
    m "swapaxes_(Tensor self, int axis0, int axis1) -> Tensor" => |x, a, b| inplace::transpose_(x, a, b);
    /// Transposes a matrix.
    m "t_(Tensor self) -> Tensor" => |x| inplace::t_(x);
    /// Puts in a dimension of size 1.
    m "unsqueeze_(Tensor self, int dim) -> Tensor" => |x, dim| inplace::unsqueeze_(x, dim);
    /// Drops dimensions of size 1.
    m "squeeze_(Tensor self, int[1]? dim=None) -> Tensor" => |x, dims| inplace::squeeze_(x, dims);
    /// Takes any geometry over the storage.
    fm "as_strided_(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor" => |x, size, stride, at| inplace::as_strided_(x, size, stride, at);
    /// Changes the size.
    m "resize_(Tensor self, int[] size, *, MemoryFormat? memory_format=None) -> Tensor" => |x, size, format| inplace::resize_(x, size, format);
    /// Takes the size of another tensor.
    fm "resize_as_(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor" => |x, like, format| resize_as(x, like, format);
}

fn filled(x: &Tensor, value: Scalar) -> Result<Tensor> {
    inplace::fill_(&create::clone(x, None)?, value)
}

fn filled_with(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    inplace::fill_with_(&create::clone(x, None)?, value)
}

fn resize_as(x: &Tensor, like: &Tensor, format: Option<base::MemoryFormat>) -> Result<Tensor> {
    let size: Vec<i64> = like.dims().iter().map(|&n| n as i64).collect();
    inplace::resize_(x, &size, format)
}

fn copy(x: &Tensor, src: Var, _non_blocking: bool) -> Result<Tensor> {
    inplace::copy_(x, &src.tensor()?)
}

crate::ops! {
    /// Reductions.
    REDUCTIONS:
    /// The sum of all elements.
    fm "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor" => |x, dtype| reduce::sum(x, None, false, dtype);
    /// The sum over dimensions.
    fmo "sum.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, dim, keep, dtype| reduce::sum(x, dim, keep, dtype);
    /// The mean of all elements.
    fmo "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor" => |x, dtype| reduce::mean(x, None, false, dtype);
    /// The mean over dimensions.
    fmo "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" => |x, dim, keep, dtype| reduce::mean(x, dim, keep, dtype);
}

crate::ops! {
    /// The product behind `@`.
    MATMUL:
    /// The product of matrices, vectors or batches.
    fmo lower "matmul(Tensor self, Tensor other) -> Tensor" => |a, b| matmul::matmul(a, b);
}

crate::ops! {
    /// Other matrix products.
    PRODUCTS:
    /// The product of two matrices.
    fmo lower "mm(Tensor self, Tensor mat2) -> Tensor" => |a, b| matmul::mm(a, b);
    /// Products of pairs of matrices.
    fmo lower "bmm(Tensor self, Tensor mat2) -> Tensor" => |a, b| matmul::bmm(a, b);
    /// A matrix times a vector.
    fmo "mv(Tensor self, Tensor vec) -> Tensor" => |a, b| matmul::mv(a, b);
    /// The inner product of two vectors.
    fmo "dot(Tensor self, Tensor tensor) -> Tensor" => |a, b| matmul::dot(a, b);
    /// `input @ weight.T + bias`.
    fo lower "linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor" => |x, w, b| matmul::linear(x, w, b);
}

crate::ops! {
    /// Choosing elements.
    SELECTION:
    /// `input` where the condition holds, else `other`.
    fo "where(Tensor condition, Operand input, Operand other) -> Tensor" => |c, a, b| select_where(c, a, b);
}

crate::filling_ops! {
    /// Filling chosen elements.
    FILLS:
    /// `value` where the mask holds.
    fmi "masked_fill(Tensor self, Tensor mask, Operand value) -> Tensor" => |dest, x, mask, value| masked(dest, x, mask, value);
}

fn select_where(c: &Tensor, a: Var, b: Var) -> Result<Tensor> {
    select::where_(c, &a, &b)
}

fn masked(dest: crate::Dest<'_>, x: &Tensor, mask: &Tensor, value: Var) -> Result<Tensor> {
    match dest {
        crate::Dest::InPlace(target) => select::masked_fill_(target, mask, &value),
        _ => select::masked_fill(x, mask, &value),
    }
}

crate::filling_ops! {
    /// Activations with parameters.
    ACTIVATIONS:
    /// log(1 + exp(beta x)) / beta.
    fo "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor" => |dest, x, beta, limit| activate(&activation::softplus::OP, dest, x, [beta, limit, ZERO, ZERO]);
    /// x where positive, else slope times x.
    fi "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor" => |dest, x, slope| activate(&activation::leaky_relu::OP, dest, x, [slope, ZERO, ZERO, ZERO]);
    /// x where positive, else alpha (exp(x) - 1).
    fi "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor" => |dest, x, alpha, scale, inner| activate(&activation::elu::OP, dest, x, [alpha, scale, inner, ZERO]);
    /// x limited to two bounds.
    fi "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor" => |dest, x, lo, hi| activate(&activation::hardtanh::OP, dest, x, [lo, hi, ZERO, ZERO]);
    /// GELU, exact or by its tanh approximation.
    fo "gelu(Tensor self, *, str approximate='none') -> Tensor" => |dest, x, kind| gelu(dest, x, kind);
}

const ZERO: Scalar = Scalar::Float(0.0);

fn activate(
    row: &'static crate::map::MapRow,
    dest: crate::Dest<'_>,
    x: &Tensor,
    p: [Scalar; 4],
) -> Result<Tensor> {
    crate::map::map(row, &[x.into()], p.map(Scalar::to_f64), dest)
}

fn gelu(dest: crate::Dest<'_>, x: &Tensor, kind: &str) -> Result<Tensor> {
    let row = match kind {
        "none" => &activation::gelu::OP,
        "tanh" => &activation::gelu_tanh::OP,
        _ => base::bail!(Runtime, "approximate argument must be either none or tanh."),
    };
    activate(row, dest, x, [ZERO; 4])
}
