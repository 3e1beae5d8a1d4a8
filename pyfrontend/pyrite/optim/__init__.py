"""Optimizers, learning-rate schedules and weight averaging."""

from pyrite.optim import lr_scheduler, swa_utils
from pyrite.optim.adadelta import Adadelta
from pyrite.optim.adafactor import Adafactor
from pyrite.optim.adagrad import Adagrad
from pyrite.optim.adam import Adam
from pyrite.optim.adamax import Adamax
from pyrite.optim.adamw import AdamW
from pyrite.optim.asgd import ASGD
from pyrite.optim.lbfgs import LBFGS
from pyrite.optim.muon import Muon
from pyrite.optim.nadam import NAdam
from pyrite.optim.optimizer import Optimizer
from pyrite.optim.radam import RAdam
from pyrite.optim.rmsprop import RMSprop
from pyrite.optim.rprop import Rprop
from pyrite.optim.sgd import SGD
from pyrite.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
