"""Losses: every reduction against PyTorch, layers equal functions, deprecated flags, checks."""

import math

import pytest

import pyrite


def ramp(P, *shape):
    """Smooth numbers in [-1, 1] without ties."""
    return (P.arange(math.prod(shape), dtype=P.float32) * 0.7 + 0.1).sin().reshape(shape)


def logits(P):
    """`(4, 5)`."""
    return ramp(P, 4, 5) * 2


def classes(P):
    """`(4)`, one of them ignored by -100."""
    return P.tensor([1, 0, -100, 4])


def log_probs(P):
    """CTC input `(T=6, N=2, C=4)`."""
    return ramp(P, 6, 2, 4).log_softmax(-1)


def signs(P, *shape):
    """1 or -1."""
    return ramp(P, *shape).sign()


# name -> (layer, its settings, arguments)
LOSSES = {
    "BCELoss": ("BCELoss", {}, lambda P: (logits(P).sigmoid(), ramp(P, 4, 5).abs())),
    "BCEWithLogitsLoss": ("BCEWithLogitsLoss", {}, lambda P: (logits(P), ramp(P, 4, 5).abs())),
    "CTCLoss": (
        "CTCLoss",
        {},
        lambda P: (
            log_probs(P),
            P.tensor([[1, 2, 3], [3, 3, 0]]),
            P.tensor([6, 5]),
            P.tensor([3, 2]),
        ),
    ),
    "CosineEmbeddingLoss": (
        "CosineEmbeddingLoss",
        {"margin": 0.1},
        lambda P: (logits(P), ramp(P, 5, 4).T.contiguous(), signs(P, 4)),
    ),
    "CrossEntropyLoss": ("CrossEntropyLoss", {}, lambda P: (logits(P), classes(P))),
    "CrossEntropyLoss_probabilities": (
        "CrossEntropyLoss",
        {},
        lambda P: (logits(P), ramp(P, 4, 5).softmax(1)),
    ),
    "CrossEntropyLoss_smoothed": (
        "CrossEntropyLoss",
        {"label_smoothing": 0.2, "ignore_index": 4},
        lambda P: (logits(P), P.tensor([1, 0, 3, 4])),
    ),
    "CrossEntropyLoss_pixels": (
        "CrossEntropyLoss",
        {},
        lambda P: (ramp(P, 2, 3, 2, 2), P.tensor([[[0, 1], [2, 1]], [[1, 1], [0, 2]]])),
    ),
    "GaussianNLLLoss": (
        "GaussianNLLLoss",
        {"full": True},
        lambda P: (logits(P), ramp(P, 4, 5), ramp(P, 4, 1).abs() + 0.1),
    ),
    "HingeEmbeddingLoss": (
        "HingeEmbeddingLoss",
        {"margin": 0.5},
        lambda P: (logits(P), signs(P, 4, 5)),
    ),
    "HuberLoss": ("HuberLoss", {"delta": 0.6}, lambda P: (logits(P), ramp(P, 4, 5).abs())),
    "KLDivLoss": (
        "KLDivLoss",
        {},
        lambda P: (logits(P).log_softmax(1), ramp(P, 4, 5).softmax(1)),
    ),
    "L1Loss": ("L1Loss", {}, lambda P: (logits(P), ramp(P, 4, 5).abs())),
    "MSELoss": ("MSELoss", {}, lambda P: (logits(P), ramp(P, 4, 5).abs())),
    "MarginRankingLoss": (
        "MarginRankingLoss",
        {"margin": 0.2},
        lambda P: (logits(P)[0], logits(P)[1], signs(P, 5)),
    ),
    "MultiLabelMarginLoss": (
        "MultiLabelMarginLoss",
        {},
        lambda P: (ramp(P, 2, 4), P.tensor([[3, 0, -1, 1], [1, -1, 0, 2]])),
    ),
    "MultiLabelSoftMarginLoss": (
        "MultiLabelSoftMarginLoss",
        {},
        lambda P: (logits(P), (ramp(P, 4, 5) > 0).float()),
    ),
    "MultiMarginLoss": (
        "MultiMarginLoss",
        {"p": 2},
        lambda P: (logits(P), P.tensor([1, 0, 3, 4])),
    ),
    "NLLLoss": ("NLLLoss", {}, lambda P: (logits(P).log_softmax(1), classes(P))),
    "PoissonNLLLoss": (
        "PoissonNLLLoss",
        {"full": True},
        lambda P: (logits(P), (ramp(P, 4, 5) * 3).abs().round()),
    ),
    "SmoothL1Loss": ("SmoothL1Loss", {"beta": 0.4}, lambda P: (logits(P), ramp(P, 4, 5).abs())),
    "SoftMarginLoss": ("SoftMarginLoss", {}, lambda P: (logits(P), signs(P, 4, 5))),
    "TripletMarginLoss": (
        "TripletMarginLoss",
        {"swap": True},
        lambda P: (logits(P), ramp(P, 4, 5), -ramp(P, 4, 5).abs()),
    ),
    "TripletMarginWithDistanceLoss": (
        "TripletMarginWithDistanceLoss",
        {"margin": 0.7},
        lambda P: (logits(P), ramp(P, 4, 5), -ramp(P, 4, 5).abs()),
    ),
}


