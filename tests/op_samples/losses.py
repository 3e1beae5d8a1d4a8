"""Losses; `reduction` is 0 for none, 1 for the mean, 2 for the sum."""

from __future__ import annotations

from op_samples.make import Samples, call


def _pair(*rest):
    return lambda t: [
        call(t(2, 3), t(2, 3), 1, *rest),
        call(t(2, 3), t(2, 3), 0),
        call(t(2), t(2), 2),
    ]


def _signs(t, *shape):
    return t.integers(*shape, high=2) * 2.0 - 1.0


def _classes(t):
    logits, labels = t(3, 4), t.of([1, 3, 0])
    return [
        call(logits, labels, None, 1),
        call(logits, labels, t.fixed(4, low=0.5, high=1), 0),
        call(logits, t.of([1, -100, 0]), None, 2),
    ]


def _log_probabilities(t):
    return t.fixed(4, 2, 3).log_softmax(-1).requires_grad_()


SAMPLES: Samples = {
    "binary_cross_entropy": lambda t: [
        call(t(2, 3, low=0.1, high=0.9), t.fixed(2, 3, low=0, high=1), None, 1),
        call(t(2, 3, low=0.1, high=0.9), t.fixed(2, 3, low=0, high=1), t.fixed(3), 0),
    ],
    "binary_cross_entropy_with_logits": lambda t: [
        call(t(2, 3), t.fixed(2, 3, low=0, high=1), None, None, 1),
        call(t(2, 3), t.fixed(2, 3, low=0, high=1), t.fixed(3), t.fixed(3, low=0.5), 2),
    ],
    "cosine_embedding_loss": lambda t: [call(t(2, 3), t(2, 3), t.of([1, -1]), 0.2, 1)],
    "cross_entropy_loss": lambda t: [
        *_classes(t),
        call(t(3, 4), t.of([1, 3, 0]), None, 1, -100, 0.2),
        call(t(2, 3), t.fixed(2, 3, low=0, high=1), None, 1),
        call(t(1, 3, 2), t.of([[0, 2]]), None, 1),
    ],
    "ctc_loss": lambda t: [
        call(_log_probabilities(t), t.of([[1, 2], [2, 2]]), (4, 4), (2, 1), 0, 1),
        call(_log_probabilities(t), t.of([1, 1, 2]), (4, 3), (2, 1), 0, 0, True),
        call(_log_probabilities(t), t.of([[1, 0], [0, 1]]), t.of([4, 4]), t.of([2, 2]), 2, 2),
    ],
    "hinge_embedding_loss": lambda t: [call(t(2, 3), _signs(t, 2, 3), 0.5, 1)],
    "huber_loss": lambda t: [call(t(2, 3), t(2, 3), 1), call(t(2, 3), t(2, 3), 0, 0.5)],
    "kl_div": lambda t: [
        call(t(2, 3), t(2, 3, low=0.1, high=1), 1),
        call(t(2, 3), t(2, 3), 2, log_target=True),
    ],
    "l1_loss": _pair(),
    "margin_ranking_loss": lambda t: [call(t(3), t(3), t.of([1, -1, 1]), 0.3, 1)],
    "mse_loss": _pair(),
    "multi_margin_loss": lambda t: [
        call(t(2, 3), t.of([0, 2]), 1, 1.0, None, 1),
        call(t(2, 3), t.of([0, 2]), 2, 0.5, t.fixed(3), 0),
    ],
    "multilabel_margin_loss": lambda t: [call(t(2, 3), t.of([[0, 2, -1], [1, -1, 0]]), 1)],
    "nll_loss": _classes,
    "nll_loss_nd": lambda t: [*_classes(t), call(t(1, 3, 2), t.of([[0, 2]]), None, 1)],
    "poisson_nll_loss": lambda t: [
        call(t(2, 3), t.fixed(2, 3, low=0.5, high=3), True, False, 1e-8, 1),
        call(t(2, 3, low=0.5), t.fixed(2, 3, low=0.5, high=3), False, True, 1e-8, 0),
    ],
    "smooth_l1_loss": lambda t: [call(t(2, 3), t(2, 3), 1), call(t(2, 3), t(2, 3), 0, 0.5)],
    "soft_margin_loss": lambda t: [call(t(2, 3), _signs(t, 2, 3), 1)],
    "triplet_margin_loss": lambda t: [
        call(t(2, 3), t(2, 3), t(2, 3), 1.0, 2.0, 1e-6, False, 1),
        call(t(2, 3), t(2, 3), t(2, 3), 0.5, 2.0, 1e-6, True, 0),
    ],
}
