"""The sigmoid of a million values, written to memory that is there already, beside scipy.special.expit.

Without `out` both would mostly measure how fast the system hands out fresh pages.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

import fastperceptron as fp

pytestmark = pytest.mark.benchmark(group="sigmoid")

N_VALUES = 1_000_000
CASES = [
    pytest.param(np.float32, 1e-6, "<= 1.2", ">= 5", id="float32"),
    pytest.param(np.float64, 1e-14, "<= 3", "", id="float64"),
]


@pytest.mark.parametrize(("dtype", "tolerance", "asked", "asked_speedup"), CASES)
def test_beside_expit(
    race: Callable[..., Any],
    note: Callable[..., None],
    dtype: type[np.floating],
    tolerance: float,
    asked: str,
    asked_speedup: str,
) -> None:
    z = np.random.default_rng(0).uniform(-10, 10, N_VALUES).astype(dtype)
    out, expected = np.empty_like(z), np.empty_like(z)
    fp.sigmoid(z, out=out)
    expit(z, out=expected)
    np.testing.assert_allclose(out, expected, rtol=tolerance)
    times = race(lambda: fp.sigmoid(z, out=out), lambda: expit(z, out=expected), units=(N_VALUES, N_VALUES))
    name = dtype.__name__
    note(f"sigmoid, {name}: fp.sigmoid", min(times.ours), "ns a value", asked)
    note(f"sigmoid, {name}: expit", min(times.theirs), "ns a value")
    note(f"sigmoid, {name}: expit / fp.sigmoid", 1 / times.ratio, "times", asked_speedup)
