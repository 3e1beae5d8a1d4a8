"""Records what PyTorch 2.13.0 gives for `nn.utils`: `nn_utils.json`.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_nn_utils.py`.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import torch
import torch.nn.utils.fusion
import torch.nn.utils.prune

from outcome import outcome

U, P, Z = "torch.nn.utils", "torch.nn.utils.prune", "torch.nn.utils.parametrizations"
LINEAR = "torch.nn.Linear(3, 2)"


def after(module: str, *steps: str, then: str) -> str:
    """An expression: `then` of a module `m` after steps."""
    return f"(lambda m: ({', '.join(steps)}, {then})[-1])({module})"


PRUNING = [
    *(
        after(LINEAR, f"{P}.{call}", then="(m.weight, m.weight_mask, sorted(m.state_dict()))")
        for call in (
            "l1_unstructured(m, 'weight', 0.5)",
            "l1_unstructured(m, 'weight', 2)",
            "l1_unstructured(m, 'weight', 0)",
            "l1_unstructured(m, 'weight', 2, importance_scores=torch.arange(6.).view(2, 3))",
            "l1_unstructured(m, 'weight', 2, importance_scores=torch.arange(6.))",
            "random_unstructured(m, 'weight', 0.4)",
            "ln_structured(m, 'weight', 1, 2, 0)",
            "ln_structured(m, 'weight', 0.34, 1, 1)",
            "ln_structured(m, 'weight', 1, 2, 5)",
            "ln_structured(m, 'bias', 1, 2, 0)",
            "random_structured(m, 'weight', 1, 1)",
            "identity(m, 'weight')",
            "custom_from_mask(m, 'weight', torch.tensor([[1., 0., 1.], [0., 1., 1.]]))",
            "l1_unstructured(m, 'weight', 10)",
            "l1_unstructured(m, 'weight', -1)",
            "l1_unstructured(m, 'weight', 1.5)",
            "l1_unstructured(m, 'weight', 'a')",
            "l1_unstructured(m, 'nope', 1)",
            "remove(m, 'weight')",
            "global_unstructured([(m, 'weight')], pruning_method=torch.nn.utils.prune.L1Unstructured, amount=3)",
            "global_unstructured([(m, 'weight'), (m, 'bias')], pruning_method=torch.nn.utils.prune.L1Unstructured, amount=0.5)",
            "global_unstructured(3, pruning_method=torch.nn.utils.prune.L1Unstructured, amount=3)",
        )
    ),
    after(
        LINEAR,
        f"{P}.l1_unstructured(m, 'weight', 1)",
        f"{P}.ln_structured(m, 'weight', 1, 2, 0)",
        f"{P}.l1_unstructured(m, 'weight', 1)",
        then="(m.weight, m.weight_mask, type(list(m._forward_pre_hooks.values())[0]).__name__)",
    ),
    after(
        LINEAR,
        f"{P}.l1_unstructured(m, 'weight', 0.5)",
        "m(torch.ones(3)).sum().backward()",
        then="m.weight_orig.grad",
    ),
    after(
        LINEAR,
        f"{P}.l1_unstructured(m, 'weight', 0.5)",
        f"{P}.remove(m, 'weight')",
        then=f"(m.weight, sorted(m.state_dict()), {P}.is_pruned(m))",
    ),
    after(
        "torch.nn.Sequential(torch.nn.Linear(2, 2))",
        f"{P}.identity(m[0], 'bias')",
        then=f"{P}.is_pruned(m)",
    ),
    f"{P}.L1Unstructured(2).prune(torch.arange(6.))",
    f"{P}.LnStructured(1, 2, 0).prune(torch.arange(6.).view(2, 3))",
]

FORMS = [
    after(
        LINEAR,
        f"{U}.spectral_norm(m)",
        then="(m.weight, m(torch.ones(3)), m.weight_u, m.weight_v, sorted(m.state_dict()))",
    ),
    after(
        LINEAR,
        f"{U}.spectral_norm(m, n_power_iterations=3)",
        "m(torch.ones(3)).sum().backward()",
        then="m.weight_orig.grad",
    ),
    after(LINEAR, f"{U}.spectral_norm(m)", "m.eval()", "m(torch.ones(3))", then="m.weight_u"),
    after(
        "torch.nn.ConvTranspose2d(2, 3, 2)",
        f"{U}.spectral_norm(m)",
        "m(torch.ones(1, 2, 2, 2))",
        then="m.weight",
    ),
    after(
        LINEAR,
        f"{U}.spectral_norm(m)",
        "[m(torch.ones(3)) for _ in range(9)]",
        f"{U}.remove_spectral_norm(m)",
        then="(m.weight, sorted(m.state_dict()))",
    ),
    after(LINEAR, f"{U}.spectral_norm(m)", f"{U}.spectral_norm(m)", then="m"),
    after(LINEAR, f"{U}.remove_spectral_norm(m)", then="m"),
    after(LINEAR, f"{U}.spectral_norm(m, n_power_iterations=0)", then="m"),
    after("torch.nn.Linear(3, 2, bias=False)", f"{U}.spectral_norm(m, 'bias')", then="m"),
    after(LINEAR, f"{Z}.spectral_norm(m)", then="(m.weight, sorted(m.state_dict()))"),
    after(
        LINEAR,
        f"{Z}.spectral_norm(m)",
        "m(torch.ones(3)).sum().backward()",
        then="m.parametrizations.weight.original.grad",
    ),
    after(
        "torch.nn.Conv2d(2, 3, 2)",
        f"{Z}.spectral_norm(m, n_power_iterations=2, dim=1)",
        then="m.weight",
    ),
    after(LINEAR, f"{Z}.spectral_norm(m, 'bias')", then="m.bias"),
    after(LINEAR, f"{Z}.spectral_norm(m, 'nope')", then="m"),
    after(LINEAR, f"{Z}.spectral_norm(m, dim=5)", then="m"),
    after(LINEAR, f"{Z}.spectral_norm(m, n_power_iterations=0)", then="m"),
    *(
        after(
            f"torch.nn.Linear({shape})",
            f"{Z}.orthogonal(m, {how})",
            then="(m.weight, sorted(m.state_dict()))",
        )
        for shape in ("3, 3", "2, 4", "4, 2")
        for how in (
            "'weight'",
            "orthogonal_map='matrix_exp'",
            "orthogonal_map='cayley'",
            "orthogonal_map='householder'",
            "orthogonal_map='householder', use_trivialization=False",
        )
    ),
    after(
        LINEAR, f"{Z}.orthogonal(m, orthogonal_map='cayley', use_trivialization=False)", then="m"
    ),
    after(LINEAR, f"{Z}.orthogonal(m, orthogonal_map='nope')", then="m"),
    after(LINEAR, f"{Z}.orthogonal(m, 'bias')", then="m"),
    after(
        "torch.nn.Linear(4, 2).double()",  # ill-conditioned: its digits need float64
        f"{Z}.orthogonal(m)",
        "m(torch.arange(4.).double()).square().sum().backward()",
        then="m.parametrizations.weight.original.grad",
    ),
]

CONV, BN = "torch.nn.Conv2d(2, 3, 2)", "torch.nn.BatchNorm2d(3)"
FUSION = [
    f"(lambda c, b: {U}.fuse_conv_bn_eval(c.eval(), b.eval())(torch.ones(1, 2, 3, 3)))({CONV}, {BN})",
    f"(lambda c, b: (b(c(torch.rand(4, 2, 5, 5))), {U}.fuse_conv_bn_eval(c.eval(), b.eval()).weight)[1])({CONV}, {BN})",
    f"(lambda c, b: {U}.fuse_conv_bn_eval(c.eval(), b.eval()).bias)(torch.nn.Conv2d(2, 3, 2, bias=False), torch.nn.BatchNorm2d(3, affine=False))",
    f"(lambda c, b: {U}.fuse_conv_bn_eval(c.eval(), b.eval(), transpose=True)(torch.ones(1, 2, 3, 3)))(torch.nn.ConvTranspose2d(2, 3, 2), {BN})",
    f"{U}.fuse_conv_bn_eval({CONV}, {BN})",
    f"(lambda c, b: {U}.fuse_linear_bn_eval(c.eval(), b.eval())(torch.ones(1, 2)))(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))",
    f"(lambda c, b: {U}.fuse_linear_bn_eval(c.eval(), b.eval()))(torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(3))",
    f"{U}.convert_conv2d_weight_memory_format(torch.nn.Sequential({CONV}), torch.channels_last)[0].weight.stride()",
]

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    table = {case: outcome(case, torch) for case in [*PRUNING, *FORMS, *FUSION]}
    path = Path(__file__).with_name("nn_utils.json")
    path.write_text(json.dumps(table, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
