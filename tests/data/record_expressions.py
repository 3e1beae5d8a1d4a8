"""Records comparisons and attributes of tensors as PyTorch 2.13.0 gives them.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_expressions.py`.
"""

from __future__ import annotations

from recording import record, require_reference

ASSERT_CLOSE = """\
assert_close(1.0, 2.0)
assert_close(1, 2)
assert_close(1, 1.0)
assert_close(1, 1.0, check_dtype=False)
assert_close(True, False)
assert_close(None, 1)
assert_close(None, None)
assert_close(1.0, 1.0 + 1e-8)
assert_close(math.nan, math.nan)
assert_close(math.nan, math.nan, equal_nan=True)
assert_close(math.inf, 1.0)
assert_close(1j, 2j)
assert_close(T([1.0, 2, 3]), T([1.0, 2, 4]))
assert_close(T([1, 2, 3]), T([1, 2, 4]))
assert_close(T([1.0, 2, 3]), T([1.0, 2]))
assert_close(T([1.0, 2]), T([1.0, 2], dtype=torch.float64))
assert_close(T([1.0, 2]), T([1.0, 2.5], dtype=torch.float64), check_dtype=False)
assert_close(T([True, False]), T([True, True]))
assert_close(T([[1.0, 2], [3, 4]]), T([[1.0, 2], [5, 9]]), rtol=0, atol=0)
assert_close(T([[1.0, 2], [3, 4]]), T([[1.0, 2], [5, 9]]), rtol=0.1, atol=0)
assert_close(T(1.0), T(2.0))
assert_close(T([1.0, math.nan]), T([1.0, math.nan]))
assert_close(T([1.0, math.nan]), T([1.0, math.nan]), equal_nan=True)
assert_close([T([1.0]), T([2.0])], [T([1.0]), T([3.0])])
assert_close([T([1.0])], [T([1.0]), T([3.0])])
assert_close({"a": T([1.0]), "b": [1, 2]}, {"a": T([1.0]), "b": [1, 3]})
assert_close({"a": 1}, {"b": 1})
assert_close(T([1.0]), 1.0)
assert_close("a", "a")
assert_close(T([1.0]), T([2.0]), rtol=1)
assert_close(T([1.0]), T([2.0]), msg="hello")
assert_close(T([1.0]), T([2.0]), msg=lambda text: "X " + text)
assert_close(torch.ones(2, 3).t(), torch.ones(3, 2), check_stride=True)
assert_close(torch.ones(0), torch.ones(0))
assert_close(T([1 + 2j]), T([1 + 3j]))
assert_close(T([1.0], dtype=torch.bfloat16), T([1.1], dtype=torch.bfloat16))
assert_close(torch.nn.Parameter(T([1.0])), T([1.0]))
assert_close(T([200], dtype=torch.uint8), T([100], dtype=torch.uint8))
assert_close((1, 2), [1, 2])
"""

