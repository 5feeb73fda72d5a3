"""What the newton solver ends at is the optimum that SciPy finds in float64, on tables of every kind."""

import math
from typing import Any

import numpy as np
import pytest

from oracle import StandardisedObjective, losses_at
from tables import drawn_labels

pytestmark = pytest.mark.compiled

# Half a chi-square of each parameter is what chance owes (see certificate.py): tol is in its square root.
TOL = 0.01
# Loose where a coefficient's standard error is large, as that of a column which is 1 in a few rows: a hundredth of it
# is more than 0.001.
TIGHT = {"small rare one-hot": 1e-4, "large rare one-hot": 1e-4, "small rare class": 1e-3, "large rare class": 1e-3}


def true_gap(objective: Any, v: np.ndarray) -> float:
    """Return how much lower SciPy gets from a point."""
    value = objective(v)[0]
    return value - min(objective(objective.minimum(v))[0], value)


def check_gap(claimed: float, true: float, value: float, n_parameters: int) -> None:
    """Whether a claim bounds the gap within a factor 3, and is of its size, as far as either is above rounding."""
    rounding = 1e-9 * abs(value) + 1e-12
    assert true <= 3 * claimed + rounding
    assert claimed <= 10 * true + 0.1 * TOL**2 * n_parameters / 2 + rounding


def test_log_loss_ends_at_the_optimum(workshop: Any, any_table: str) -> None:
    table, objective = workshop.table(any_table), workshop.objective(any_table, "log_loss")
    solution = workshop.fit(table.X, table.y, loss="log_loss", tol=TIGHT.get(any_table, TOL))
    v, best = objective.standardised(solution), workshop.minimum(any_table, "log_loss")
    assert solution.is_converged
    assert np.abs(v - best).max() <= 1e-3 * max(1.0, np.abs(best).max())
    held_out = objective.log_loss_of(table.X_new, table.y_new, v)
    assert held_out == pytest.approx(objective.log_loss_of(table.X_new, table.y_new, best), abs=1e-3)
    check_gap(solution.optimality_gap * len(table.y), true_gap(objective, v), objective(v)[0], v.size)


def test_squared_error_ends_no_higher_than_scipy(workshop: Any, any_table: str) -> None:
    table, objective = workshop.table(any_table), workshop.objective(any_table, "squared_error")
    solution = workshop.fit(table.X, table.y, loss="squared_error")
    v = objective.standardised(solution)
    value, other = objective(v)[0], objective(workshop.minimum(any_table, "squared_error"))[0]
    assert solution.is_converged
    assert value <= other + TOL**2 * v.size / 2 + 1e-9 * other
    check_gap(solution.optimality_gap * len(table.y), true_gap(objective, v), value, v.size)
    assert solution.loss_curve[-1] * len(table.y) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_without_a_penalty(workshop: Any, table_with_optimum: str, loss: str) -> None:
    table, objective = workshop.table(table_with_optimum), workshop.objective(table_with_optimum, loss, math.inf)
    solution = workshop.fit(table.X, table.y, loss=loss, C=math.inf)
    v, best = objective.standardised(solution), workshop.minimum(table_with_optimum, loss, math.inf)
    value = objective(v)[0]
    assert value <= objective(best)[0] + TOL**2 * v.size / 2 + 1e-9 * value
    if not math.isnan(solution.optimality_gap):
        assert solution.is_converged
        check_gap(solution.optimality_gap * len(table.y), true_gap(objective, v), value, v.size)
    else:
        assert not solution.is_converged
        assert "separable" in table_with_optimum  # all but some wrong labels


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_separable_without_a_penalty(workshop: Any, separable_table: str, loss: str) -> None:
    table, objective = workshop.table(separable_table), workshop.objective(separable_table, loss, math.inf)
    solution = workshop.fit(table.X, table.y, loss=loss, C=math.inf)
    v = objective.standardised(solution)
    assert np.isfinite(v).all()
    z = table.X @ solution.weights[0] + solution.bias[0]
    assert np.mean((z > 0) == table.y) == 1.0
    # The objective has no minimum: its infimum is 0.
    if loss == "squared_error" and math.isnan(solution.optimality_gap):
        assert not solution.is_converged
        assert math.isnan(solution.distance)
    else:
        assert objective(v)[0] <= 3 * solution.optimality_gap * len(table.y) + 1e-9


