"""Sparse tensors: by coordinates (COO), with compressed rows (CSR) or columns (CSC).

Public names only; loaded when the first sparse tensor is made.
"""

from pyrite.sparse import gradient as gradient
from pyrite.sparse import like as like
from pyrite.sparse.diagonals import spdiags
from pyrite.sparse.invariants import check_sparse_tensor_invariants
from pyrite.sparse.legacy import (
    BFloat16Tensor as BFloat16Tensor,
)
from pyrite.sparse.legacy import (
    ByteTensor as ByteTensor,
)
from pyrite.sparse.legacy import (
    CharTensor as CharTensor,
)
from pyrite.sparse.legacy import (
    DoubleTensor as DoubleTensor,
)
from pyrite.sparse.legacy import (
    FloatTensor as FloatTensor,
)
from pyrite.sparse.legacy import (
    HalfTensor as HalfTensor,
)
from pyrite.sparse.legacy import (
    IntTensor as IntTensor,
)
from pyrite.sparse.legacy import (
    LongTensor as LongTensor,
)
from pyrite.sparse.legacy import (
    ShortTensor as ShortTensor,
)
from pyrite.sparse.product import addmm, mm, sampled_addmm
from pyrite.sparse.reduce import log_softmax, softmax, sum

__all__ = [
    "addmm",
    "check_sparse_tensor_invariants",
    "log_softmax",
    "mm",
    "sampled_addmm",
    "softmax",
    "spdiags",
    "sum",
]