ATTRIBUTES = """\
torch.ones(2, 3).H.shape
torch.ones(2, 3).mH.shape
torch.ones(2, 2, 3).mH.shape
torch.ones(2).H
torch.ones(2).mH
torch.ones(2, 2, 2).H
T(1.).H
T([[1+2j]]).H
torch.ones(1).is_cpu, torch.ones(1).is_xpu, torch.ones(1).is_mps, torch.ones(1).is_nested
torch.ones(1, device='meta').is_cpu
T([2.]).is_nonzero(), T(0).is_nonzero()
torch.ones(2).is_nonzero()
torch.ones(2, 3).t().dim_order()
torch.ones(2, 3).dense_dim(), torch.ones(2, 3).sparse_dim()
T([1., 2]).to_dense(dtype=torch.float64)
T([1., 2]).where(T([True, False]), 5.)
T([1.]).name, T([1.]).grad_dtype
math.copysign(1, T([1.]).const_data_ptr())
(torch.ones(2) * 1).__setstate__((False, None, {}))
leaf().exp().__setstate__((False, None, {}))
torch.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(T([1., 2])))
torch._check(True), torch._check(True, 'x'), torch._check_value(True), torch._check_tensor_all(T([True]))
torch._check(False)
torch._check(1)
torch._check(False, lambda: 'said')
torch._check(False, 'said')
torch._check_index(False, lambda: 'said')
torch._check_value(False, lambda: 'said')
torch._check_type(False, lambda: 'said')
torch._check_not_implemented(False, lambda: 'said')
torch._check_with(KeyError, False, lambda: 'said')
torch._check_tensor_all(T([True, False]), lambda: 'said')
torch._assert_async(T([3]))
torch._assert_async(T(False))
torch.hub.HASH_REGEX.search('resnet18-f37072fd.pth').group(1)
torch.utils.checkpoint.get_device_states(T(1.), [T(2.)], 3)
torch.utils.checkpoint.set_device_states([], [])
torch.xpu.is_available(), torch.xpu.device_count(), torch.xpu.is_initialized()
torch.is_deterministic_algorithms_warn_only_enabled(), torch._C._get_tracing_state(), torch._C._log_api_usage_once('x')
"""


DEPRECATED = """\
T([1., 2.]).add_(2, T([3., 4.])), T([1., 2.]).add(2, T([3., 4.])), torch.add(T([1., 2.]), .5, T([3., 4.]))
T([1., 2.]).sub_(2, T([3., 4.])), torch.sub(T([1., 2.]), -1, T([3., 4.]))
T([1., 2.]).addcmul_(2, T([3., 4.]), T([5., 6.])), torch.addcmul(T([1., 2.]), 2, T([3., 4.]), T([5., 6.]))
T([1., 2.]).addcdiv_(-2, T([3., 4.]), T([5., 6.])), torch.addcdiv(T([1., 2.]), 2, T([3., 4.]), T([5., 6.]))
torch.addmm(.5, torch.eye(2), 2, X[:2, :2], X[:2, :2]), torch.addmm(.5, torch.eye(2), X[:2, :2], X[:2, :2])
torch.eye(2).addmm_(.5, 2, X[:2, :2], X[:2, :2]), torch.eye(2).addmm(.5, X[:2, :2], X[:2, :2])
torch.ones(2).addmv_(.5, 2, X[:2, :2], X[0, :2]), torch.eye(2).addr(3, X[0, :2], X[0, :2])
torch.eye(2).addbmm(.5, 2, X[None, :2, :2], X[None, :2, :2]), torch.eye(2)[None].baddbmm(.5, 2, X[None, :2, :2], X[None, :2, :2])
grad(lambda x: torch.add(x, 3, x), [1., 2.])
T([1., 2.]).add_('a', T([3., 4.]))
T([1., 2.]).mul_(2, 3)
T([1., 2.]).addcmul_(2, T([3., 4.]))
T([1, 2]).add_(.5, T([3, 4]))
"""

