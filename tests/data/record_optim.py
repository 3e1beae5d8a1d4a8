"""Records what PyTorch 2.13's optimizers and schedulers do, for tests/optim.

Run with PyTorch installed: `python tests/data/record_optim.py`. Writes optim.json beside itself;
the tests read that file and need no PyTorch.
"""

import json
import random
import warnings
from pathlib import Path

import torch

SHAPES = [[2, 3], [4], []]
STEPS = 5

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "betas": [0.8, 0.9], "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.1, "betas": [0.5, 0.6], "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 2, "lambd": 0.1, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}),
]

LBFGS = [
    {"lr": 0.01, "max_iter": 5},
    {"lr": 1, "max_iter": 6, "line_search_fn": "strong_wolfe"},
    {"lr": 1, "max_iter": 4, "history_size": 2, "line_search_fn": "strong_wolfe"},
]

SCHEDULERS = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 2, 5], "gamma": 0.5}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.2, "end_factor": 0.9, "total_iters": 6}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {"total_iters": 6, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 2, "T_mult": 2, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 12}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 12, "three_phase": True}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 12, "anneal_strategy": "linear"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 2, "step_size_down": 3}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 2, "mode": "triangular2"}),
    (
        "CyclicLR",
        {"base_lr": 0.1, "max_lr": 0.5, "step_size_up": 2, "mode": "exp_range", "gamma": 0.9},
    ),
]


def filled(shape, draw):
    """Nested lists of this shape with values from draw()."""
    return draw() if not shape else [filled(shape[1:], draw) for _ in range(shape[0])]


def run_optimizer(name, kwargs, init, grads):
    """Parameters after each step."""
    params = [torch.nn.Parameter(torch.tensor(value)) for value in init]
    optimizer = getattr(torch.optim, name)(params, **kwargs)
    steps = []
    for step in grads:
        for param, grad in zip(params, step, strict=True):
            param.grad = torch.tensor(grad)
        optimizer.step()
        steps.append([param.tolist() for param in params])
    return {"name": name, "kwargs": kwargs, "steps": steps}


def run_lbfgs(kwargs):
    """Rosenbrock's function from (-1, 1.5) in float64: the point after each of three steps."""
    x = torch.nn.Parameter(torch.tensor([-1.0, 1.5], dtype=torch.float64))
    optimizer = torch.optim.LBFGS([x], **kwargs)

    def closure():
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        loss.backward()
        return loss

    losses, points = [], []
    for _ in range(3):
        losses.append(optimizer.step(closure).item())
        points.append(x.tolist())
    evaluations = optimizer.state[x]["func_evals"]
    return {"kwargs": kwargs, "losses": losses, "points": points, "func_evals": evaluations}


def run_scheduler(name, kwargs):
    """Rates and momenta of two groups after the constructor and after each of ten steps."""
    params = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.04}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **kwargs)
    log = []
    for step in range(11):
        if step:
            optimizer.step()
            scheduler.step()
        log.append([[group["lr"], group["momentum"]] for group in optimizer.param_groups])
    return {"name": name, "kwargs": kwargs, "log": log}


def main():
    """Write optim.json."""
    rng = random.Random(0)

    def draw():
        return round(rng.uniform(-2, 2), 3)

    init = [filled(shape, draw) for shape in SHAPES]
    grads = [[filled(shape, draw) for shape in SHAPES] for _ in range(STEPS)]
    warnings.simplefilter("ignore")
    data = {
        "torch": torch.__version__,
        "init": init,
        "grads": grads,
        "optimizers": [run_optimizer(n, k, init, grads) for n, k in OPTIMIZERS],
        "lbfgs": [run_lbfgs(kwargs) for kwargs in LBFGS],
        "schedulers": [run_scheduler(n, k) for n, k in SCHEDULERS],
    }
    path = Path(__file__).with_name("optim.json")
    path.write_text(json.dumps(data, indent=None, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
