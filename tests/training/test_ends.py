"""How fits end: what is said of separable classes, of the gap, and of fits that may read once only."""

import math
from typing import Any

import numpy as np
import pytest

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.observer import Observer, Progress
from fastperceptron.training.problem import NewtonOptions, Problem, SgdOptions, Solution
from fastperceptron.training.sgd.sgd import minimise_by_sgd
from oracle import StandardisedObjective

LOSSES = ["log_loss", "squared_error"]


def fit(X: np.ndarray, y: Any, start: Any = None, heard: Any = None, n_classes: int = 2, **options: Any) -> Solution:
    problem = Problem(ArrayRows(X), read_only(np.asarray(y).astype(np.uint8)), n_classes)
    observer = Observer(read_done=ignored if heard is None else heard.append)
    if options.pop("solver", "newton") == "sgd":
        return minimise_by_sgd(problem, SgdOptions(**options), start, observer)
    return minimise_by_newton(problem, NewtonOptions(**options), start, observer)


def ignored(progress: Progress) -> None:
    """Do nothing."""


def plain(n_rows: int = 600, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows, 3))
    return X, sharpness * X[:, 0] + rng.logistic(size=n_rows) > 0


@pytest.mark.compiled  # many fits: interpreted they take minutes
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", [(300, 3), (40, 100), (60, 60)])
def test_perfect_separation_is_said(loss: str, shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).normal(size=shape)
    solution = fit(X, X[:, 0] > 0, loss=loss, C=math.inf)
    assert solution.separation == "perfectly"
    assert not solution.is_converged
    assert np.isfinite(solution.weights).all()
    assert solution.optimality_gap == solution.loss_curve[-1]  # the infimum is 0
    assert not fit(X, X[:, 0] > 0, loss=loss).separation
    if shape == (300, 3):
        apart = X + 3 * np.sign(X[:, :1])
        by_steps = fit(apart, X[:, 0] > 0, loss=loss, C=math.inf, solver="sgd", eta0=2.0, tol=1e-9)
        assert by_steps.separation == "perfectly"
        assert by_steps.optimality_gap == by_steps.loss_curve[-1]


def test_quasi_complete_separation_is_said(is_sampled: bool) -> None:
    X, y = plain()
    X[:, 2] = np.arange(600) % 10 == 0
    y = y | (X[:, 2] > 0)
    solution = fit(X, y, loss="log_loss", C=math.inf)
    assert solution.separation == "quasi-completely"
    y = y.copy()
    y[20] = False
    held = fit(X, y, loss="log_loss", C=math.inf)
    assert not held.separation
    assert held.is_converged


@pytest.mark.parametrize("solver", ["newton", "sgd"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_as_many_reads_are_heard_of_as_are_counted(is_sampled: bool, loss: str, n_classes: int, solver: str) -> None:
    X, y = plain()
    y = y + (n_classes > 2) * (X[:, 1] > 0)
    for options in ({}, {"tol": 1e-6}, {"max_iter": 1}, {"max_iter": 3}):
        heard: list[Progress] = []
        solution = fit(X, y, None, heard, n_classes, loss=loss, solver=solver, **({"max_iter": 8} | options))
        assert [each.n_reads for each in heard] == list(range(1, solution.n_iter + 1))
        assert heard[-1].objective == solution.loss_curve[-1]
        assert 1 <= len(solution.loss_curve) <= solution.n_iter


@pytest.mark.compiled  # many fits: interpreted they take minutes
@pytest.mark.parametrize("sharpness", [1.0, 8.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_fits_of_one_read_each_reach_the_optimum(is_sampled: bool, loss: str, sharpness: float) -> None:
    X, y = plain(sharpness=sharpness)
    start, values = None, []
    for _ in range(50):
        solution = fit(X, y, start, loss=loss, max_iter=1)
        assert solution.n_iter == 1
        values.append(solution.loss_curve[-1])
        start = np.column_stack([solution.weights, solution.bias])
    assert solution.is_converged
    if loss == "log_loss":
        assert (np.diff(values) <= 1e-12).all()  # each step is safe
    whole = fit(X, y, loss=loss, tol=1e-6)
    assert values[-1] - whole.loss_curve[-1] <= 1e-4 * 4 / 2 / 600 * 1.1


def test_a_step_whose_end_was_not_evaluated_has_no_gap() -> None:
    solution = fit(*plain(), loss="log_loss", max_iter=1)
    assert (solution.weights != 0).any()
    assert math.isnan(solution.optimality_gap)
    assert not solution.is_converged


@pytest.mark.compiled  # many fits: interpreted they take minutes
@pytest.mark.parametrize("C", [1.0, 100.0, math.inf])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sharpness", [0.5, 5.0, 30.0])
def test_the_gap_is_within_a_factor_of_3_or_unknown_at_any_tolerance(
    is_sampled: bool, sharpness: float, loss: str, C: float
) -> None:
    X, y = plain(sharpness=sharpness)
    objective = StandardisedObjective(X, y.astype(np.uint8), loss, C)
    least = min(
        objective(objective.standardised(fit(X, y, loss=loss, C=C, tol=tol, max_iter=400)))[0] for tol in (1e-8, 1e-3)
    )
    for tol in (1e-3, 0.1, 0.3, 1.0, 3.0, 10.0):
        solution = fit(X, y, loss=loss, C=C, tol=tol)
        true = objective(objective.standardised(solution))[0] - least
        gap = solution.optimality_gap * 600
        assert math.isnan(gap) or true < 1e-9 or gap / 3 <= true <= 3 * gap
