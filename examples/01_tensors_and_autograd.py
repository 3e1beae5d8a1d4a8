"""Tensors and gradients: fit a line by hand, without modules or optimizers.

A tensor is an array that remembers how it was computed. `backward()` walks that history and leaves
the derivative of the result in `.grad` of each tensor that asked for it.

    python examples/01_tensors_and_autograd.py
"""

import pyrite as torch


def views() -> None:
    """Reshaping and slicing give views: they share memory with the tensor they come from."""
    x = torch.arange(6)  # (6,)
    table = x.view(2, 3)  # (2, 3), no copy
    table[0, 0] = 100
    print("x sees the write through its view:", x.tolist())

    column = torch.tensor([[1.0], [2.0]])  # (2, 1)
    row = torch.tensor([10.0, 20.0, 30.0])  # (3,)
    print("broadcast sum:", (column + row).tolist())  # (2, 1) + (3,) -> (2, 3)


def derivative(at: float) -> float:
    """The derivative of x^3 - 2x, which is 3x^2 - 2."""
    x = torch.tensor(at, requires_grad=True)  # ()
    y = x**3 - 2 * x
    y.backward()
    return x.grad.item()


def fit_line(steps: int) -> tuple[float, float]:
    """Finds slope and offset of noisy points by gradient descent."""
    x = torch.linspace(-1, 1, 50)  # (50,)
    y = 3 * x - 1 + 0.1 * torch.randn(50)  # the line to find, with noise
    slope = torch.zeros((), requires_grad=True)
    offset = torch.zeros((), requires_grad=True)
    for step in range(steps):
        loss = (slope * x + offset - y).square().mean()  # (50,) -> ()
        loss.backward()
        with torch.no_grad():  # an update is no part of the history
            for parameter in (slope, offset):
                parameter -= 0.5 * parameter.grad
                parameter.grad = None
        if step % 10 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")
    return slope.item(), offset.item()


def main(steps: int = 50) -> tuple[float, float]:
    """Runs the three parts."""
    torch.manual_seed(0)
    views()
    print("derivative of x^3 - 2x at 2:", derivative(2.0))
    slope, offset = fit_line(steps)
    print(f"the line is y = {slope:.2f} x + {offset:.2f}")
    return slope, offset


if __name__ == "__main__":
    main()
