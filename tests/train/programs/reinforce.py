"""REINFORCE and an actor-critic update in a walk along a line."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(2, 16)
        self.action_head, self.value_head = nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, x):
        x = F.relu(self.affine(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=3e-2)
eps = torch.finfo(torch.float32).eps
for episode in range(8):
    position, log_probs, values, rewards = 0.0, [], [], []
    for t in range(12):
        probs, value = policy(torch.tensor([position, t / 12]))
        m = Categorical(probs)
        action = m.sample()
        log_probs.append(m.log_prob(action))
        values.append(value)
        position += 0.25 if action.item() else -0.25
        rewards.append(position)
    R, returns = 0.0, []
    for r in rewards[::-1]:
        R = r + 0.9 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    actor = [-lp * (R - v.item()) for lp, v, R in zip(log_probs, values, returns, strict=True)]
    critic = [F.smooth_l1_loss(v, R.view(1)) for v, R in zip(values, returns, strict=True)]
    optimizer.zero_grad()
    loss = torch.stack(actor).sum() + torch.stack(critic).sum()
    loss.backward()
    optimizer.step()
    print(f"{episode} {loss.item():.5f} {position:.2f} {m.entropy().item():.5f}")
