"""Newton on all rows: the objective is the sample's over a sample of all, and outliers do not lead it astray."""

from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training import all_rows, newton
from fastperceptron.training.all_rows import AllRows, StandardRows
from fastperceptron.training.damped_newton import SampleObjective, minimise
from fastperceptron.training.pool import pool_of
from fastperceptron.training.problem import Problem
from fastperceptron.training.sample import draw_sample


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("has_weights", [False, True])
def test_blocks_of_all_rows_are_the_panel_of_a_sample_of_all(
    monkeypatch: pytest.MonkeyPatch, loss: str, has_weights: bool, n_threads: int
) -> None:
    rng, size = np.random.default_rng(0), padded_size(5)
    X, codes = rng.normal(3, 2, size=(203, 5)), rng.integers(2, size=203, dtype=np.uint8)
    weights = (rng.exponential(size=203), np.array([0.5, 2.0])) if has_weights else (None, None)
    problem = Problem(ArrayRows(X), codes, 2, *weights)
    sample = draw_sample(problem, 203, True)
    penalty, point = np.full(size, 0.1), np.linspace(-1, 1, size)
    expected = SampleObjective(sample.panel, sample.targets(1), sample.weights, loss, penalty, map).at(point, 1.0)
    monkeypatch.setattr(all_rows, "BLOCK_ELEMENTS", 10 * size)
    with pool_of(n_threads) as map_in_order:
        rows = StandardRows(problem, sample.standards, 1.0)
        found = AllRows(rows, 1, loss, penalty, map_in_order).at(point, 1.0)
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    np.testing.assert_allclose(found.gradient, expected.gradient, atol=1e-9)
    np.testing.assert_allclose(np.triu(found.hessian), np.triu(expected.hessian), atol=1e-9)


def with_outliers(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows six of which are so far out that hardly any sample tells of them."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows, 20))
    y = (rng.random(n_rows) < 1 / (1 + np.exp(-2 * X[:, 0]))).astype(np.uint8)
    X[:: n_rows // 6, 1] += 300 * rng.standard_exponential(6)
    return X, y


@pytest.mark.compiled
def test_where_reads_are_slow_all_rows_take_over_and_end_at_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = with_outliers(30_000)
    used: list[int] = []

    def noted(*arguments: Any, **options: Any) -> Any:
        used.append(isinstance(arguments[0], AllRows))
        return minimise(*arguments, **options)

    monkeypatch.setattr(newton, "minimise", noted)
    fitted = fp.PerceptronClassifier(loss="log_loss", tol=1e-3).fit(X, y)
    assert any(used)
    exact = fp.PerceptronClassifier(loss="log_loss", tol=1e-5, max_iter=1000).fit(X, y)
    assert fitted.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=1e-8)
    bits = [fp.PerceptronClassifier(loss="log_loss", n_jobs=n_jobs).fit(X, y).coef_.tobytes() for n_jobs in (1, 2, 3)]
    assert len(set(bits)) == 1


def test_a_start_from_which_steps_are_cut_is_left_for_the_fallback() -> None:
    X, y = with_outliers(600)
    problem = Problem(ArrayRows(X), y, 2)
    sample = draw_sample(problem, 600, True)
    size = padded_size(20)
    objective = SampleObjective(sample.panel, sample.targets(1), sample.weights, "log_loss", np.full(size, 1.0), map)
    bad, goal = np.zeros(size), lambda _: 1e-9
    bad[20] = 6.0  # the bias: all rows are told to be of one class, and the curvature is next to none
    best = minimise(objective, np.zeros(size), goal, 0.0, 50, False)
    found = minimise(objective, bad, goal, 0.0, 50, False, np.zeros(size))
    assert found.state.value == pytest.approx(best.state.value, rel=1e-9)
    assert found.n_evaluations == best.n_evaluations + 2
    assert found.values[0] == best.values[0]
