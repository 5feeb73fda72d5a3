"""The polynomials behind everything: their coefficients can be derived again, and they are as accurate as they say."""

import mpmath
import numpy as np
import pytest

from fastperceptron.kernels import exponential
from fastperceptron.kernels.exponential import exp_nonpositive, log1p_unit
from fastperceptron.kernels.jit import jit


def interpolate(function, low, high, n_coefficients):
    """Return the monomial coefficients of the interpolation at Chebyshev nodes between low and high."""
    middle, half = (low + high) / 2, (high - low) / 2
    nodes = [middle + half * mpmath.cos(mpmath.pi * (2 * k + 1) / (2 * n_coefficients)) for k in range(n_coefficients)]
    powers = mpmath.matrix([[node**j for j in range(n_coefficients)] for node in nodes])
    return list(mpmath.lu_solve(powers, mpmath.matrix([function(node) for node in nodes])))


def exp_remainder(r):
    return (mpmath.exp(r) - 1 - r) / r**2 if abs(r) > 1e-12 else mpmath.mpf(1) / 2 + r / 6


def atanh_remainder(square):
    s = mpmath.sqrt(square)
    return (2 * mpmath.atanh(s) - 2 * s) / s**3


@pytest.mark.parametrize("coefficients", [exponential.EXP_32, exponential.EXP_64], ids=["float32", "float64"])
def test_coefficients_of_exp_interpolate_at_chebyshev_nodes(coefficients) -> None:
    with mpmath.workdps(50):
        half = mpmath.log(2) / 2 * mpmath.mpf("1.0005")
        derived = interpolate(exp_remainder, -half, half, len(coefficients))
    assert [type(coefficients[0])(c) for c in derived] == pytest.approx(coefficients, rel=1e-12)


@pytest.mark.parametrize("coefficients", [exponential.LOG1P_32, exponential.LOG1P_64], ids=["float32", "float64"])
def test_coefficients_of_log1p_interpolate_at_chebyshev_nodes(coefficients) -> None:
    with mpmath.workdps(50):
        derived = interpolate(atanh_remainder, mpmath.mpf(0), mpmath.mpf(1) / 9, len(coefficients))
    assert [type(coefficients[0])(c) for c in derived] == pytest.approx(coefficients, rel=1e-12)


@jit
def exp_loop(x, e, one_plus_e):
    for i in range(x.size):
        e[i], one_plus_e[i] = exp_nonpositive(x[i])


@jit
def log1p_loop(x, out):
    for i in range(x.size):
        out[i] = log1p_unit(x[i])


def ulps(computed: np.ndarray, exact: list) -> float:
    """Return the largest error in units in the last place of the exact result."""
    rounded = np.array([float(value) for value in exact]).astype(computed.dtype)
    units = np.spacing(np.abs(rounded)).tolist()
    errors = [abs(mpmath.mpf(c) - x) / u for c, x, u in zip(computed.tolist(), exact, units, strict=True)]
    return float(max(errors))


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float32, -87.0), (np.float64, -708.0)])
def test_exp_is_within_1_2_ulp_and_one_plus_exp_within_1(dtype, lowest) -> None:
    x = np.concatenate([np.linspace(lowest, 0, 1500), -np.logspace(-10, np.log10(-lowest), 1500)]).astype(dtype)
    e, one_plus_e = np.empty_like(x), np.empty_like(x)
    exp_loop(x, e, one_plus_e)
    with mpmath.workdps(40):
        exact = [mpmath.exp(value) for value in x.tolist()]
        assert ulps(e, exact) <= 1.2
        assert ulps(one_plus_e, [1 + value for value in exact]) <= 1.0


@pytest.mark.parametrize(
    ("dtype", "x"), [(np.float32, [-90, -100, -103.9, -105, -1e30]), (np.float64, [-710, -745, -1e300])]
)
def test_exp_underflows_gradually_and_to_zero(dtype, x) -> None:
    x = np.array([*x, -np.inf], dtype)
    e, one_plus_e = np.empty_like(x), np.empty_like(x)
    exp_loop(x, e, one_plus_e)
    exact = np.array([float(mpmath.exp(value)) for value in x.tolist()]).astype(dtype)
    np.testing.assert_allclose(e, exact, rtol=0, atol=np.finfo(dtype).smallest_subnormal)
    assert (one_plus_e == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_log1p_is_within_3_ulp_and_exact_at_0(dtype) -> None:
    x = np.concatenate([np.linspace(0, 1, 1500), np.logspace(-30, 0, 1500)]).astype(dtype)
    out = np.empty_like(x)
    log1p_loop(x, out)
    with mpmath.workdps(60):
        assert ulps(out, [mpmath.log(1 + mpmath.mpf(value)) for value in x.tolist()]) <= 3.0
    assert out[0] == 0.0
