"""Records what PyTorch 2.13.0 gives for transforms of functions: `func.json`.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_func.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch

from outcome import outcome

CASES = """\
torch.func.grad(lambda x: x.sin().sum())(T([1., 2., 3.]))
torch.func.grad(lambda x: x)(T([1., 2., 3.]))
torch.func.grad(lambda x: 3)(T([1., 2., 3.]))
torch.func.grad(lambda x: x.sum())(3.)
torch.func.grad(lambda x: x.sum(), argnums=1)(T([1., 2., 3.]))
torch.func.grad(lambda x: x.sum(), argnums=())(T([1., 2., 3.]))
torch.func.grad(lambda x: x.sum(), argnums=(0, 0))(T([1., 2., 3.]))
torch.func.grad(lambda x: x.sum(), argnums='a')(T([1., 2., 3.]))
torch.func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(T([1., 2.]), T([3., 4.]))
torch.func.grad(lambda x, y: (x * y).sum(), argnums=-1)(T([1., 2.]), T([3., 4.]))
torch.func.grad(lambda d: (d['a'] ** 2).sum() + d['b'][0].sum())({'a': T([1., 2.]), 'b': [T(1.)]})
torch.func.grad(lambda x: (x.sum(), x), has_aux=True)(T([1., 2.]))
torch.func.grad(lambda x: x.sum(), has_aux=True)(T([1., 2.]))
torch.func.grad(lambda x, k: (k * x).sum())(T([1., 2.]), k=3)
torch.func.grad_and_value(lambda x: x.square().sum())(T([1., 2.]))
torch.func.grad_and_value(lambda x: (x.square().sum(), 5), has_aux=True)(T([1., 2.]))
torch.func.grad(lambda x: torch.ones(()))(T([1., 2.]))
torch.func.grad(lambda x: x.detach().sum())(T([1., 2.]))
torch.func.grad(torch.func.grad(lambda x: x ** 3))(T(2.))
torch.func.grad(torch.func.grad(torch.func.grad(lambda x: x ** 4)))(T(2.))
torch.func.grad(lambda x: torch.func.grad(lambda y: x * y ** 2)(x))(T(3.))
torch.func.grad(lambda x: x * torch.func.grad(lambda y: x + y)(T(1.)))(T(5.))
torch.func.grad(lambda x: torch.autograd.grad(x.exp().sum(), x, create_graph=True)[0].sum())(T([1.]))
torch.func.grad(lambda x: x ** 2)(T(3., requires_grad=True)).requires_grad
torch.func.grad(lambda x: x ** 2)(T(3.)).requires_grad
(lambda y: torch.func.grad(lambda x: x ** 2 * y)(T(3.)).backward() or y.grad)(T(2., requires_grad=True))
(lambda y: torch.func.grad(lambda x: x ** 3)(y).backward() or y.grad)(T(2., requires_grad=True))
torch.no_grad()(lambda: torch.func.grad(lambda x: x ** 2)(T(3., requires_grad=True)).requires_grad)()
torch.no_grad()(lambda: torch.func.grad(torch.func.grad(lambda x: x ** 3))(T(3.)))()
torch.func.grad(lambda x: x ** 2)(T(3))
torch.func.vjp(lambda x: x.sin(), T([1., 2.]))[1](T([1., 3.]))
torch.func.vjp(lambda x: x.sin(), T([1., 2.]))[1](T([1.]))
torch.func.vjp(lambda x, y: (x * y, {'a': x}), T([1., 2.]), T([3., 4.]))[1]((T([1., 2.]), {'a': T([1., 1.])}))
torch.func.vjp(lambda x, y: (x * y, {'a': x}), T([1., 2.]), T([3., 4.]))[0]
torch.func.vjp(lambda x: x, 3)
torch.func.vjp(lambda x: (x, 3), T([1.]))
torch.func.vjp(lambda x: (), T([1.]))
torch.func.vjp(lambda x: (x * 2, x + 1), T([1.]), has_aux=True)[2]
torch.func.vjp(lambda x: x * 2, T([1.]), has_aux=True)
torch.func.vjp(lambda x: torch.ones(2), T([1.]))[1](T([1., 1.]))
torch.func.jvp(lambda x: x.sin(), (T([1., 2.]),), (T([1., 3.]),))
torch.func.jvp(lambda x, y: (x * y, x), (T([1., 2.]), T([3., 4.])), (T([1., 0.]), T([0., 1.])))
torch.func.jvp(lambda x: x.sin(), T([1.]), T([1.]))
torch.func.jvp(lambda x: x.sin(), (T([1.]),), (T([1.]), T([1.])))
torch.func.jvp(lambda x: x.sin(), (T([1., 2.]),), (T([1.]),))
torch.func.jvp(lambda x: x.sin(), (), ())
torch.func.jvp(lambda x: (x, x.sin()), (T([1.]),), (T([1.]),), has_aux=True)
torch.func.jvp(lambda x: 3, (T([1.]),), (T([1.]),))
torch.func.jvp(lambda x: torch.ones(2), (T([1.]),), (T([1.]),))
torch.func.jvp(lambda x: torch.func.jvp(lambda y: y ** 3, (x,), (T(1.),))[1], (T(2.),), (T(1.),))
torch.func.grad(lambda x: torch.func.jvp(lambda y: y ** 3, (x,), (T(1.),))[1])(T(2.))
torch.func.linearize(lambda x: x.sin(), T([1., 2.]))[1](T([1., 3.]))
torch.func.jacrev(lambda x: x.sin())(T([1., 2.]))
torch.func.jacfwd(lambda x: x.sin())(T([1., 2.]))
torch.func.jacrev(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(T([1., 2.]), T([3., 4.]))
torch.func.jacfwd(lambda x, y: (x * y, x.sum()), argnums=(0, 1))(T([1., 2.]), T([3., 4.]))
torch.func.jacrev(lambda d: {'o': d['a'] * 2})({'a': T([1., 2.])})
torch.func.jacfwd(lambda d: {'o': d['a'] * 2})({'a': T([1., 2.])})
torch.func.jacrev(lambda x: (x * 2, x + 1), has_aux=True)(T([1., 2.]))
torch.func.jacfwd(lambda x: (x * 2, x + 1), has_aux=True)(T([1., 2.]))
torch.func.jacrev(lambda x: x @ X)(T([[1., 2., 3.]])).shape
torch.func.jacfwd(lambda x: x @ X)(T([[1., 2., 3.]])).shape
torch.func.jacrev(lambda x: 3)(T([1.]))
torch.func.jacfwd(lambda x: 3)(T([1.]))
torch.func.jacrev(lambda x: x)(3)
torch.func.jacrev(torch.func.jacfwd(lambda x: (x ** 3).sum()))(T([1., 2.]))
torch.func.hessian(lambda x: (x ** 3).prod())(T([1., 2.]))
torch.func.hessian(lambda x, y: (x * y ** 2).sum(), argnums=1)(T([1., 2.]), T([3., 4.]))
torch.func.vmap(torch.dot)(T([[1., 2.], [3., 4.]]), T([[1., 2.], [3., 4.]]))
torch.func.vmap(lambda x: x.sum())(X)
torch.func.vmap(lambda x: x.sum(), in_dims=1)(X)
torch.func.vmap(lambda x: x.sum(), in_dims=-1)(X)
torch.func.vmap(lambda x, y: x * y, in_dims=(0, None))(T([1., 2.]), T([3., 4.]))
torch.func.vmap(lambda x, y: x * y, in_dims=(None, 0))(T([1., 2.]), T([3., 4.]))
torch.func.vmap(lambda x: x * 2, out_dims=1)(X).shape
torch.func.vmap(lambda x: x * 2, out_dims=-1)(X).shape
torch.func.vmap(lambda x: (x, x * 2), out_dims=(0, 1))(X)[1].shape
torch.func.vmap(lambda x: [x, {'a': x * 2}])(T([1., 2.]))
torch.func.vmap(lambda d: d['a'] * d['b'], in_dims=({'a': 0, 'b': None},))({'a': T([1., 2.]), 'b': T(3.)})
torch.func.vmap(lambda x: torch.ones(2), out_dims=1)(T([1., 2.]))
torch.func.vmap(lambda x: torch.ones(2), out_dims=None)(T([1., 2.]))
torch.func.vmap(lambda x: x, out_dims=None)(T([1., 2.]))
torch.func.vmap(lambda x: x, out_dims=3)(T([1., 2.]))
torch.func.vmap(lambda x: (x, x), out_dims=(0,))(T([1., 2.]))
torch.func.vmap(lambda x: 3)(T([1., 2.]))
torch.func.vmap(lambda x: x, in_dims=1)(T([1., 2.]))
torch.func.vmap(lambda x: x, in_dims=None)(T([1., 2.]))
torch.func.vmap(lambda x: x, in_dims='a')(T([1., 2.]))
torch.func.vmap(lambda x: x, in_dims=(0, 0))(T([1., 2.]))
torch.func.vmap(lambda x: x)()
torch.func.vmap(lambda x: x)(3)
torch.func.vmap(lambda x: x)(T(1.))
torch.func.vmap(lambda x, y: x + y)(T([1., 2., 3.]), T([1., 2.]))
torch.func.vmap(lambda x: torch.rand(2) + x)(T([1., 2.]))
torch.func.vmap(lambda x: torch.rand(2) + x, randomness='same')(T([1., 2.]))
torch.func.vmap(lambda x: torch.rand(2) + x, randomness='different')(T([1., 2.]))
torch.func.vmap(lambda x: x, randomness='often')(T([1., 2.]))
torch.func.vmap(lambda x: x, chunk_size=0)(T([1., 2.]))
torch.func.vmap(lambda x: x * 2, chunk_size=1)(T([1., 2.]))
torch.func.vmap(torch.func.grad(lambda x: x ** 2))(T([1., 2.]))
torch.func.vmap(torch.func.grad(lambda w, x: (w * x).sum()), in_dims=(None, 0))(T([1., 2.]), T([[1., 2.], [3., 4.]]))
torch.func.vmap(torch.func.vmap(lambda x: x * 2))(X)
torch.func.vmap(torch.func.vmap(torch.dot, (None, 0)), (0, None))(X, X)
torch.func.grad(lambda x: torch.func.vmap(lambda y: y ** 2)(x).sum())(T([1., 2.]))
(lambda x: torch.func.vmap(lambda y: y ** 2)(x).sum().backward() or x.grad)(T([1., 2.], requires_grad=True))
(lambda x: torch.func.vmap(lambda y: y.add_(1))(x).sum() and x)(T([1., 2.]))
torch.vmap(lambda x: x + 1)(T([1., 2.]))
torch.func.stack_module_state([torch.nn.Linear(2, 1) for _ in range(2)])[0]['weight'].shape
torch.func.stack_module_state([torch.nn.BatchNorm1d(2) for _ in range(2)])[1]['running_var']
torch.func.stack_module_state([])
torch.func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).eval()])
torch.func.stack_module_state([torch.nn.Linear(1, 1), torch.nn.ReLU()])
""".splitlines()

if __name__ == "__main__":
    table = {case: outcome(case, torch) for case in CASES}
    path = Path(__file__).with_name("func.json")
    path.write_text(json.dumps(table, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
