"""One loop for each optimizer, one for each schedule, and parameter groups that change."""

import torch
from torch import nn, optim
from torch.optim import lr_scheduler

model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
start = {name: value.clone() for name, value in model.state_dict().items()}
x = torch.randn(32, 4)
y = x.sum(1, keepdim=True).sin()


def loss_of():
    return nn.functional.mse_loss(model(x), y)


for name in ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adamax", "NAdam", "RAdam", "Rprop"]:
    model.load_state_dict(start)
    optimizer = getattr(optim, name)(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 6))
    print(name, losses)

model.load_state_dict(start)
optimizer = optim.LBFGS(model.parameters(), lr=0.5, max_iter=5, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = loss_of()
    loss.backward()
    return loss


print([round(optimizer.step(closure).item(), 4) for _ in range(3)])

schedules = {
    "step": lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5),
    "one": lambda o: lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=8),
    "warm": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 3),
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "cyclic": lambda o: lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=2),
}
for name, make in schedules.items():
    groups = [{"params": [model[0].weight]}, {"params": model[2].parameters(), "lr": 0.2}]
    optimizer = optim.SGD(groups, lr=0.1, momentum=0.9)
    scheduler = make(optimizer)
    rates = []
    for _ in range(6):
        optimizer.step()
        scheduler.step()
        rates.append([round(group["lr"], 6) for group in optimizer.param_groups])
    print(name, rates)
plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, factor=0.1)
for metric in [1.0, 0.9, 0.95, 0.94]:
    plateau.step(metric)
print([group["lr"] for group in optimizer.param_groups])