def program(name):
    """Make a program: all reductions, and the gradient of the mean by the first argument."""
    layer, settings, arguments = LOSSES[name]

    def run(P):
        results = []
        for reduction in ("none", "sum", "mean"):
            first, *rest = arguments(P)
            first.requires_grad_()
            loss = getattr(P.nn, layer)(**settings, reduction=reduction)(first, *rest)
            results.append(loss)
        loss.backward()
        return [*results, first.grad]

    return run


def weighted(P):
    """Class, element and positive weights."""
    F = P.nn.functional
    target = ramp(P, 4, 5).abs()
    element = ramp(P, 5, 4).T.contiguous().abs() + 0.5
    by_class = P.tensor([0.5, 1.0, 2.0, 0.1, 1.5])
    return [
        F.cross_entropy(logits(P), classes(P), by_class),
        F.nll_loss(logits(P).log_softmax(1), classes(P), by_class),
        F.multi_margin_loss(logits(P), P.tensor([1, 0, 3, 4]), weight=by_class),
        F.binary_cross_entropy(logits(P).sigmoid(), target, by_class),
        F.binary_cross_entropy_with_logits(logits(P), target, element, pos_weight=by_class),
        F.mse_loss(logits(P), target, weight=element),
        F.l1_loss(logits(P), target, weight=element),
        F.huber_loss(logits(P), target, weight=element, reduction="sum"),
        F.kl_div(logits(P).log_softmax(1), target, reduction="batchmean"),
    ]


def linear_cross_entropy(P):
    """The layer draws its weight and equals a linear layer with cross entropy."""
    P.manual_seed(3)
    layer = P.nn.LinearCrossEntropyLoss(5, 3, out_features=(2,), bias=True)
    target = P.tensor([[0, 1], [2, 2], [1, 0], [0, 0]])
    loss = layer(logits(P), target)
    loss.backward()
    return loss, layer.linear.weight, layer.linear.weight.grad


PROGRAMS = {name: program(name) for name in LOSSES}
PROGRAMS |= {"weighted": weighted, "linear_cross_entropy": linear_cross_entropy}


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pytorch(name, check):
    check(name, PROGRAMS[name](pyrite), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    "size_average, reduce, reduction",
    [
        (None, True, "mean"),
        (True, None, "mean"),
        (False, None, "sum"),
        (False, True, "sum"),
        (True, False, "none"),
        (False, False, "none"),
    ],
)
def test_deprecated_flags_warn_and_choose_the_reduction(size_average, reduce, reduction):
    message = f"size_average and reduce args will be deprecated, please use reduction='{reduction}'"
    with pytest.warns(UserWarning, match=message):
        layer = pyrite.nn.MSELoss(size_average, reduce)
    assert layer.reduction == reduction
    with pytest.warns(UserWarning, match=message):
        loss = pyrite.nn.functional.mse_loss(
            logits(pyrite), logits(pyrite) + 1, size_average, reduce, reduction="unused"
        )
    assert loss.shape == ((4, 5) if reduction == "none" else ())


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"])
def test_broadcast_target_warns(name):
    x = logits(pyrite)
    with pytest.warns(UserWarning, match="Using a target size .* that is different to the input"):
        loss = getattr(pyrite.nn.functional, name)(x, x[:1])
    full = getattr(pyrite.nn.functional, name)(x, x[:1].expand(4, 5))
    assert loss.item() == pytest.approx(full.item())


