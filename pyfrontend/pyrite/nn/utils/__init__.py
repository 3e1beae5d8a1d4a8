"""Tools around modules: gradient clipping, parameter vectors, packed sequences, weight norm."""

from pyrite.nn.utils import parametrizations, parametrize, rnn, stateless
from pyrite.nn.utils.clip_grad import (
    clip_grad_norm,
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from pyrite.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters
from pyrite.nn.utils.init import skip_init
from pyrite.nn.utils.weight_norm import remove_weight_norm, weight_norm

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "parametrizations",
    "parametrize",
    "remove_weight_norm",
    "rnn",
    "skip_init",
    "stateless",
    "vector_to_parameters",
    "weight_norm",
]