FOREACH = """\
torch._foreach_add([T([1., 2.]), T([3.])], 1), torch._foreach_sub([T([1., 2.]), T([3.])], 1), torch._foreach_mul([T([1., 2.]), T([3.])], 2.), torch._foreach_div([T([1., 2.]), T([3.])], 4)
torch._foreach_add_([T([1., 2.]), T([3.])], 1), torch._foreach_sub_([T([1., 2.]), T([3.])], 1), torch._foreach_mul_([T([1., 2.]), T([3.])], 2.), torch._foreach_div_([T([1., 2.]), T([3.])], 4)
torch._foreach_add([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], alpha=2), torch._foreach_add([T([1., 2.]), T([3.])], [1, 2]), torch._foreach_add([T([1., 2.]), T([3.])], T(2.)), torch._foreach_add([T([1., 2.]), T([3.])], T(2.), alpha=3)
torch._foreach_add([T([1., 2.]), T([3.])], other=[T([1., 2.]), T([3.])]), torch._foreach_mul([T([1., 2.]), T([3.])], scalar=2), torch._foreach_mul([T([1., 2.]), T([3.])], scalars=[1, 2])
torch._foreach_add([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])][:1])
torch._foreach_add([T([1., 2.]), T([3.])], [1])
torch._foreach_add([], 1)
torch._foreach_mul([T([1., 2.]), T([3.])], T([1., 2]))
torch._foreach_norm([T([1., 2.]), T([3.])]), torch._foreach_norm([T([1., 2.]), T([3.])], 1), torch._foreach_norm([T([1., 2.]), T([3.])], float('inf'), dtype=torch.float64)
torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])]), torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], value=2), torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], 2)
torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [1, 2]), torch._foreach_addcdiv_([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], T([1., 2]))
torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], T([1.]))
torch._foreach_addcmul([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [1])
torch._foreach_lerp([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])][:1], .5)
torch._foreach_lerp([T([1., 2.]), T([3.])], torch._foreach_neg([T([1., 2.]), T([3.])]), .5), torch._foreach_lerp([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])]), torch._foreach_lerp_([T([1., 2.]), T([3.])], torch._foreach_neg([T([1., 2.]), T([3.])]), [.5, 1.])
torch._foreach_pow([T([1., 2.]), T([3.])], 2), torch._foreach_pow(2, [T([1., 2.]), T([3.])]), torch._foreach_pow([T([1., 2.]), T([3.])], [T([1., 2.]), T([3.])]), torch._foreach_pow_([T([1., 2.]), T([3.])], [1, 2])
torch._foreach_copy_([T([1., 2.]), T([3.])], torch._foreach_neg([T([1., 2.]), T([3.])])), torch._foreach_zero_([T([1., 2.]), T([3.])]), torch._foreach_max([T([1., 2.]), T([3.])]), torch._foreach_clone([T([1., 2.]), T([3.])])
torch._foreach_maximum([T([1., 2.]), T([3.])], 2), torch._foreach_minimum_([T([1., 2.]), T([3.])], torch._foreach_neg([T([1., 2.]), T([3.])])), torch._foreach_clamp_min([T([1., 2.]), T([3.])], [2, 3]), torch._foreach_clamp_max_([T([1., 2.]), T([3.])], 1.5)
torch._foreach_sqrt([T([1., 2.]), T([3.])]), torch._foreach_rsqrt_([T([1., 2.]), T([3.])]), torch._foreach_exp([T([1., 2.]), T([3.])]), torch._foreach_sign([T([1., 2.]), T([3.])]), torch._foreach_sigmoid_([T([1., 2.]), T([3.])])
all(type(torch._foreach_abs([T([1., 2.]), T([3.])])) is tuple for _ in range(1)), type(torch._foreach_abs_([T([1., 2.]), T([3.])])) is list
(lambda a: torch._foreach_mul_(a, 2)[0] is a[0])([T([1., 2.]), T([3.])])
"""

