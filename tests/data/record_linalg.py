"""Records linear algebra and Fourier transforms as PyTorch 2.13.0 gives them.

Run with PyTorch installed: `PYTHONPATH=tests python tests/data/record_linalg.py`.
"""

from __future__ import annotations

from recording import record, require_reference

LINALG = """\
torch.linalg.qr(T([[3., 1.], [4., 2.], [0., 5.]]))
torch.linalg.qr(torch.ones(2, 3), mode="complete")[1].shape
torch.linalg.qr(torch.ones(2, 3), mode="r").Q.shape
torch.linalg.qr(torch.ones(3)), 0
torch.linalg.qr(torch.ones(2, 2, dtype=torch.int64))
torch.linalg.qr(torch.ones(2, 2).half())
torch.linalg.qr(torch.ones(2, 2), mode="x")
torch.geqrf(T([[3., 1.], [4., 2.], [0., 5.]]))
torch.linalg.lu_factor(T([[1., 2.], [3., 4.]]))
torch.linalg.lu(T([[1., 2.], [3., 4.], [5., 7.]]))
torch.linalg.lu_factor(torch.zeros(2, 2))
torch.linalg.det(T([[[1., 2.], [3., 4.]], [[2., 0.], [0., 2.]]]))
torch.linalg.slogdet(T([[1., 2.], [3., 4.]])), torch.logdet(T([[1., 2.], [3., 4.]]))
torch.linalg.inv(T([[1., 2.], [3., 4.]])), torch.linalg.inv_ex(torch.zeros(2, 2)).info
torch.linalg.inv(torch.zeros(2, 2))
torch.linalg.inv(torch.zeros(3, 2, 2))
torch.linalg.inv(torch.zeros(2, 3))
torch.linalg.solve(T([[1., 2.], [3., 4.]]), T([1., 2.]))
torch.linalg.solve(T([[1., 2.], [3., 4.]]), T([[1., 2.]]), left=False)
torch.linalg.solve(torch.zeros(2, 2), torch.ones(2))
torch.linalg.solve(torch.eye(2), torch.ones(3, 1))
torch.linalg.solve(torch.eye(2), torch.ones(2, 1).double())
torch.linalg.solve_triangular(T([[1., 2.], [0., 4.]]), T([[1.], [2.]]), upper=True)
torch.triangular_solve(T([[1.], [2.]]), T([[1., 2.], [0., 4.]])).solution
torch.linalg.cholesky(T([[4., 2.], [2., 3.]]))
torch.linalg.cholesky(T([[4., 2.], [2., 3.]]), upper=True)
torch.linalg.cholesky_ex(-torch.eye(2)).info
torch.linalg.cholesky(-torch.eye(2))
torch.cholesky_solve(T([[1.], [2.]]), T([[2., 0.], [1., 1.]]))
torch.cholesky_inverse(T([[2., 0.], [1., 1.]]))
torch.linalg.eigvalsh(T([[2., 1.], [1., 3.]])), torch.linalg.eigvals(T([[0., 1.], [-1., 0.]])).abs()
torch.linalg.eigh(torch.ones(2, 3))
torch.linalg.eigh(torch.eye(2), UPLO="x")
torch.linalg.eig(torch.full((2, 2), math.nan))
torch.linalg.svdvals(T([[1., 2.], [3., 4.], [5., 6.]])), torch.linalg.svd(torch.ones(2, 3)).Vh.shape
torch.linalg.svd(torch.ones(2, 3), full_matrices=False).Vh.shape
torch.linalg.svd(torch.full((2, 2), math.nan))
torch.linalg.pinv(T([[1., 2.], [3., 4.], [5., 6.]])), torch.linalg.pinv(torch.ones(2, 2))
torch.linalg.pinv(torch.ones(2, 2), hermitian=True)
torch.linalg.matrix_rank(torch.ones(2, 2)), torch.linalg.matrix_rank(torch.eye(3), hermitian=True)
torch.linalg.matrix_rank(T([[2., 0.], [0., 1.]]), tol=1.5)
torch.linalg.lstsq(T([[1., 2.], [3., 4.], [5., 7.]]), T([[1.], [2.], [4.]]))
torch.linalg.lstsq(T([[1., 2.], [3., 4.], [5., 7.]]), T([[1.], [2.], [4.]]), driver="gelsd")
torch.linalg.lstsq(torch.ones(2, 3), torch.ones(3))
torch.linalg.matrix_norm(T([[1., -2.], [3., 4.]]), "nuc")
torch.linalg.matrix_norm(T([[1., -2.], [3., 4.]]), 1)
torch.linalg.matrix_norm(T([[1., -2.], [3., 4.]]), -math.inf)
torch.linalg.matrix_norm(T([[1., -2.], [3., 4.]]), 2, keepdim=True)
torch.linalg.norm(T([3., 4.])), torch.linalg.norm(T([[3., 4.]]), "fro")
torch.linalg.norm(torch.ones(2, 2, 2)), torch.linalg.norm(torch.ones(2, 2, 2), 1, dim=0)
torch.linalg.norm(torch.ones(2, 2, 2), 2)
torch.linalg.matrix_norm(torch.ones(2, 3), 3)
torch.linalg.cond(T([[1., 2.], [3., 4.]])), torch.linalg.cond(T([[1., 2.], [3., 4.]]), 1)
torch.linalg.cond(torch.zeros(2, 2), "fro")
torch.linalg.matrix_exp(T([[0., 1.], [-1., 0.]]))
torch.linalg.matrix_power(T([[1., 2.], [3., 4.]]), 5)
torch.linalg.matrix_power(T([[1., 2.], [3., 4.]]), -1)
torch.linalg.matrix_power(torch.ones(2, 2), 0)
torch.linalg.multi_dot([torch.ones(2), torch.ones(2, 3), torch.ones(3, 4)])
torch.linalg.multi_dot([torch.ones(2), torch.ones(2)])
torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(2, 3)])
torch.linalg.ldl_factor(T([[1., 2., 3.], [2., 4., 5.], [3., 5., 6.]]))
torch.linalg.ldl_solve(*torch.linalg.ldl_factor(T([[1., 2.], [2., 5.]])), torch.ones(2, 1))
torch.linalg.vander(T([1., 2., 3.])), torch.linalg.vander(T([1, 2]), N=3)
torch.linalg.vecdot(T([1., 2.]), T([3., 4.])), torch.linalg.diagonal(torch.ones(2, 3, 3)).shape
torch.linalg.tensorinv(torch.eye(4).reshape(2, 2, 4)).shape
torch.linalg.tensorsolve(torch.eye(4).reshape(2, 2, 4), torch.ones(2, 2))
torch.linalg.householder_product(T([[1., 2.], [3., 4.], [5., 6.]]), T([.1, .2]))
torch.ormqr(T([[1., 2.], [3., 4.]]), T([.1, .2]), torch.ones(2, 2))
"""

