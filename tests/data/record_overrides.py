"""Records what PyTorch 2.13.0 gives for calls on subclasses and ducks: `overrides.json`.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_overrides.py`.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
import torch.overrides

from overriding import outcome

EXPRESSIONS = """\
t + 1
1 + t
1 - t
t - x
x - t
2 ** t
t // 2
t @ x
x @ t
-t
abs(t)
~(t > 1)
t == x
x < t
t + u
u + t
t[0]
t[1:]
t[t > 0]
x[t > 0]
t.sum()
t.max(0)
t.split(1)
t.unbind()
list(t)
t.shape
t.size()
t.tolist()
t.numpy().__class__.__name__
t.T
t.mT
t.data
t.detach()
t.clone()
t.to(P.float64)
t.double()
t.view(3, 1)
t.reshape(-1)
t.new_zeros(2)
t.new_tensor([1.])
t.contiguous() is t
t.requires_grad_() is t
t.add_(1) is t
t.grad
P.exp(t)
P.add(x, t, alpha=2)
P.cat([x, t])
P.stack((t, t))
P.where(x > 1, x, t)
P.zeros_like(t)
P.max(t, 0)
F.relu(t)
F.linear(seq(2), seq(2).as_subclass(T))
F.softmax(t, 0)
T([1, 2])
T(2).shape
len(t)
bool(t[0])
float(t[1])
int(t[1])
2 in t
t * P.ones(1, requires_grad=True)
copy.copy(t)
copy.deepcopy(t)
pickle.loads(pickle.dumps(nn.Parameter(x)))
type(nn.Parameter(t)), isinstance(nn.Parameter(t), nn.Parameter)
type(nn.Parameter(x) * 2)
type(nn.Parameter(x)[0])
type(nn.Parameter(x).data)
type(nn.Parameter(x).clone())
type(nn.Parameter(x).detach())
d + x
x + d
d - x
x * d
x == d
x < d
x @ d
d @ x
x[d]
P.add(x, d)
P.add(x, other=d)
P.cat([x, d])
P.sum(d, dim=0)
x.add(d)
x.where(x > 1, d)
x + s
x.add(s)
P.add(s, x)
P.cat([x, s])
s + x
x == s
without(lambda: t + 1)
without(lambda: P.cat([t, x]))
without(lambda: x + d)
without(lambda: t.shape)
without(lambda: t[0])
Own([1.]).size()
Own([1.]).shape
Own([1.]).exp()
Own([1.]).dim()
O.has_torch_function((t,)), O.has_torch_function((x,)), O.has_torch_function((d,))
O.has_torch_function((nn.Parameter(x),))
O.is_tensor_like(d), O.is_tensor_like(x), O.is_tensor_like(1)
O.is_tensor_method_or_property(P.Tensor.add)
O.is_tensor_method_or_property(P.Tensor.shape.__get__)
O.is_tensor_method_or_property(P.add)
O.resolve_name(P.add), O.resolve_name(P.Tensor.add), O.resolve_name(P.Tensor.shape.__get__)
O.resolve_name(len)
O.handle_torch_function(P.exp, (d,), d)
O.handle_torch_function(P.exp, (s,), s)
O.wrap_torch_function(lambda a: (a,))(lambda a: 'mine')(x)
P.is_tensor(d), P.is_tensor(t)
logged(lambda v: v + 1)
logged(lambda v: 1 - v)
logged(lambda v: v.shape)
logged(lambda v: v.dtype)
logged(lambda v: v.view(3, 1))
logged(lambda v: v.add_(1))
logged(lambda v: v[0])
logged(lambda v: v.__setitem__(0, 1.))
logged(lambda v: P.cat([v, v]))
logged(lambda v: P.exp(v))
logged(lambda v: v.to(P.float64))
logged(lambda v: v.size())
logged(lambda v: v.dim())
logged(lambda v: v.item)
logged(lambda v: len(v))
logged(lambda v: v.data)
logged(lambda v: v.requires_grad_())
logged(lambda v: v.requires_grad)
logged(lambda v: v.sum().backward)
logged(lambda v: P.add(P.ones(3), v))
logged(lambda v: hash(v))
""".splitlines()

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    table = {expression: outcome(expression, torch) for expression in EXPRESSIONS}
    path = Path(__file__).with_name("overrides.json")
    path.write_text(json.dumps(table, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