COMPLEX_HALF = """\
T([1+2j, 3-1j]).chalf()
T([1+2j, 3-1j]).chalf() + T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf() - 1j, T([1+2j, 3-1j]).chalf() * T([1+2j, 3-1j]).chalf(), -T([1+2j, 3-1j]).chalf(), torch.rsub(T([1+2j, 3-1j]).chalf(), 1j)
T([1+2j, 3-1j]).chalf().abs(), T([1+2j, 3-1j]).chalf().sgn(), T([1+2j, 3-1j]).chalf().real, T([1+2j, 3-1j]).chalf().imag, T([1+2j, 3-1j]).chalf().conj(), torch.view_as_real(T([1+2j, 3-1j]).chalf())
T([1+2j, 3-1j]).chalf() == T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf().isnan(), T([1+2j, 3-1j]).chalf().isfinite(), T([1+2j, 3-1j]).chalf().nonzero()
T([1+2j, 3-1j]).chalf().cfloat(), T([1+2j, 3-1j]).chalf().cdouble(), T([1+2j, 3-1j]).chalf().bool()
T([1.5, 2e5]).chalf(), T([1.5, 3]).half().to(torch.complex32), T([1.5, 3]).bfloat16().to(torch.complex32), T([1, 3]).chalf(), T([1.5, 3]).double().chalf()
T([1+2j, 1e9], dtype=torch.complex128).chalf(), T([True, False]).chalf()
T([1+2j, 3-1j]).chalf().numpy()
T([1+2j, 3-1j]).chalf().tolist(), T([1+2j, 3-1j]).chalf()[0].item(), T([1+2j, 3-1j]).chalf()[0]
T([1+2j, 3-1j]).chalf().stride(), T([1+2j, 3-1j]).chalf().element_size(), T([1+2j, 3-1j]).chalf().dtype.itemsize, T([1+2j, 3-1j]).chalf().dtype.to_real(), torch.half.to_complex(), torch.bfloat16.to_complex()
torch.zeros(2, dtype=torch.complex32), torch.full((2,), 1j, dtype=torch.chalf), torch.ones_like(T([1+2j, 3-1j]).chalf()), T([1+2j, 3-1j]).chalf().new_full((2,), 2)
torch.manual_seed(0).initial_seed(), torch.randn(3, dtype=torch.complex32), torch.rand(3, dtype=torch.complex32)
torch.stack([T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf()]), torch.cat([T([1+2j, 3-1j]).chalf(), T([1j])]), torch.where(T([True, False]), T([1+2j, 3-1j]).chalf(), 2), T([1+2j, 3-1j]).chalf().masked_fill(T([True, False]), 2j)
T([1+2j, 3-1j]).chalf()[T([1, 0])], T([1+2j, 3-1j]).chalf().index_add(0, T([0, 0]), T([1+2j, 3-1j]).chalf()), T([1+2j, 3-1j]).chalf().index_put((T([0, 0]),), T([1+2j, 3-1j]).chalf(), accumulate=True), T([1+2j, 3-1j]).chalf().addcmul(T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf())
T([1+2j, 3-1j]).chalf().norm(), T([1+2j, 3-1j]).chalf().sum(dtype=torch.complex64), T([1+2j, 3-1j]).chalf().var()
T([1., 2]).half() + 2j, T([1., 2]).bfloat16() + 2j, T([1., 2]).half() * T([1+2j, 3-1j]).chalf(), T([1., 2]) * T([1+2j, 3-1j]).chalf(), T([1, 2]) * T([1+2j, 3-1j]).chalf(), T([1., 2]).double() * T([1+2j, 3-1j]).chalf()
torch.view_as_complex(torch.ones(3, 2).half()), torch.complex(torch.ones(2).half(), torch.ones(2).half())
torch.promote_types(torch.complex32, torch.bfloat16), torch.result_type(torch.ones(2).half(), 2j), torch.can_cast(torch.complex32, torch.half)
torch.finfo(torch.complex32).max, torch.finfo(torch.complex32).eps, T([1+2j, 3-1j]).chalf().type(), torch.is_complex(T([1+2j, 3-1j]).chalf()), T([1+2j, 3-1j]).chalf().is_signed()
torch.full((2,), 1j, dtype=torch.half)
T([1., 2]).half().add_(2j)
T([1., 2]).half() / 2j
2j / T([1., 2]).half()
T([1., 2]).half() ** 2j
grad(lambda x: (x.chalf() * T([1+2j, 3-1j]).chalf()).abs().sum(dtype=torch.float32), [1., 2.])
torch.testing.assert_close(T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf() * 1.002), torch.allclose(T([1+2j, 3-1j]).chalf(), T([1+2j, 3-1j]).chalf())
"""