def test_a_wrong_start_is_no_false_certificate(workshop: Any) -> None:
    # Saturated: almost no row has a slope or a curvature left, though half of them are wrong.
    table = workshop.table("small plain")
    start = np.array([[1000.0, 2000, -500, 300, 1000, 50]])
    solution = workshop.fit(table.X, table.y, C=math.inf, start=start)
    z = table.X @ solution.weights[0] + solution.bias[0]
    assert losses_at("squared_error", z, table.y)[0].mean() > 0.5  # it has not found back
    assert not solution.is_converged
    assert math.isnan(solution.optimality_gap)
    assert math.isnan(solution.distance)


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_tighter_tolerance_comes_nearer(workshop: Any, size: str) -> None:
    table, objective = workshop.table(f"{size} plain"), workshop.objective(f"{size} plain", "log_loss")
    best = workshop.minimum(f"{size} plain", "log_loss")
    at_best, deviations = objective(best)[0], np.sqrt(np.diag(np.linalg.inv(objective.hessian(best))))
    for tol in (1.0, 0.1, 1e-2, 1e-4):
        solution = workshop.fit(table.X, table.y, loss="log_loss", tol=tol)
        v = objective.standardised(solution)
        assert solution.is_converged
        assert solution.distance <= tol
        excess = max(objective(v)[0] - at_best, 0.0)
        assert math.sqrt(excess / (v.size / 2)) <= 2 * tol + 1e-6
        assert (np.abs(v - best) <= 2 * tol * math.sqrt(v.size) * deviations + 1e-8).all()


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
def test_the_penalty_goes_by_the_deviations_of_all_rows(workshop: Any, loss: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_t(1.8, size=(60_000, 4)).astype(np.float32)  # a sample's deviations would be quite different
    y = drawn_labels(X @ [0.5, -1, 0.25, 0], rng)
    objective = StandardisedObjective(X, y, loss, 1e-4)
    start = None if loss == "log_loss" else StandardisedObjective(X, y, "log_loss", 1e-4).minimum()
    best = objective.minimum(start)
    v = objective.standardised(workshop.fit(X, y, loss=loss, C=1e-4))
    assert np.abs(v - best).max() <= 1e-3 * max(1.0, np.abs(best).max())


def check_claim(workshop: Any, X: np.ndarray, y: np.ndarray, loss: str) -> None:
    objective = StandardisedObjective(X, y, loss, 1.0)
    solution = workshop.fit(X, y, loss=loss)
    v = objective.standardised(solution)
    assert true_gap(objective, v) <= 3 * solution.optimality_gap * len(y) + 1e-9 * objective(v)[0]


@pytest.mark.parametrize(
    ("loss", "share", "size", "seed"),
    [("log_loss", 0.002, 4, 6), ("squared_error", 0.003, 3, 0), ("squared_error", 0.003, 3, 4)],
)
def test_a_claim_about_many_rare_columns(workshop: Any, loss: str, share: float, size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = (rng.random((40_000, 50)) < share).astype(np.float32)
    z = X @ (size * rng.normal(size=50)) - 0.2
    check_claim(workshop, X, drawn_labels(z, rng), loss)


def test_a_claim_about_noise_in_heavy_tails(workshop: Any) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_t(1.0, size=(60_000, 6)).astype(np.float32)
    check_claim(workshop, X, rng.integers(0, 2, 60_000).astype(np.uint8), "squared_error")
