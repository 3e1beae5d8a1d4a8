"""One DCGAN round after another, then the gradient penalty of WGAN-GP."""

import torch
from torch import nn

G = nn.Sequential(
    nn.ConvTranspose2d(6, 8, 4, 1, 0, bias=False),
    nn.BatchNorm2d(8),
    nn.ReLU(True),
    nn.ConvTranspose2d(8, 1, 4, 2, 1, bias=False),
    nn.Tanh(),
)
D = nn.Sequential(
    nn.Conv2d(1, 4, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(4, 1, 4, 1, 0, bias=False),
    nn.Flatten(0),
)


def weights_init(m):
    name = m.__class__.__name__
    if name.find("Conv") != -1:
        torch.nn.init.normal_(m.weight, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        torch.nn.init.normal_(m.weight, 1.0, 0.02)
        torch.nn.init.zeros_(m.bias)


G.apply(weights_init)
D.apply(weights_init)
criterion = nn.BCEWithLogitsLoss()
optimizer_d = torch.optim.Adam(D.parameters(), lr=2e-3, betas=(0.5, 0.999))
optimizer_g = torch.optim.Adam(G.parameters(), lr=2e-3, betas=(0.5, 0.999))
for step in range(5):
    real = torch.rand(6, 1, 8, 8) * 2 - 1
    D.zero_grad()
    label = torch.full((6,), 1.0)
    loss_real = criterion(D(real), label)
    loss_real.backward()
    fake = G(torch.randn(6, 6, 1, 1))
    loss_fake = criterion(D(fake.detach()), label.fill_(0.0))
    loss_fake.backward()
    optimizer_d.step()
    G.zero_grad()
    loss_g = criterion(D(fake), label.fill_(1.0))
    loss_g.backward()
    optimizer_g.step()
    print(f"{step} {(loss_real + loss_fake).item():.6f} {loss_g.item():.6f}")
alpha = torch.rand(6, 1, 1, 1)
mixed = (alpha * real + (1 - alpha) * fake.detach()).requires_grad_(True)
critic = D(mixed)
(grad,) = torch.autograd.grad(critic, mixed, torch.ones_like(critic), create_graph=True)
penalty = ((grad.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
penalty.backward()
print(f"{penalty.item():.6f} {D[0].weight.grad.norm().item():.6f}")
