"""Creation, casts, complex numbers, random draws, fused updates of optimizers."""

from __future__ import annotations

from op_samples.make import Samples, call


def _cast(t):
    return [call(t(2, 3)), call(t.integers(3, high=3))]


def _draw(*rest, **named):
    return lambda t: [call(t.fixed(2, 3), *rest, **named)]


def _updates(lists, **named):
    """Two parameters, their gradients, and `lists` lists of state."""

    def samples(t):
        def one():
            return [t.fixed(2, 3), t.fixed(2)]

        state = [[x.abs() for x in one()] for _ in range(lists)]
        return [call(one(), one(), *state, **named)]

    return samples


def _with_steps(lists, **named):
    def samples(t):
        (sample,) = _updates(lists, **named)(t)
        steps = [t.of(1.0, "float32"), t.of(1.0, "float32")]
        sample.args = (*sample.args, steps)
        return [sample]

    return samples


_ADAM = {
    "lr": 0.1,
    "beta1": 0.9,
    "beta2": 0.99,
    "weight_decay": 0.01,
    "eps": 1e-8,
    "maximize": False,
}


def _counts(t):
    return [t.of(1.0, "float32"), t.of(1.0, "float32")]


def _averaged(t):
    (sample,) = _updates(
        1, lr=0.1, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.01, maximize=False
    )(t)
    sample.args = (*sample.args, _counts(t), _counts(t), _counts(t))
    return [sample]


def _nadam(t):
    named = {"momentum_decay": 4e-3, "decoupled_weight_decay": True, **_ADAM}
    (sample,) = _updates(2, **named)(t)
    sample.args = (*sample.args, _counts(t), _counts(t))
    return [sample]


