"""State dicts cut and sewn: prefixes, partial loads, tied weights, checkpoints, frozen parts."""

import io

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU())
        self.head = nn.Linear(6, classes)

    def forward(self, x):
        return self.head(self.body(x))


old, new = Net(3), Net(2)
state = {f"module.{key}": value for key, value in old.state_dict().items()}
nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
body = {key: value for key, value in state.items() if key.startswith("body")}
print(new.load_state_dict(body, strict=False))
try:
    new.load_state_dict(state)
except RuntimeError as error:
    print(str(error).splitlines()[1].strip())
for parameter in new.body.parameters():
    parameter.requires_grad_(False)
trainable = [p for p in new.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trainable, lr=0.05)
x, y = torch.randn(10, 4), torch.randint(2, (10,))


def epoch(count):
    for _ in range(count):
        loss = nn.functional.cross_entropy(new(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


print(f"{epoch(3):.6f}")
file = io.BytesIO()
torch.save({"model": new.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}, file)
after = epoch(3)
file.seek(0)
checkpoint = torch.load(file, weights_only=True)
new.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
print(f"{after:.6f} {epoch(3) == after} {checkpoint['epoch']}")
print({key: tuple(value.shape) for key, value in new.state_dict().items()})
with torch.no_grad():
    new.head.weight[0] = new.head.weight.mean(0)
    new.head.bias.zero_()
print(new(x).sum().item())
