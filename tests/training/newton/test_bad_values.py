"""Values that are not finite, or overflow: an error names row and column, wherever they stand."""

from typing import Any

import numpy as np
import pytest
from numba.core import config

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.newton.sample import choose_rows
from fastperceptron.training.newton.sample_size import hessian_rows
from fastperceptron.training.problem import Problem

N_ROWS = 200 if config.DISABLE_JIT else 40_000
LOSSES = ["log_loss", "squared_error"]


def table(n_rows: int, n_features: int = 3, dtype: type = np.float64) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(0).normal(size=(n_rows, n_features)).astype(dtype)
    return X, (np.arange(n_rows) % 2).astype(np.uint8)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 7, 19])
def test_in_a_small_table(workshop: Any, row: int, value: float) -> None:
    for n_features in (3, 9):
        X, y = table(20, n_features)
        X[row, n_features - 1] = value
        kind = "NaN" if np.isnan(value) else str(value)
        for loss in LOSSES:
            with pytest.raises(ValueError, match=rf"X holds {kind} in row {row}, column {n_features - 1}\."):
                workshop.fit(X, y, loss=loss)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("place", ["first", "last", "sampled", "not sampled"])
def test_in_a_table_that_is_sampled(workshop: Any, few_are_sampled: None, place: str, value: float) -> None:
    for dtype in (np.float32, np.float64):
        X, y = table(N_ROWS, 3, dtype)
        size = hessian_rows(N_ROWS, 3)
        assert size < N_ROWS
        sampled, _ = choose_rows(Problem(ArrayRows(X), read_only(y), 2), size)
        others = np.setdiff1d(np.arange(N_ROWS), sampled)
        row = {"first": 0, "last": N_ROWS - 1, "sampled": sampled[5], "not sampled": others[5]}[place]
        X[row, 1] = value
        kind = "NaN" if np.isnan(value) else "inf"
        with pytest.raises(ValueError, match=rf"X holds {kind} in row {row}, column 1\."):
            workshop.fit(X, y)


def test_the_first_of_several_is_named(workshop: Any) -> None:
    X, y = table(20)
    X[[4, 4, 11], [2, 1, 0]] = np.nan
    with pytest.raises(ValueError, match=r"row 4, column 1\."):
        workshop.fit(X, y)


@pytest.mark.compiled
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("n_rows", [50, 40_000])
def test_large_and_small_scales_are_no_trouble(workshop: Any, n_rows: int, scale: float) -> None:
    X, y = table(n_rows)
    plain, scaled = (workshop.fit(rows, y, loss="log_loss", tol=1e-4) for rows in (X, X * [1, scale, 1]))
    assert scaled.is_converged
    np.testing.assert_allclose(scaled.weights * [1, scale, 1], plain.weights, atol=1e-5)


@pytest.mark.compiled
@pytest.mark.parametrize("scale", [1e-38, 1e-18, 1e17, 1e37])
def test_large_and_small_scales_of_float32_are_no_trouble(workshop: Any, scale: float) -> None:
    X, y = table(40_000, dtype=np.float32)
    plain = workshop.fit(X, y, loss="log_loss", tol=1e-4)
    scaled = workshop.fit(X * np.array([1, scale, 1], np.float32), y, loss="log_loss", tol=1e-4)
    np.testing.assert_allclose(scaled.weights * [1, scale, 1], plain.weights, atol=1e-5)
