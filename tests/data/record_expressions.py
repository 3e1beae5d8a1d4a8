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


if __name__ == "__main__":
    require_reference()
    record("assert_close", ASSERT_CLOSE)
    record("attributes", ATTRIBUTES)
    record("deprecated", DEPRECATED)
    record("foreach", FOREACH)