def test_kl_div_mean_warns():
    x = logits(pyrite).log_softmax(1)
    with pytest.warns(UserWarning, match="'batchmean' divides only by the batch size"):
        pyrite.nn.functional.kl_div(x, x.exp())


BAD_CALLS = {
    "reduction": (
        lambda F, x: F.mse_loss(x, x, reduction="avg"),
        ValueError,
        "avg is not a valid value for reduction",
    ),
    "bce_shape": (
        lambda F, x: F.binary_cross_entropy(x.sigmoid(), x[:2].sigmoid()),
        ValueError,
        "Using a target size",
    ),
    "bce_logits_shape": (
        lambda F, x: F.binary_cross_entropy_with_logits(x, x[:2]),
        ValueError,
        "Target size",
    ),
    "weight_shape": (
        lambda F, x: F.mse_loss(x, x, weight=x[:2]),
        ValueError,
        "Weights and input must have the same size.",
    ),
    "negative_variance": (
        lambda F, x: F.gaussian_nll_loss(x, x, -x.abs() - 1),
        ValueError,
        "var has negative entry/entries",
    ),
    "variance_shape": (
        lambda F, x: F.gaussian_nll_loss(x, x, x[:2].abs()),
        ValueError,
        "var is of incorrect size",
    ),
    "margin": (
        lambda F, x: F.triplet_margin_loss(x, x, x, margin=0),
        ValueError,
        "margin must be greater than 0, got 0",
    ),
    "ranking_rank": (
        lambda F, x: F.margin_ranking_loss(x, x, x[0]),
        RuntimeError,
        "margin_ranking_loss : All input tensors should have same dimension but got sizes:",
    ),
    "multi_margin_power": (
        lambda F, x: F.multi_margin_loss(x, x[:, 0].long(), p=3),
        ValueError,
        "only p == 1 and p == 2 supported",
    ),
    "linear_features": (
        lambda F, x: F.linear_cross_entropy(x, x[:, :3], x[:, 0].long()),
        RuntimeError,
        "expected equal input and linear_weight last dimensions (in_features), got 5 and 3",
    ),
    "linear_options": (
        lambda F, x: F.linear_cross_entropy(x, x, x[:, 0].long(), options=object()),
        NotImplementedError,
        "linear_cross_entropy: options",
    ),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_call_names_the_argument(name):
    call, exception, text = BAD_CALLS[name]
    with pytest.raises(exception) as caught:
        call(pyrite.nn.functional, logits(pyrite))
    assert str(caught.value).startswith(text)


def test_variance_bound_has_no_gradient():
    var = pyrite.zeros(4, 5, requires_grad=True)
    x = logits(pyrite)
    pyrite.nn.functional.gaussian_nll_loss(x, x, var, eps=0.25, reduction="sum").backward()
    assert var.tolist() == pyrite.zeros(4, 5).tolist()
    assert var.grad.tolist() == pyrite.full((4, 5), 0.5 / 0.25).tolist()


def test_class_weights_are_buffers():
    weight = pyrite.tensor([1.0, 2.0])
    layer = pyrite.nn.CrossEntropyLoss(weight)
    assert list(layer.state_dict()) == ["weight"]
    assert layer.double().weight.dtype == pyrite.float64
    assert list(pyrite.nn.CrossEntropyLoss().state_dict()) == []