FITTING = """\
torch.full((2,),300,dtype=torch.uint8)
torch.full((2,),-1,dtype=torch.uint8)
torch.full((2,),-256,dtype=torch.uint8)
torch.full((2,),1e30,dtype=torch.long)
torch.full((2,),1e6,dtype=torch.half)
torch.full((2,),1e50,dtype=torch.float)
torch.full((2,),float('inf'),dtype=torch.half)
torch.full((2,),float('nan'),dtype=torch.long)
torch.full((2,),float('inf'),dtype=torch.int)
torch.full((2,),200,dtype=torch.int8)
torch.full((2,),5,dtype=torch.bool)
torch.full((2,),1e39,dtype=torch.bfloat16)
torch.full((2,),1e39j,dtype=torch.complex64)
torch.full((2,),1j,dtype=torch.bool)
torch.ones(2,dtype=torch.uint8).fill_(300)
torch.ones(2,dtype=torch.uint8).fill_(T(300))
torch.ones(2,dtype=torch.uint8).fill_(1j)
torch.ones(2).fill_(T(1j))
torch.ones(2,dtype=torch.int16).fill_(70000)
torch.ones(2,dtype=torch.uint8)+300
torch.ones(2,dtype=torch.uint8)*300
torch.ones(2,dtype=torch.uint8)==300
torch.ones(2,dtype=torch.uint8).clamp(max=300)
torch.ones(2,dtype=torch.half)+1e6
torch.ones(2,dtype=torch.half)*1e6
torch.ones(2)*1e50
torch.ones(2,dtype=torch.uint8).masked_fill(T([True,False]),300)
torch.ones(2,dtype=torch.half).masked_fill(T([True,False]),1e6)
torch.ones(2,dtype=torch.half).masked_fill(T([True,False]),-1e9)
torch.ones(2).masked_fill(T([True,False]),1e50)
torch.where(T([True,False]),torch.ones(2,dtype=torch.uint8),300)
torch.zeros(3,dtype=torch.uint8).index_fill(0,T([0]),300)
torch.zeros(3,dtype=torch.uint8).scatter(0,T([0]),300)
torch.zeros(3,dtype=torch.uint8).__setitem__(0,300)
torch.zeros(3,dtype=torch.uint8).__setitem__(slice(0,2),300)
torch.zeros(3).__setitem__(slice(0,2),1j)
torch.zeros(3,dtype=torch.uint8).__setitem__(T([0]),300)
torch.nn.functional.pad(torch.zeros(3,dtype=torch.uint8),(1,1),value=300)
torch.full_like(torch.zeros(3,dtype=torch.uint8),300)
torch.zeros(3,dtype=torch.uint8).new_full((2,),300)
torch.zeros(3,3,dtype=torch.uint8).fill_diagonal_(300)
torch.scalar_tensor(300,dtype=torch.uint8)
torch.tensor(1e6,dtype=torch.half)
torch.tensor(300,dtype=torch.uint8)
torch.arange(0,300,100,dtype=torch.uint8)
torch.nn.functional.threshold(torch.zeros(3,dtype=torch.half),0.5,1e6)
torch.nn.init.constant_(torch.zeros(3,dtype=torch.half),1e6)
torch.zeros(3,dtype=torch.uint8).put_(T([0]),T([300]))
torch.scalar_tensor(1e6,dtype=torch.half)
torch.scalar_tensor(1e50,dtype=torch.float)
torch.scalar_tensor(1e50,dtype=torch.bfloat16)
torch.scalar_tensor(1e50j,dtype=torch.complex64)
torch.scalar_tensor(1j,dtype=torch.float)
torch.scalar_tensor(1j,dtype=torch.half)
torch.scalar_tensor(1j,dtype=torch.long)
torch.scalar_tensor(1e50,dtype=torch.long)
torch.scalar_tensor(10**7,dtype=torch.half)
torch.where(T([True,False]),torch.ones(2).half(),-1e9)
torch.where(T([True,False]),-1e9,torch.ones(2).half())
torch.where(T([True,False]),torch.ones(2),-1e50)
torch.ones(2).half().where(T([True,False]),-1e9)
torch.where(T([True,False]),T(1.).half(),-1e9)
torch.where(T([True,False]),T(1).short(),70000)
torch.ones(2).half().clamp(max=1e9)
torch.ones(2).half().clamp_(min=-1e9)
torch.ones(2).half().clamp(max=float('inf'))
torch.ones(2).clamp(max=1e50)
torch.ones(2,dtype=torch.int).clamp(max=2**40)
torch.ones(2,dtype=torch.int).clamp(max=1e40)
torch.ones(2,dtype=torch.half).scatter(0,T([0]),1e9)
torch.ones(2,dtype=torch.half).index_fill(0,T([0]),1e9)
torch.ones(2,dtype=torch.half).index_put((T([0]),),T(1e9))
torch.nn.functional.pad(torch.ones(2).half(),(1,1),value=1e9)
torch.ones(2).half().masked_fill(T([True,False]),T(1e9))
torch.ones(2).half().fill_(T(1e9))
torch.ones(2).half().fill_(T(1e9,dtype=torch.float64))
torch.ones(2).half().__setitem__(0,-1e9)
torch.ones(2).half().__setitem__(T([True,False]),-1e9)
torch.ones(2).half().new_tensor(1e9)
torch.ones(2).half().triu().addcmul_(torch.ones(2).half(),torch.ones(2).half(),value=1e9)
torch.triu(torch.full((2,2),float('-inf'),dtype=torch.half))
torch.nn.functional.threshold(torch.ones(2).half(),1e9,1.)
torch.ones(2,dtype=torch.uint8).fill_(T(300)),torch.ones(2,dtype=torch.uint8).masked_fill(T([True,False]),T(300))
torch.ones(2).half().put_(T([0]),T([1e9]).half())
torch.zeros(2,dtype=torch.bool).fill_(2.5), torch.zeros(2,dtype=torch.bool).masked_fill(T([True,False]),1j)
torch.zeros(2,dtype=torch.int).masked_fill(T([True,False]),2.7)
torch.zeros(2,dtype=torch.int).fill_(float('nan'))
torch.zeros(2,dtype=torch.int).masked_fill(T([True,False]),float('-inf'))
torch.zeros(2,dtype=torch.long).masked_fill(T([True,False]),float('-inf'))
torch.zeros(2,dtype=torch.long).clamp(float('-inf'),1)
torch.nan_to_num(torch.ones(2).half(),nan=1e9)
torch.nan_to_num(T([float('nan'),1]).half(),nan=1e9)
torch.arange(0,1e5,5e4,dtype=torch.half)
torch.ones(2,dtype=torch.uint8).clamp(min=-1), torch.ones(2,dtype=torch.uint8).clamp(min=-1.)
torch.full((2,),-1.,dtype=torch.uint8)
torch.eye(2,dtype=torch.uint8).fill_diagonal_(-1)
"""

