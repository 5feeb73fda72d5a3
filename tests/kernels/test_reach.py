"""What bounds a step are sums over rows: of blocks the bits of one row after another, and the bounds' own values."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron.kernels.reach import REACH_BLOCK, SCRATCH_SHAPE, bounds, reach_kernel

COUNTS = [1, REACH_BLOCK - 1, REACH_BLOCK, REACH_BLOCK + 1, 3 * REACH_BLOCK + 5] if not config.DISABLE_JIT else [1, 70]


def add_reach(loss: str, panel: np.ndarray, labels: tuple, places: tuple, exactness: float, sums: np.ndarray) -> None:
    scratch = np.full(SCRATCH_SHAPE, np.nan)  # whatever stands there
    reach_kernel(loss)(panel, labels, *places, exactness, sums, scratch)


@pytest.mark.parametrize("exactness", [0.0, 1.0])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("length", [1e-4, 1e-3, 1.0, 40.0])
def test_rows_in_blocks_give_the_bits_of_one_row_after_another(loss: str, exactness: float, length: float) -> None:
    rng = np.random.default_rng(0)
    for n_rows in COUNTS:
        panel, y, omega = rng.normal(size=(n_rows, 8)), rng.integers(0, 2, n_rows).astype(float), rng.random(n_rows)
        places = rng.normal(size=8), length * rng.normal(size=8)
        at_once, by_row = np.zeros(5), np.zeros(5)
        add_reach(loss, panel, (y, omega), places, exactness, at_once)
        for k in range(n_rows):
            one = slice(k, k + 1)
            add_reach(loss, panel[one], (y[one], omega[one]), places, exactness, by_row)
        assert at_once.tobytes() == by_row.tobytes()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_point_that_is_not_finite_is_not_within_reach(value: float) -> None:
    sums, point = np.zeros(5), np.full(8, value)
    add_reach("log_loss", np.ones((70, 8)), (np.zeros(70), np.ones(70)), (point, np.ones(8)), 0.0, sums)
    assert not np.isfinite(sums[4])


@given(st.floats(0, 50))
def test_bounds_hold_what_the_curvature_may_become(change: float) -> None:
    lower, upper = bounds(change)
    series = [change**k / math.factorial(k) for k in range(2, 160)]
    assert upper == pytest.approx(math.fsum(series), rel=1e-7, abs=1e-300)
    # Of alternating terms the sum is exact to the rounding of the largest.
    alternating = math.fsum(value * (-1) ** k for k, value in enumerate(series))
    assert lower == pytest.approx(alternating, rel=1e-7, abs=1e-15 * max(series))
