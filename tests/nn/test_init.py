"""Initial values: the numbers a seed gives, bounds, and error texts. Facts are PyTorch 2.13's."""

import math

import pytest

import pyrite
from pyrite.nn import init

# Values recorded with PyTorch 2.13.0 on the CPU after manual_seed(0).
RECORDED = {
    "kaiming_uniform": (
        lambda: init.kaiming_uniform_(pyrite.empty(2, 3)),
        [
            -0.010587962344288826,
            0.75864577293396,
            -1.1639615297317505,
            -1.040774941444397,
            -0.5446904897689819,
            0.3792317807674408,
        ],
    ),
    "kaiming_normal_fan_out": (
        lambda: init.kaiming_normal_(pyrite.empty(2, 2, 2), mode="fan_out", nonlinearity="relu"),
        [
            1.0896488428115845,
            -0.20748557150363922,
            -1.5406367778778076,
            0.40194159746170044,
            -0.7668731212615967,
            -0.9889562726020813,
            0.2852092981338501,
            0.5925741195678711,
        ],
    ),
    "xavier_normal": (
        lambda: init.xavier_normal_(pyrite.empty(2, 3)),
        [
            0.9746115207672119,
            -0.18558073043823242,
            -1.3779873847961426,
            0.3595075011253357,
            -0.6859121322631836,
            -0.8845493793487549,
        ],
    ),
    "xavier_uniform_gain": (
        lambda: init.xavier_uniform_(pyrite.empty(2, 2), gain=2.0),
        [-0.018338890746235847, 1.314013123512268, -2.016040802001953, -1.8026751279830933],
    ),
    "trunc_normal": (
        lambda: init.trunc_normal_(pyrite.empty(4)),
        [1.5409960746765137, -0.293428897857666, 0.40334683656692505, 0.5684312582015991],
    ),
    "trunc_normal_tail": (
        lambda: init.trunc_normal_(pyrite.empty(4), 0, 1, 1, 2),
        [1.4962565898895264, 1.6323063373565674, 1.088477373123169, 1.4017173051834106],
    ),
    "sparse": (
        lambda: init.sparse_(pyrite.empty(3, 2), 0.4),
        [0.0, 0.0, -0.021787893027067184, 0.0, 0.0, -0.013985954225063324],
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_a_seed_gives_pytorchs_numbers(name):
    draw, expected = RECORDED[name]
    pyrite.manual_seed(0)
    assert draw().flatten().tolist() == expected


def test_number_of_draws_of_trunc_normal():
    pyrite.manual_seed(0)
    init.trunc_normal_(pyrite.empty(40), 0, 0.02)
    assert pyrite.rand(1).item() == 0.593172013759613


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4, 2, 2), (5, 5)])
def test_orthogonal_rows_or_columns(shape):
    pyrite.manual_seed(0)
    matrix = init.orthogonal_(pyrite.empty(*shape), gain=2.0).flatten(1).double()
    rows, cols = matrix.shape
    gram = matrix @ matrix.t() if rows <= cols else matrix.t() @ matrix
    assert (gram - 4 * pyrite.eye(min(rows, cols), dtype=pyrite.float64)).abs().max() < 1e-5
    pyrite.manual_seed(0)
    first = init.orthogonal_(pyrite.empty(2, 3))
    expected = [[0.57398093, -0.10929461, -0.81154215], [-0.34541512, -0.93088269, -0.11893554]]
    assert (first - pyrite.tensor(expected)).abs().max() < 1e-6


def test_fills_work_in_place_without_history():
    weight = pyrite.nn.Parameter(pyrite.empty(2, 2))
    for fill in (init.ones_, init.zeros_, init.uniform_, init.normal_, init.xavier_uniform_):
        assert fill(weight) is weight and weight.is_leaf and weight.requires_grad
    assert init.constant_(weight, 0.5).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_eye_and_dirac():
    assert init.eye_(pyrite.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    kernel = init.dirac_(pyrite.empty(4, 2, 3), groups=2)
    image = pyrite.arange(12.0).view(1, 4, 3)
    assert pyrite.nn.functional.conv1d(image, kernel, padding=1, groups=2).equal(image)
    assert init.dirac_(pyrite.empty(3, 5, 3, 3)).sum() == 3


def test_generators_leave_the_default_one_alone():
    pyrite.manual_seed(1)
    expected = pyrite.rand(1)
    pyrite.manual_seed(1)
    for seed in (5, 5):
        generator = pyrite.Generator().manual_seed(seed)
        drawn = init.normal_(pyrite.empty(3), generator=generator)
    generator = pyrite.Generator().manual_seed(5)
    assert drawn.equal(pyrite.empty(3).normal_(generator=generator))
    assert pyrite.rand(1).equal(expected)


def test_bounds():
    pyrite.manual_seed(0)
    drawn = init.trunc_normal_(pyrite.empty(2000), mean=0.1, std=1.0, a=-0.5, b=0.3)
    assert drawn.min() >= -0.5 and drawn.max() <= 0.3
    bound = math.sqrt(6 / (30 + 50))
    drawn = init.xavier_uniform_(pyrite.empty(50, 30))
    assert 0.95 * bound < drawn.abs().max() <= bound


@pytest.mark.parametrize(
    ("name", "gain"),
    [
        ("linear", 1),
        ("conv_transpose2d", 1),
        ("sigmoid", 1),
        ("tanh", 5 / 3),
        ("relu", math.sqrt(2)),
        ("leaky_relu", math.sqrt(2 / (1 + 0.01**2))),
        ("selu", 0.75),
    ],
)
def test_gains(name, gain):
    assert init.calculate_gain(name) == gain


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: init.calculate_gain("nope"), "Unsupported nonlinearity nope"),
        (lambda: init.calculate_gain("leaky_relu", True), "negative_slope True not a valid number"),
        (
            lambda: init.xavier_uniform_(pyrite.empty(3)),
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",
        ),
        (
            lambda: init.kaiming_normal_(pyrite.empty(3, 3), mode="x"),
            "Mode x not supported, please use one of ['fan_in', 'fan_out']",
        ),
        (
            lambda: init.orthogonal_(pyrite.empty(3)),
            "Only tensors with 2 or more dimensions are supported",
        ),
        (lambda: init.eye_(pyrite.empty(3)), "Only tensors with 2 dimensions are supported"),
        (
            lambda: init.sparse_(pyrite.empty(3), 0.1),
            "Only tensors with 2 dimensions are supported",
        ),
        (
            lambda: init.dirac_(pyrite.empty(3, 3)),
            "Only tensors with 3, 4, or 5 dimensions are supported",
        ),
        (lambda: init.dirac_(pyrite.empty(3, 3, 3), 2), "dim 0 must be divisible by groups"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == text


def test_warnings():
    with pytest.warns(UserWarning, match="Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(pyrite.empty(0, 2))
    with pytest.warns(UserWarning, match="mean is more than 2 std from"):
        init.trunc_normal_(pyrite.empty(2), mean=9.0)
    with pytest.warns(FutureWarning, match="`nn.init.normal` is now deprecated in favor of"):
        init.normal(pyrite.empty(2))


def test_meta_tensors_draw_nothing():
    pyrite.manual_seed(0)
    expected = pyrite.rand(1)
    pyrite.manual_seed(0)
    weight = pyrite.empty(3, 3, device="meta")
    for fill in (init.trunc_normal_, init.orthogonal_, init.uniform_, init.xavier_normal_):
        assert fill(weight) is weight
    assert pyrite.rand(1).equal(expected)