FOUND_IN_PROGRAMS = """\
F.pad(torch.ones(1, 2), (1, 1), value=True), F.dropout(torch.ones(3), True), torch.layer_norm(X, [4], eps=True)
torch.isclose(T(1.), T(2.), rtol=True), torch.logit(T(.5), eps=False), T([1., 2.]).quantile(True), T([1., 2.]).uniform_(False, True)
F.pad(torch.ones(1, 2), (1, 1), value=numpy.bool_(True))
F.pad(torch.ones(1, 2), (1, 1), value='a')
X.sum(True)
X.cumsum(True)
[torch.is_autocast_enabled(kind) for kind in ('cpu', 'cuda', 'mps', 'xpu', 'xla', 'hpu', 'mtia', 'ipu')]
torch.is_autocast_enabled('meta')
[t.stride() for t in (torch.linalg.cholesky(torch.eye(4)), torch.linalg.inv(torch.eye(4)), torch.linalg.qr(Y)[0], torch.linalg.qr(torch.ones(2, 4, 3))[0], torch.linalg.eigh(torch.eye(4))[1])]
[t.stride() for t in torch.linalg.svd(Y, full_matrices=False)], [t.stride() for t in torch.linalg.lu_factor(torch.eye(3)[None].repeat(2, 1, 1))], torch.linalg.eig(torch.eye(3))[1].stride()
[t.stride() for t in (torch.linalg.solve(torch.eye(4), Y), torch.linalg.solve(torch.eye(4), Y[:, 0]), torch.cholesky_solve(Y, torch.eye(4)), torch.linalg.solve_triangular(torch.eye(4), Y, upper=True), torch.linalg.lu_solve(*torch.linalg.lu_factor(torch.eye(4)), Y))]
[t.stride() for t in (torch.matrix_exp(torch.eye(3)), torch.linalg.pinv(Y), torch.linalg.lu(torch.eye(3))[1], torch.cholesky_inverse(torch.eye(3)), torch.linalg.householder_product(torch.eye(3), T([1., 1, 1])), torch.linalg.ldl_factor(torch.eye(3))[0])]
torch.randn_like(torch.linalg.inv(torch.eye(3)))
torch.cuda._initialized, torch._C._are_functorch_transforms_active(), torch._ops.ops is torch.ops
[isinstance(n, kind) for n in (1, 1.0, True) for kind in (torch.SymInt, torch.SymFloat, torch.SymBool)]
torch.sym_int(3.7), torch.sym_int(-3.7), torch.sym_float(2), torch.sym_not(1), torch.sym_not(False)
[isinstance(getattr(torch._C, name), type) for name in ('Graph', 'Block', 'Value')]
torch.solve(X, X)
torch.lstsq(X, X)
torch.eig(X)
torch.symeig(X)
torch.matrix_rank(X)
X.solve(X)
X.lstsq(X)
X.eig()
X.symeig(eigenvectors=True)
(lambda y: (y[:, 0].sub_(y[:, 1]), y)[1])(torch.arange(24.).view(2, 3, 4))
(lambda y: (y[:, :2].mul_(y[:, 2:].expand(2, 2, 4)), y)[1])(torch.arange(24.).view(2, 3, 4))
(lambda y: (y[::2].add_(y[1:4]), y)[1])(torch.arange(6.))
(lambda y: y[1:].add_(y[:-1]))(torch.arange(6.))
grad(lambda x: F.dropout((x * 2).view(3, 2), 0., True, True), [[1., 2., 3.], [4., 5., 6.]])
grad(lambda x: F.alpha_dropout((x * 2).view(3, 2), .3, True, True), [[1., 2., 3.], [4., 5., 6.]])
grad(lambda x: F.feature_alpha_dropout((x * 2).view(3, 2), .3, True, True), [[1., 2., 3.], [4., 5., 6.]])
F.dropout((leaf() * 2).view(4), 0., True, True)._version
[F.scaled_dot_product_attention(q, torch.ones(2, 3, 5, 8), torch.ones(2, 3, 5, 8), is_causal=causal).stride() for causal in (False, True) for q in (torch.ones(2, 5, 3, 8).transpose(1, 2), torch.ones(5, 2, 3, 8).permute(1, 2, 0, 3), torch.ones(2, 3, 8, 5).mT, torch.ones(2, 3, 5, 16)[..., :8], torch.ones(2, 5, 9, 8)[:, :, ::3].transpose(1, 2))]
F.scaled_dot_product_attention(torch.ones(2, 5, 3, 8).transpose(1, 2), torch.ones(2, 3, 5, 8), torch.ones(2, 3, 5, 6)).stride()
[F.interpolate(torch.arange(48., dtype=torch.float64).view(1, 2, 4, 6) ** 2, mode=mode, antialias=True, **to) for mode, to in (("bilinear", {"size": (3, 2)}), ("bicubic", {"scale_factor": .6}), ("lanczos", {"size": (2, 9)}))]
grad(lambda x: F.interpolate(x[None, None], size=(3, 2), mode='bicubic', antialias=True), [[1., 2., 3., 5.], [3., 4., 5., 6.]]), F.interpolate(leaf()[None, None], size=1, mode='bicubic', antialias=True).grad_fn.name()
F.interpolate(torch.ones(1, 2, 4, 6).contiguous(memory_format=torch.channels_last), size=(3, 2), mode='bilinear', antialias=True).stride()
F.interpolate(torch.ones(1, 2, 4, 6, dtype=torch.int32), size=(3, 2), mode='bilinear', antialias=True)
[F.interpolate((torch.rand(1, 2, 7, 9) * 255).to(torch.uint8), size=(4, 5), mode=mode, antialias=wide) for mode in ('bilinear', 'bicubic') for wide in (False, True)]
[F.interpolate((torch.rand(1, 1, 4, 5) * 255).to(torch.uint8), size=(7, 9), mode=mode, antialias=wide) for mode in ('bilinear', 'bicubic') for wide in (False, True)]
F.interpolate((torch.rand(1, 1, 6, 5) * 255).to(torch.uint8), scale_factor=.5, mode='bilinear', align_corners=True)
[F.interpolate((torch.rand(1, 2, 7, 9) * 255).to(torch.uint8), mode=mode, **to) for mode in ('nearest', 'nearest-exact') for to in ({'size': (4, 5)}, {'scale_factor': 1.7})]
F.interpolate((torch.rand(1, 2, 7, 9) * 255).to(torch.uint8).contiguous(memory_format=torch.channels_last), size=(4, 5)).stride()
F.interpolate(torch.ones(1, 2, 4, dtype=torch.uint8), size=3, mode='linear')
torch.jit.isinstance([1, 2], list[int]), torch.jit.isinstance([1, 'a'], list[int]), torch.jit.isinstance({'a': X}, dict[str, torch.Tensor]), torch.jit.isinstance((1, 2.), tuple[int, float]), torch.jit.isinstance((1,), tuple[int, float]), torch.jit.isinstance(None, int | None), torch.jit.isinstance(1., (int, str)), torch.jit.isinstance([], list[int])
torch.jit.isinstance([1], list)
torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled(), torch.get_deterministic_debug_mode(), torch.is_warn_always_enabled()
torch.set_deterministic_debug_mode('x')
torch.set_deterministic_debug_mode(7)
torch.set_deterministic_debug_mode(2.)
torch.set_num_interop_threads(0)
torch.get_device_module('cpu').__name__, torch.get_device_module().__name__
(lambda y: (y.add_(1), y.sum().backward()))(leaf().exp())
torch.autograd.grad(leaf().sum(), leaf())
[torch.einsum(equation, torch.arange(18.).view(3, 3, 2)) for equation in ('iij', 'aab', 'iij->ij', 'ijk')], torch.einsum('ii', torch.arange(9.).view(3, 3)), torch.einsum('...ii', torch.ones(2, 3, 3)), torch.einsum('ii,j', torch.eye(2), torch.ones(3)), torch.einsum(torch.eye(2), [0, 0])
[torch.equal(T([3]), other) for other in (T([3.]), T([3.5]), T([3 + 0j]), T([True]), T([3.], dtype=torch.float64), T([3., 3]))], torch.equal(T([.1]), T([.1], dtype=torch.float64))
[torch.vander(T([0, 1, 3]).to(dtype), *args) for dtype in (torch.int32, torch.float32, torch.bool, torch.complex64) for args in ((), (2,), (4, True), (0,))]
torch.vander(X)
torch.vander(T([1.]), -1)
(lambda f: (f.add_done_callback(lambda _: f.value()), f.then(lambda f: f.value() + 1).then(lambda f: f.value() * 2), f.set_result(3))[1])(torch.futures.Future()).wait()
torch.nn.attention.SDPBackend.MATH
T([1., 2.]).polygamma(1)
"""


if __name__ == "__main__":
    require_reference()
    record("assert_close", ASSERT_CLOSE)
    record("attributes", ATTRIBUTES)
    record("complex_half", COMPLEX_HALF)
    record("fitting", FITTING)
    record("deprecated", DEPRECATED)
    record("foreach", FOREACH)
    record("found_in_programs", FOUND_IN_PROGRAMS)
