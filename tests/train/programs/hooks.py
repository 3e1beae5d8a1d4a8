"""Hooks of tensors and modules, activations collected, gradients changed."""

import torch
from torch import nn

model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
activations, flows = {}, []
handles = [
    module.register_forward_hook(lambda m, i, o, name=name: activations.update({name: o.detach()}))
    for name, module in model.named_children()
]
handles.append(model[0].register_full_backward_hook(lambda m, gi, go: flows.append(go[0].norm())))
handles.append(model.register_forward_pre_hook(lambda m, args: (args[0] * 2,)))
x = torch.randn(4, 3, requires_grad=True)
x.register_hook(lambda grad: grad.clamp(-0.1, 0.1))
out = model(x)
out.retain_grad()
out.pow(2).mean().backward()
print({name: round(value.sum().item(), 5) for name, value in activations.items()})
print([round(value.item(), 5) for value in flows], x.grad.abs().max().item())
print(out.grad.flatten().tolist())
for handle in handles:
    handle.remove()
activations.clear()
model(x).sum().backward()
print(activations, len(flows), x.grad.norm().item())

optimizers = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}


def step(parameter):
    optimizers[parameter].step()
    optimizers[parameter].zero_grad()


for p in model.parameters():
    p.register_post_accumulate_grad_hook(step)
for _ in range(3):
    model.zero_grad()
    loss = model(x.detach()).pow(2).mean()
    loss.backward()
    print(f"{loss.item():.6f} {model[0].weight.grad}")
