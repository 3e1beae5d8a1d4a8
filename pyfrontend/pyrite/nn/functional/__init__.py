"""The functions of `torch.nn.functional` (L6: signatures and argument checks over `_C`)."""

from .activation import *
from .attention import *
from .attention import _canonical_mask as _canonical_mask
from .attention import _none_or_dtype as _none_or_dtype
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .linear import *
from .loss import *
from .margin_loss import *
from .norm import *
from .pool import *
from .vision import *
