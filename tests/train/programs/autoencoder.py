"""A convolutional autoencoder in channels_last, with a schedule and gradient accumulation."""

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

model = nn.Sequential(
    nn.Conv2d(1, 4, 3, stride=2, padding=1),
    nn.BatchNorm2d(4),
    nn.SiLU(),
    nn.Conv2d(4, 8, 3, stride=2, padding=1),
    nn.GroupNorm(2, 8),
    nn.ELU(),
    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    nn.Conv2d(8, 4, 3, padding=1),
    nn.ReLU(),
    nn.ConvTranspose2d(4, 1, 2, stride=2),
    nn.Sigmoid(),
).to(memory_format=torch.channels_last)
x = torch.rand(12, 1, 8, 8).contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9, nesterov=True)
warmup = LinearLR(optimizer, start_factor=0.1, total_iters=3)
scheduler = SequentialLR(optimizer, [warmup, CosineAnnealingLR(optimizer, 6)], milestones=[3])
for epoch in range(6):
    optimizer.zero_grad()
    total = 0.0
    for part in x.chunk(3):
        loss = nn.functional.mse_loss(model(part), part) / 3
        loss.backward()
        total += loss.item()
    optimizer.step()
    scheduler.step()
    print(f"{epoch} {total:.6f} {scheduler.get_last_lr()[0]:.5f}")
