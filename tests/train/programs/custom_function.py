"""Functions with their own derivative: straight-through, gradient reversal, double backward."""

import torch
from torch.autograd import Function, gradcheck


class Round(Function):
    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


class Reverse(Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


class Legendre(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 1.5 * (5 * x**2 - 1)


x = torch.linspace(-1, 1, 50)
a, b, c, d = (torch.full((), v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))
for _ in range(5):
    predicted = a + b * Legendre.apply(c + d * x)
    loss = (predicted - torch.sin(3 * x)).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= 1e-3 * p.grad
            p.grad = None
    print(f"{loss.item():.6f}")
print(gradcheck(Legendre.apply, torch.rand(3, dtype=torch.float64, requires_grad=True)))
w = torch.tensor([0.4, 1.6], requires_grad=True)
Reverse.apply(Round.apply(w) * 3, 0.5).sum().backward()
print(w.grad)
z = torch.tensor(0.5, requires_grad=True)
(first,) = torch.autograd.grad(Legendre.apply(z), z, create_graph=True)
(second,) = torch.autograd.grad(first, z)
print(first.item(), second.item())