FFT = """\
torch.fft.fft(T([1., 2., 3., 4.])), torch.fft.ifft(T([1., 2., 3.]))
torch.fft.fft(T([1., 2., 3.]), n=5, norm="ortho"), torch.fft.fft(T([1, 2, 3]), n=2)
torch.fft.rfft(T([1., 2., 3., 4., 5.])), torch.fft.irfft(T([1 + 1j, 2 - 1j, 3]))
torch.fft.irfft(T([1 + 1j, 2 - 1j, 3]), n=5, norm="forward")
torch.fft.hfft(T([1 + 1j, 2 - 1j, 3])), torch.fft.ihfft(T([1., 2., 3.]))
torch.fft.hfft(T([1 + 1j, 2 - 1j, 3]), n=3)
torch.fft.fft2(torch.arange(6.).reshape(2, 3)), torch.fft.rfftn(torch.arange(6.).reshape(2, 3))
torch.fft.irfftn(torch.arange(6.).reshape(2, 3), s=(2, 3))
torch.fft.fftfreq(5, .5), torch.fft.rfftfreq(6), torch.fft.fftshift(torch.arange(5))
torch.fft.ifftshift(torch.arange(5))
torch.fft.fft(T(1.))
torch.fft.rfft(T([1j]))
torch.fft.fft(T([1.]), norm="x")
torch.fft.fft(T([1.]), n=0)
torch.fft.fftn(torch.ones(2, 2), dim=(0, 0))
torch.fft.fftn(torch.ones(2, 2), s=(2,), dim=(0, 1))
torch.stft(torch.arange(16.), 4, return_complex=True)
torch.stft(torch.arange(16.), 4, 2, 3, torch.ones(3), False, "reflect", True, False, True)
torch.stft(torch.arange(16.), 4)
torch.hann_window(5), torch.hann_window(5, periodic=False), torch.hamming_window(4, True, .5)
torch.blackman_window(6), torch.bartlett_window(5), torch.hann_window(1)
torch.hann_window(-1)
torch.istft(torch.stft(torch.arange(16.), 4, return_complex=True), 4, window=torch.ones(4))
torch.istft(torch.stft(torch.arange(16.), 4, return_complex=True), 4, length=10)
torch.istft(torch.ones(4, 4, dtype=torch.complex64), 4)
"""


if __name__ == "__main__":
    require_reference()
    record("linalg", LINALG)
    record("fft", FFT)
