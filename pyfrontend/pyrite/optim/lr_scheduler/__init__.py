"""Learning-rate schedules."""

from pyrite.optim.lr_scheduler.composite import ChainedScheduler, SequentialLR
from pyrite.optim.lr_scheduler.cosine import CosineAnnealingLR, CosineAnnealingWarmRestarts
from pyrite.optim.lr_scheduler.cycle import CyclicLR, OneCycleLR
from pyrite.optim.lr_scheduler.decay import ExponentialLR, PolynomialLR
from pyrite.optim.lr_scheduler.functional import LambdaLR, MultiplicativeLR
from pyrite.optim.lr_scheduler.plateau import ReduceLROnPlateau
from pyrite.optim.lr_scheduler.scheduler import EPOCH_DEPRECATION_WARNING, LRScheduler
from pyrite.optim.lr_scheduler.scheduler import LRScheduler as _LRScheduler
from pyrite.optim.lr_scheduler.step import MultiStepLR, StepLR
from pyrite.optim.lr_scheduler.warmup import ConstantLR, LinearLR

__all__ = [
    "EPOCH_DEPRECATION_WARNING",
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "_LRScheduler",
]