SAMPLES: Samples = {
    "_amp_foreach_non_finite_check_and_unscale_": lambda t: [
        call([t.fixed(2), t.fixed(3)], t.of([0.0], "float32"), t.of([0.5], "float32")),
        call([t.of([1.0, float("inf")], t.dtype)], t.of([0.0], "float32"), t.of([2.0], "float32")),
    ],
    "_amp_update_scale_": lambda t: [
        call(t.of([8.0], "float32"), t.of([n], "int32"), t.of([bad], "float32"), 2.0, 0.5, 3)
        for n, bad in ((1, 0.0), (2, 0.0), (1, 1.0))
    ],
    "_foreach_add_": lambda t: [call([t.fixed(2), t.fixed(3)], 0.5)],
    "_foreach_lerp_": lambda t: [call([t.fixed(2)], [t.fixed(2)], 0.25)],
    "_foreach_mul_": lambda t: [call([t.fixed(2), t.fixed(3)], 0.5)],
    "_foreach_zero_": lambda t: [call([t.fixed(2), t.fixed(3)])],
    "_fused_adadelta_": _updates(2, lr=0.1, rho=0.9, eps=1e-6, weight_decay=0.01, maximize=False),
    "_fused_adagrad_": _with_steps(
        1, lr=0.1, lr_decay=0.01, weight_decay=0.01, eps=1e-10, maximize=False
    ),
    "_fused_adam_": _with_steps(3, amsgrad=True, **_ADAM),
    "_fused_adamw_": _with_steps(3, amsgrad=True, **_ADAM),
    "_fused_adamax_": _with_steps(2, **_ADAM),
    "_fused_asgd_": _averaged,
    "_fused_nadam_": _nadam,
    "_fused_radam_": _with_steps(2, decoupled_weight_decay=True, **_ADAM),
    "_fused_rmsprop_": _updates(
        3,
        lr=0.1,
        alpha=0.9,
        eps=1e-8,
        weight_decay=0.01,
        momentum=0.9,
        centered=True,
        maximize=False,
    ),
    "_fused_rprop_": _updates(
        2,
        etaminus=0.5,
        etaplus=1.2,
        step_size_min=1e-6,
        step_size_max=50.0,
        maximize=False,
    ),
    "_fused_sgd_": _updates(
        1,
        weight_decay=0.01,
        momentum=0.9,
        lr=0.1,
        dampening=0.0,
        nesterov=True,
        maximize=False,
        is_first_step=False,
    ),
    "_sample_dirichlet": lambda t: [call(t.fixed(2, 3, low=0.5, high=2))],
    "_standard_gamma": lambda t: [call(t.fixed(2, 3, low=0.5, high=2))],
    "angle": lambda t: [call(t.of([1 + 2j, -1j], "complex128").requires_grad_()), call(t(3))],
    "arange": lambda t: [call(4), call(1, 2, 0.25), call(5, 0, -2)],
    "bernoulli": lambda t: [
        call(t.fixed(2, 3, low=0, high=1)),
        call(t.fixed(2, 3), 0.3),
    ],
    "bernoulli_": lambda t: [
        call(t.fixed(2, 3), 0.3),
        call(t.fixed(2), t.of([0.2, 0.9], "float64")),
    ],
    "bfloat16": _cast,
    "binomial": lambda t: [call(t.of([3.0, 5.0], "float64"), t.of([0.3, 0.6], "float64"))],
    "bool": _cast,
    "byte": lambda t: [call(t.fixed(2, 3, low=0, high=9))],
    "can_cast": lambda t: [call(t.package.float32, t.package.int32)],
    "cauchy_": _draw(),
    "cdouble": _cast,
    "cfloat": _cast,
    "chalf": _cast,
    "char": _cast,
    "complex": lambda t: [call(t(2, 3), t(3))],
    "deg2rad": lambda t: [call(t(2, 3))],
    "double": _cast,
    "empty": lambda t: [call((2, 0))],
    "empty_like": lambda t: [call(t.fixed(2, 0))],
    "empty_permuted": lambda t: [call((2, 0, 3), (2, 0, 1))],
    "empty_strided": lambda t: [call((2, 0), (1, 2))],
    "exponential_": _draw(2.0),
    "eye": lambda t: [call(3), call(2, 3, dtype=t.package.int64)],
    "float": _cast,
    "full": lambda t: [call((2, 3), 1.5), call((), True)],
    "full_like": lambda t: [call(t.fixed(2, 3), 2)],
    "geometric_": _draw(0.4),
    "half": _cast,
    "int": _cast,
    "linspace": lambda t: [call(0, 1, 5), call(-2.0, 3.0, 4, dtype=t.package.float64)],
    "log_normal_": _draw(0.5, 0.3),
    "logspace": lambda t: [call(0, 1, 5), call(0.0, 3.0, 4, 2.0)],
    "long": _cast,
    "multinomial": lambda t: [
        call(t.fixed(4, low=0.1, high=1), 2),
        call(t.fixed(2, 3, low=0.1, high=1), 5, True),
    ],
    "new_empty": lambda t: [call(t.fixed(2), (3, 0))],
    "new_empty_strided": lambda t: [call(t.fixed(2), (3, 0), (1, 3))],
    "new_full": lambda t: [call(t.fixed(2), (2, 3), 1.5)],
    "new_ones": lambda t: [call(t.fixed(2), (2, 3))],
    "new_zeros": lambda t: [call(t.fixed(2), (2, 3))],
    "normal": lambda t: [call(0.5, 2.0, (2, 3)), call(t.fixed(3), t.fixed(3, low=0.1, high=1))],
    "normal_": _draw(0.5, 2.0),
    "ones": lambda t: [call((2, 3)), call((2,), dtype=t.package.bool)],
    "ones_like": lambda t: [call(t.fixed(2, 3))],
    "poisson": lambda t: [call(t.fixed(2, 3, low=0.5, high=9))],
    "polar": lambda t: [call(t.positive(2, 3), t(2, 3))],
    "positive": lambda t: [call(t(2, 3))],
    "promote_types": lambda t: [call(t.package.int64, t.package.float16)],
    "rad2deg": lambda t: [call(t(2, 3))],
    "rand": lambda t: [call((2, 3)), call((20,), dtype=t.package.float64)],
    "rand_like": lambda t: [call(t.fixed(2, 3))],
    "randint": lambda t: [call(9, (2, 3)), call(-3, 4, (2, 3))],
    "randint_like": lambda t: [call(t.fixed(2, 3), 9), call(t.fixed(2, 3), 2, 5)],
    "randn": lambda t: [call((2, 3)), call((20,), dtype=t.package.float64)],
    "randn_like": lambda t: [call(t.fixed(2, 3))],
    "random_": lambda t: [
        call(t.fixed(2, 3)),
        call(t.fixed(2, 3), 9),
        call(t.fixed(2, 3), 2, 5),
    ],
    "randperm": lambda t: [call(7)],
    "range": lambda t: [call(1, 4), call(0, 1, 0.25)],
    "result_type": lambda t: [call(t.integers(2, high=3), 1.5)],
    "rsub": lambda t: [call(t(2, 3), t(3)), call(t(2, 3), 2, alpha=0.5)],
    "scalar_tensor": lambda t: [call(2.5), call(3, dtype=t.package.int64)],
    "short": _cast,
    "subtract": lambda t: [call(t(2, 3), t(3), alpha=2), call(t(2, 3), 1.5)],
    "tril_indices": lambda t: [call(3, 4), call(3, 3, -1)],
    "triu_indices": lambda t: [call(3, 4, 1)],
    "type_as": lambda t: [call(t(2, 3), t.fixed(1)), call(t(2), t.of([1]))],
    "uniform_": _draw(-1.0, 2.0),
    "zeros": lambda t: [call((2, 3))],
    "zeros_like": lambda t: [call(t.fixed(2, 3))],
}
