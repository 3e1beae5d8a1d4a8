"""Views copied into memory of their own."""

from __future__ import annotations

from op_samples.make import Samples, call

SAMPLES: Samples = {
    "alias_copy": lambda t: [call(t(2, 3)), call(t(2, 3).detach().t().requires_grad_())],
    "as_strided_copy": lambda t: [call(t(3, 4), (2, 2), (4, 2)), call(t(6), (3, 2), (1, 2), 1)],
    "as_strided_scatter": lambda t: [call(t(3, 4), t(2, 2), (2, 2), (4, 2), 1)],
    "diagonal_copy": lambda t: [call(t(3, 4)), call(t(2, 3, 4), -1, 1, 2)],
    "expand_copy": lambda t: [call(t(3, 1), (2, 3, 4)), call(t(3, 1), (-1, 4))],
    "narrow_copy": lambda t: [call(t(4, 3), 0, 1, 2), call(t(4, 3), -1, -2, 1)],
    "permute_copy": lambda t: [call(t(2, 3, 4), (2, 0, 1))],
    "select_copy": lambda t: [call(t(3, 4), 1, -1)],
    "slice_copy": lambda t: [call(t(4, 2)), call(t(4, 5), 1, 1, 5, 2)],
    "split_copy": lambda t: [call(t(5, 2), 2), call(t(2, 4), 2, 1)],
    "split_with_sizes_copy": lambda t: [call(t(5, 2), [2, 3])],
    "squeeze_copy": lambda t: [call(t(1, 3, 1)), call(t(1, 3, 1), 0), call(t(1, 3, 1), (0, 1))],
    "t_copy": lambda t: [call(t(2, 3)), call(t(2))],
    "transpose_copy": lambda t: [call(t(2, 3, 4), 0, 2)],
    "unbind_copy": lambda t: [call(t(2, 3)), call(t(2, 3), 1)],
    "unfold_copy": lambda t: [call(t(5), 0, 3, 1), call(t(2, 5), 1, 2, 2)],
    "unsafe_chunk": lambda t: [call(t(5, 2), 2), call(t(2, 5), 3, -1)],
    "unsafe_split": lambda t: [call(t(5, 2), 2), call(t(2, 4), 2, 1)],
    "unsqueeze_copy": lambda t: [call(t(2, 3), 1), call(t(), 0)],
    "view_as_complex_copy": lambda t: [call(t.fixed(3, 2))],
    "view_as_real_copy": lambda t: [call(t.of([1 + 2j, -0.5j], "complex128").requires_grad_())],
    "view_copy": lambda t: [call(t(2, 3), (3, 2)), call(t(2, 3), (-1,))],
}

ERRORS: Samples = {
    "as_strided_copy": lambda t: [call(t(4), (2, 3), (2, 1)), call(t(4), (2,), (1, 1))],
    "as_strided_scatter": lambda t: [call(t(4), t(3), (2,), (1,))],
    "diagonal_copy": lambda t: [call(t(3)), call(t(2, 3), 0, 0, 0)],
    "expand_copy": lambda t: [call(t(2, 3), (3, 3)), call(t(2, 3), (3,))],
    "narrow_copy": lambda t: [call(t(4), 0, 3, 2), call(t(4), 0, 0, -1)],
    "permute_copy": lambda t: [call(t(2, 3), (0,)), call(t(2, 3), (0, 0))],
    "select_copy": lambda t: [call(t(2, 3), 0, 2), call(t(), 0, 0)],
    "slice_copy": lambda t: [call(t(3), 0, 0, 2, 0), call(t(3), 1)],
    "split_copy": lambda t: [call(t(4), -1), call(t(), 1)],
    "split_with_sizes_copy": lambda t: [call(t(4), [1, 2])],
    "squeeze_copy": lambda t: [call(t(2, 3), 2)],
    "t_copy": lambda t: [call(t(2, 3, 4))],
    "transpose_copy": lambda t: [call(t(2, 3), 0, 2)],
    "unbind_copy": lambda t: [call(t()), call(t(2), 1)],
    "unfold_copy": lambda t: [call(t(3), 0, 4, 1), call(t(3), 0, 1, 0)],
    "unsafe_chunk": lambda t: [call(t(4), 0)],
    "unsafe_split": lambda t: [call(t(4), -1)],
    "unsqueeze_copy": lambda t: [call(t(2, 3), 3)],
    "view_as_complex_copy": lambda t: [call(t(3))],
    "view_copy": lambda t: [call(t(2, 3), (4, 2)), call(t(2, 3), (-1, -1))],
}
