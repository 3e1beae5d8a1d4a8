//! Places in sorted sequences.

use crate::{Var, create};
use array::Array;
use array::dispatch::sort as kernels;
use base::promote::{Class, Promotion};
use base::{DType, Result, Scalar, bail, ensure, shape};
use tape::Tensor;

/// Settings of a search, as the two spellings give them.
struct Search<'a> {
    int32: bool,
    right: bool,
    side: Option<&'a str>,
    sorter: Option<&'a Tensor>,
}

impl Search<'_> {
    fn is_right(&self) -> Result<bool> {
        match self.side {
            None => Ok(self.right),
            Some("left") => {
                ensure!(
                    !self.right,
                    Runtime,
                    "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
                );
                Ok(false)
            }
            Some("right") => Ok(true),
            Some(other) => bail!(
                Runtime,
                "torch.searchsorted(): side can only be 'left' or 'right' but got {other}"
            ),
        }
    }

    fn run(&self, sequence: &Tensor, values: &Tensor) -> Result<Tensor> {
        let right = self.is_right()?;
        check_search(sequence, values, self.sorter)?;
        let dtype = Promotion::new()
            .with(sequence.dtype(), Class::Dim)
            .with(values.dtype(), Class::Dim)
            .result();
        let sequence = sequence.array().cast(dtype)?;
        let values = values.array().cast(dtype)?;
        let target = if self.int32 { DType::I32 } else { DType::I64 };
        let out = Array::empty_contiguous(values.dims(), target, values.device())?;
        let sorter = self.sorter.map(Tensor::array);
        kernels::searchsorted(&out, &sequence, &values, sorter.as_ref(), right)?;
        Ok(Tensor::new(out))
    }
}

fn check_search(sequence: &Tensor, values: &Tensor, sorter: Option<&Tensor>) -> Result<()> {
    ensure!(
        sequence.rank() > 0,
        Runtime,
        "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"
    );
    let (a, b) = (sequence.dims(), values.dims());
    let lead = a.len() == b.len() && a[..a.len() - 1] == b[..b.len().max(1) - 1];
    ensure!(
        a.len() == 1 || lead,
        Runtime,
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {} and input value tensor {}",
        shape::show(&a),
        shape::show(&b)
    );
    ensure!(
        sequence.dtype() == values.dtype() || values.rank() == 0,
        Runtime,
        "torch.searchsorted(): input value tensor and boundaries tensor should have same dtype, but got boundaries tensor dtype {} and input value tensor dtype {}",
        sequence.dtype().type_name(),
        values.dtype().type_name()
    );
    if let Some(sorter) = sorter {
        ensure!(
            sorter.dims() == a,
            Runtime,
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {} and got sorter tensor {}",
            shape::show(&a),
            shape::show(&sorter.dims())
        );
        ensure!(
            sorter.dtype() == DType::I64,
            Runtime,
            "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}",
            sorter.dtype().type_name()
        );
    }
    Ok(())
}

/// For each value, how many elements of an ascending vector are not above it.
pub(crate) fn places(sequence: &Tensor, values: &Tensor) -> Result<Tensor> {
    Search { int32: false, right: true, side: None, sorter: None }.run(sequence, values)
}

fn search_var(sequence: &Tensor, values: &Var, search: &Search<'_>) -> Result<Tensor> {
    let values = match values {
        Var::S(s) => create::full(&[], *s, number_dtype(sequence, *s), sequence.device())?,
        other => other.clone().tensor()?,
    };
    search.run(sequence, &values)
}

/// A number takes part in its own category's default type, or the sequence's when that is wider.
fn number_dtype(sequence: &Tensor, value: Scalar) -> DType {
    Promotion::new().with(sequence.dtype(), Class::Dim).with_scalar(value).result()
}

fn bucketize(values: Var, boundaries: &Tensor, int32: bool, right: bool) -> Result<Tensor> {
    ensure!(
        boundaries.rank() == 1,
        Runtime,
        "boundaries tensor must be 1 dimension, but got dim({})",
        boundaries.rank()
    );
    search_var(boundaries, &values, &Search { int32, right, side: None, sorter: None })
}

fn searchsorted(
    sequence: &Tensor,
    values: Var,
    int32: bool,
    right: bool,
    side: Option<&str>,
    sorter: Option<&Tensor>,
) -> Result<Tensor> {
    search_var(sequence, &values, &Search { int32, right, side, sorter })
}

crate::ops! {
    /// Places.
    PLACES:
    /// Places in a sorted sequence.
    fo "searchsorted(Tensor sorted_sequence, Operand self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor" => |sequence, values, int32, right, side, sorter| searchsorted(sequence, values, int32, right, side, sorter);
    /// Places among boundaries.
    fo "bucketize(Operand self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor" => |values, boundaries, int32, right| bucketize(values, boundaries, int32, right);
}
