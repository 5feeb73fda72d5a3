"""Each way through the newton solver, on tables so small that it can be interpreted too; and bad and warm starts."""

import math
from typing import Any

import numpy as np
import pytest
from numba.core import config

from fastperceptron.training.newton import start
from fastperceptron.training.newton.ways import Prices, Way
from oracle import StandardisedObjective
from tables import drawn_labels

LOSSES = ["log_loss", "squared_error"]
N_ROWS = 160 if config.DISABLE_JIT else 1500
# A standard error is about 2 over the root of the rows; a hundredth of it is the default tolerance.
LOOSE = 0.02 * 4 / N_ROWS**0.5


def tiny(n_features: int = 2, n_classes: int = 2, dtype: type = np.float32) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_features)
    y = rng.integers(0, n_classes, N_ROWS)
    return (rng.normal(size=(N_ROWS, n_features)) + rng.normal(size=(n_classes, n_features))[y]).astype(dtype), y


def optimum(X: np.ndarray, y: np.ndarray, loss: str) -> tuple[Any, np.ndarray]:
    """Return the objective and SciPy's minimum."""
    start = None if loss == "log_loss" else StandardisedObjective(X, y, "log_loss", 1.0).minimum()
    objective = StandardisedObjective(X, y, loss, 1.0)
    return objective, objective.minimum(start)


def check(workshop: Any, X: np.ndarray, y: np.ndarray, loss: str, **options: Any) -> Any:
    solution = workshop.fit(X, y, loss=loss, tol=1e-3, **options)
    objective, best = optimum(X, y, loss)
    assert solution.is_converged
    # The tolerance is one of all weights together: sqrt(d + 1) times what a single one is off by.
    np.testing.assert_allclose(objective.standardised(solution), best, atol=LOOSE / 10 * math.sqrt(best.size / 3))
    assert solution.loss_curve[-1] == pytest.approx(objective(best)[0] / len(y), rel=1e-6)
    return solution


@pytest.mark.parametrize("n_features", [2, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_on_all_rows(workshop: Any, loss: str, n_features: int) -> None:
    check(workshop, *tiny(n_features), loss)


@pytest.mark.parametrize("n_features", [2, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_from_a_sample(workshop: Any, few_are_sampled: None, loss: str, n_features: int) -> None:
    X, y = tiny(n_features)
    solution = check(workshop, X, y, loss)
    assert 1 <= len(solution.loss_curve) <= solution.n_iter  # a Hessian taken anew is a read at a known point


@pytest.mark.parametrize("way", [Way.SAMPLE, Way.DRAW, Way.HESSIAN])
@pytest.mark.parametrize("loss", LOSSES)
def test_from_a_sample_and_on_in_another_way(
    workshop: Any, few_are_sampled: None, monkeypatch: pytest.MonkeyPatch, loss: str, way: Way
) -> None:
    def choose(self: Prices, pace: Any, needed: float, is_hessian_new: bool, mismatch: float) -> Way:
        return way if (is_hessian_new if way is Way.HESSIAN else pace.way is not way) else Way.STEPS

    monkeypatch.setattr(Prices, "cheapest", choose)
    check(workshop, *tiny(2), loss)


@pytest.mark.parametrize("n_features", [2, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_from_the_diagonal_alone(
    workshop: Any, few_are_sampled: None, monkeypatch: pytest.MonkeyPatch, loss: str, n_features: int
) -> None:
    monkeypatch.setattr(start, "hessian_rows", lambda *_: 0)
    check(workshop, *tiny(n_features), loss)


def test_neurons_of_three_classes_are_those_of_each_against_the_rest(workshop: Any, is_sampled: bool) -> None:
    X, y = tiny(2, 3, np.float64)
    together = workshop.fit(X, y, n_classes=3, tol=1e-4)
    assert together.is_converged
    for code in range(3):
        alone = workshop.fit(X, y == code, tol=1e-4)
        np.testing.assert_allclose(together.weights[code], alone.weights[0], atol=LOOSE / 50)
        np.testing.assert_allclose(together.bias[code], alone.bias[0], atol=LOOSE / 50)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_start_at_the_optimum_takes_few_reads(workshop: Any, loss: str, is_sampled: bool) -> None:
    X, y = tiny(2)
    first = workshop.fit(X, y, loss=loss, tol=1e-6)
    again = workshop.fit(X, y, loss=loss, start=np.column_stack([first.weights, first.bias]))
    assert again.is_converged
    assert again.n_iter <= (4 if is_sampled else 3)
    np.testing.assert_allclose(again.weights, first.weights, atol=LOOSE)


@pytest.mark.parametrize("loss", LOSSES)
def test_one_read_is_not_enough(workshop: Any, loss: str, is_sampled: bool) -> None:
    X, y = tiny(2)
    solution = workshop.fit(X, y, loss=loss, max_iter=1, tol=1e-4)
    assert not solution.is_converged
    assert solution.n_iter == 1
    assert solution.distance > 1e-4
    assert np.isfinite(solution.weights).all()


@pytest.mark.compiled
@pytest.mark.parametrize("max_iter", [1, 2, 3, 5, 8])
def test_reads_are_never_more_than_allowed(workshop: Any, max_iter: int) -> None:
    for name in ("breast_cancer", "small heavy tails", "large rare one-hot"):
        table = workshop.table(name)
        for loss in LOSSES:
            assert workshop.fit(table.X, table.y, loss=loss, max_iter=max_iter, tol=1e-6).n_iter <= max_iter


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["large plain", "large rare one-hot", "large float32", "small heavy tails"])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_never_rises(workshop: Any, name: str, loss: str) -> None:
    table = workshop.table(name)
    curve = workshop.fit(table.X, table.y, loss=loss, tol=1e-5).loss_curve
    # A sample's log loss comes first where the squared error is asked for; the curve is of the last loss only.
    assert (np.diff(curve) <= 1e-9 * curve[:-1]).all()


@pytest.mark.compiled
def test_rows_of_float32_end_where_those_of_float64_do(workshop: Any) -> None:
    # Columns so alike that the loss of a point drowns in float32 rounding.
    rng = np.random.default_rng(0)
    common = rng.normal(size=(60_000, 1))
    X = (common + 3e-3 * rng.normal(size=(60_000, 4))).astype(np.float32)
    y = drawn_labels(X[:, 0] + 100 * (X[:, 1] - X[:, 2]), rng)
    single, double = (workshop.fit(rows, y, loss="log_loss", tol=1e-3, C=math.inf) for rows in (X, X.astype(float)))
    assert single.is_converged
    assert double.is_converged
    # One standard error is about 6 here.
    np.testing.assert_allclose(single.weights, double.weights, atol=0.02)


@pytest.mark.compiled
def test_a_tight_tolerance_is_met_on_rows_of_float32(workshop: Any) -> None:
    rng = np.random.default_rng(40_002)
    y = rng.integers(0, 2, 40_000)
    X = rng.normal(size=(40_000, 4)) + 1.5 * rng.normal(size=(2, 4))[y]
    X = (X * [1, 100, 0.01, 1] + np.array([0, 1000, 0, -3])).astype(np.float32)
    single, double = (workshop.fit(rows, y, loss="log_loss", tol=1e-4, C=math.inf) for rows in (X, X.astype(float)))
    assert double.is_converged
    assert single.is_converged
    assert single.n_iter <= 2 * double.n_iter
