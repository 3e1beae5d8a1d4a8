"""Records optim.txt: parameters after each of nine steps of PyTorch's optimizers (2.13, float64).

Run with an interpreter that has torch: `python optim.py > optim.txt`. The test names its cases alike.
"""

import torch

START = [1.0, -2.0, 0.5, 3.0]
GRADS = [[0.5, -1.0, 0.0, 2.0], [-0.25, -1.5, 0.75, 1.0], [0.125, 2.0, 0.5, -3.0]]
O = torch.optim
torch.set_default_dtype(torch.float64)
CASES = {
    "sgd": (O.SGD, {"lr": 0.1}),
    "sgd decay": (O.SGD, {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    "sgd momentum": (O.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    "sgd nesterov": (O.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    "asgd": (O.ASGD, {"lr": 0.1, "weight_decay": 0.1, "t0": 1.0}),
    "adam": (O.Adam, {"lr": 0.1}),
    "adam amsgrad": (
        O.Adam,
        {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "betas": (0.4, 0.5)},
    ),
    "adamw": (O.AdamW, {"lr": 0.1, "weight_decay": 0.3, "maximize": True}),
    "adamax": (O.Adamax, {"lr": 0.1, "weight_decay": 0.1}),
    "nadam": (O.NAdam, {"lr": 0.1, "weight_decay": 0.1}),
    "nadam decoupled": (O.NAdam, {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    "radam": (O.RAdam, {"lr": 0.1, "weight_decay": 0.1}),
    "radam rectified": (
        O.RAdam,
        {"lr": 0.1, "betas": (0.9, 0.9999), "decoupled_weight_decay": True},
    ),
    "adagrad": (O.Adagrad, {"lr": 0.1, "lr_decay": 0.2, "weight_decay": 0.1}),
    "rmsprop": (O.RMSprop, {"lr": 0.1, "weight_decay": 0.1}),
    "rmsprop centered": (O.RMSprop, {"lr": 0.1, "centered": True, "momentum": 0.9}),
    "adadelta": (O.Adadelta, {"lr": 0.5, "weight_decay": 0.1}),
    "rprop": (O.Rprop, {"lr": 0.1}),
}
for name, (kind, options) in CASES.items():
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = kind([p], foreach=False, **options)
    rows = []
    for grad in GRADS * 3:
        p.grad = torch.tensor(grad, dtype=torch.float64)
        optimizer.step()
        rows.append(" ".join(repr(v) for v in p.tolist()))
    print(name + ": " + " ".join(rows))
