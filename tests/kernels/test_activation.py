"""The accuracy that the sigmoid promises: 2 ulp everywhere, exact limits, NaN kept, both tails of the derivative."""

from concurrent.futures import ThreadPoolExecutor

import mpmath
import numba
import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.kernels.activation import sigmoid
from fastperceptron.kernels.arithmetic import from_bits
from fastperceptron.kernels.loops import loop_over_one


@numba.njit(nogil=True)
def fill(first, step, out):
    for i in range(out.size):
        out[i] = from_bits(np.int32(first + i * step))


@numba.njit(nogil=True)
def count_violations(z, p):
    """Return how many of sigmoid's float32 values are more than 2 ulp from the one computed in float64."""
    violations = 0
    for i in range(z.size):
        if np.isnan(z[i]) or np.isnan(p[i]):
            violations += np.isnan(z[i]) != np.isnan(p[i])
        elif abs(z[i]) > 110:
            violations += p[i] != (1.0 if z[i] > 0 else 0.0)
        elif abs(z[i]) < 2.0**-26:  # 1/2 + z / 4, which is nearer to 1/2 than a quarter of a unit: half of the time
            violations += abs(p[i] - 0.5) > 2 * 2.0**-25
        else:
            e = np.exp(-np.abs(np.float64(z[i])))
            exact = (1.0 if z[i] >= 0 else e) / (1.0 + e)
            exponent = max(np.floor(np.log2(exact)), -126.0)  # subnormal numbers share the last one
            violations += abs(p[i] - exact) > 2 * 2.0 ** (exponent - 23)
    return violations


def violations_between(first: int, last: int, step: int = 1) -> int:
    """Return the violations among the float32 whose bits, as integers, are first, first + step, ..."""
    z, p = np.empty(1 << 20, np.float32), np.empty(1 << 20, np.float32)
    total = 0
    for start in range(first, last, step * z.size):
        fill(start, step, z)
        loop_over_one(sigmoid)(z, p)
        total += count_violations(z, p)
    return total


@pytest.mark.slow
@pytest.mark.compiled
def test_sigmoid_is_within_2_ulp_of_float64_for_all_float32() -> None:
    violations_between(0, 1)  # compile before the threads start
    quarters = [(start, start + 2**30) for start in range(-(2**31), 2**31, 2**30)]
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda quarter: violations_between(*quarter), quarters)) == 0


@pytest.mark.compiled
def test_sigmoid_is_within_2_ulp_of_float64_for_every_4096th_float32() -> None:
    # Of each sign and exponent 2048 values.
    assert violations_between(-(2**31) + 1234, 2**31, 4096) == 0


@pytest.mark.compiled
def test_the_exhaustive_check_counts_an_error_of_three_ulp() -> None:
    z = np.array([-3.0, 0.5, 20.0, -90.0, 1e-9], np.float32)
    right = fp.sigmoid(z)
    wrong = right.copy()
    for _ in range(3):
        wrong = np.nextafter(wrong, np.float32(2))
    assert count_violations(z, right) == 0
    assert count_violations(z, wrong) == 5


def exact_sigmoid(z: float) -> mpmath.mpf:
    return 1 / (1 + mpmath.exp(-mpmath.mpf(z)))


def test_sigmoid_is_within_2_ulp_of_mpmath_on_a_log_spaced_grid() -> None:
    magnitudes = np.logspace(-300, np.log10(740), 4000)
    z = np.concatenate([-magnitudes, magnitudes, np.linspace(-40, 40, 2001)])
    with mpmath.workdps(700):
        errors = [abs(mpmath.mpf(float(p)) - exact_sigmoid(x)) for x, p in zip(z, fp.sigmoid(z), strict=True)]
        exact = np.array([float(exact_sigmoid(x)) for x in z])
    assert max(float(error / unit) for error, unit in zip(errors, np.spacing(exact).tolist(), strict=True)) <= 2.0


def test_sigmoid_derivative_keeps_relative_accuracy_in_both_tails() -> None:
    z = np.concatenate([np.linspace(-700, 700, 1401), np.logspace(-20, 2, 300)])
    with mpmath.workdps(700):
        exact = [float(exact_sigmoid(x) * exact_sigmoid(-x)) for x in z]
    np.testing.assert_allclose(fp.sigmoid_derivative(z), exact, rtol=2e-15)
    np.testing.assert_allclose(
        fp.sigmoid_derivative(z[np.abs(z) < 80].astype(np.float32)),
        fp.sigmoid_derivative(z[np.abs(z) < 80].astype(np.float32).astype(np.float64)),
        rtol=1e-6,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_limits_and_nan(dtype) -> None:
    z = np.array([-np.inf, np.inf, np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(fp.sigmoid(z), np.array([0, 1, np.nan, 0.5, 0.5], dtype))
    np.testing.assert_array_equal(fp.sigmoid_derivative(z), np.array([0, 0, np.nan, 0.25, 0.25], dtype))
