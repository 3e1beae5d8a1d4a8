"""A denoising diffusion model on points: sinusoidal embedding, noise schedule, sampling."""

import torch
from torch import nn
from torch.nn import functional as F


class Sinusoid(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, t):
        half = self.size // 2
        rate = torch.exp(-torch.log(torch.tensor([10000.0])) * torch.arange(half) / (half - 1))
        angle = t.unsqueeze(-1).float() * rate.unsqueeze(0)
        return torch.cat((torch.sin(angle), torch.cos(angle)), dim=-1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.time = Sinusoid(8)
        self.net = nn.Sequential(
            nn.Linear(10, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU(), nn.Linear(32, 2)
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, self.time(t)], dim=-1))


steps = 20
betas = torch.linspace(1e-4, 0.02, steps)
alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)
previous = F.pad(alphas_cumprod[:-1], (1, 0), value=1.0)
angle = torch.linspace(0, 2 * torch.pi, 64)
points = torch.stack([angle.cos(), angle.sin()], dim=1)
model = Denoiser()
average = torch.optim.swa_utils.AveragedModel(
    model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
for _ in range(10):
    noise = torch.randn(points.shape)
    t = torch.randint(0, steps, (len(points),)).long()
    scale = alphas_cumprod[t].sqrt().reshape(-1, 1), (1 - alphas_cumprod[t]).sqrt().reshape(-1, 1)
    loss = F.mse_loss(model(scale[0] * points + scale[1] * noise, t), noise)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    average.update_parameters(model)
    print(f"{loss.detach().item():.6f}")
average.eval()
x = torch.randn(4, 2)
with torch.no_grad():
    for i in reversed(range(steps)):
        predicted = average(x, torch.full((4,), i))
        keep = (1.0 - betas[i]).sqrt()
        x = (x - betas[i] / (1 - alphas_cumprod[i]).sqrt() * predicted) / keep
        if i > 0:
            variance = betas[i] * (1 - previous[i]) / (1 - alphas_cumprod[i])
            x = x + variance.clip(1e-20).sqrt() * torch.randn_like(x)
print(x.flatten().tolist())
