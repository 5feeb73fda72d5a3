"""Newton's method on a sample: it ends at SciPy's optimum, never rises, and copes with curvature of the wrong sign."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

import oracle
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.minimise import objective as objective_module
from fastperceptron.training.minimise.by_gradients import follow_gradients, minimise_by_gradients
from fastperceptron.training.minimise.damped_newton import minimise
from fastperceptron.training.minimise.objective import NeuronRows, Objective, Quadratic, State, rows_of
from fastperceptron.training.newton.sample import draw_sample
from fastperceptron.training.problem import Problem
from tables import drawn_labels

LOSSES = ["log_loss", "squared_error"]
N_ROWS = 60 if config.DISABLE_JIT else 200


def example(seed: int, loss: str, n_features: int = 3, penalty: float = 1.0, signal: float = 1.0) -> Objective:
    rng = np.random.default_rng(seed)
    panel = np.zeros((N_ROWS, padded_size(n_features)))
    panel[:, :n_features], panel[:, n_features] = rng.normal(size=(N_ROWS, n_features)), 1
    targets = (signal * panel[:, 0] + rng.logistic(size=N_ROWS) > 0).astype(float)
    penalties = np.zeros(panel.shape[1])
    penalties[:n_features] = penalty
    return Objective(NeuronRows(panel, targets, rng.exponential(size=N_ROWS)), loss, penalties)


def by_scipy(objective: Objective, loss: str, start: np.ndarray) -> float:
    panel, targets, weights = objective.rows
    right = oracle.Objective(panel, targets, loss, objective.penalty, weights)
    return right(right.minimum(start))[0]


def few(goal: float) -> Callable[[State], float]:
    return lambda _: goal


@given(seed=st.integers(0, 1000), loss=st.sampled_from(LOSSES), penalty=st.sampled_from([1.0, 0.1, 0.0]))
def test_it_ends_at_the_optimum_and_never_rises(seed: int, loss: str, penalty: float) -> None:
    objective = example(seed, loss, penalty=penalty)
    optimum = minimise(objective, np.zeros(8), few(1e-9), float(loss != "log_loss"), 100, polishing_steps=2)
    assert (np.diff(optimum.values) <= 1e-12 * np.abs(optimum.values[:-1])).all()
    assert optimum.gap <= 1e-9
    assert optimum.state.value <= by_scipy(objective, loss, np.zeros(8)) * (1 + 1e-7) + 1e-7
    assert (optimum.state.point[4:] == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_what_is_left(loss: str) -> None:
    objective = example(0, loss, signal=3.0)
    best = minimise(objective, np.zeros(8), few(1e-12), float(loss != "log_loss"), 100, polishing_steps=2).state.value
    for goal in (10.0, 1.0, 0.1, 1e-2):
        optimum = minimise(objective, np.zeros(8), few(goal), float(loss != "log_loss"), 100)
        left = optimum.state.value - best
        assert optimum.gap <= goal
        assert left <= 3 * optimum.gap + 1e-9
        assert optimum.gap <= 3 * left + 1e-9


@pytest.mark.parametrize("loss", LOSSES)
def test_the_value_and_gradient_are_those_of_the_penalised_objective(loss: str) -> None:
    objective = example(0, loss)
    point = np.array([0.3, -0.2, 0.1, 0.5, 0, 0, 0, 0])
    state, step = objective.at(point, 1.0), 1e-6
    for j in range(4):
        sides = [objective.at(point + h * np.eye(8)[j], 1.0) for h in (-step, step)]
        assert state.gradient[j] == pytest.approx((sides[1].value - sides[0].value) / (2 * step), rel=1e-5, abs=1e-6)
        column = (sides[1].gradient - sides[0].gradient) / (2 * step) - objective.penalty * np.eye(8)[j]
        exact = np.triu(state.hessian) + np.triu(state.hessian, 1).T
        np.testing.assert_allclose(exact[j], column, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_far_off_on_the_wrong_side_it_finds_back(loss: str) -> None:
    # Whole steps overshoot where rows are saturated on the wrong side; the squared error bends the wrong way there.
    objective = example(1, loss, penalty=0.1, signal=3.0)
    for size in (1.0, 3.0, 10.0):
        start = size * np.array([-4.0, 1, 0, 2, 0, 0, 0, 0])
        optimum = minimise(objective, start, few(1e-9), float(loss != "log_loss"), 300, polishing_steps=2)
        assert (np.diff(optimum.values) <= 1e-12 * np.abs(optimum.values[:-1])).all()
        assert optimum.state.value <= by_scipy(objective, loss, np.zeros(8)) * (1 + 1e-6)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_evaluations_are_never_more_than_allowed(most: int) -> None:
    for loss in LOSSES:
        optimum = minimise(example(2, loss), np.zeros(8), few(-1.0), float(loss != "log_loss"), most, polishing_steps=2)
        assert optimum.n_evaluations <= most


def test_a_goal_that_cannot_be_reached_ends_in_rounding() -> None:
    for loss in LOSSES:
        optimum = minimise(example(3, loss), np.zeros(8), few(-1.0), float(loss != "log_loss"), 100, polishing_steps=2)
        assert optimum.n_evaluations < 60
        assert optimum.gap <= 1e-10


@pytest.mark.parametrize("loss", LOSSES)
def test_by_gradients_it_ends_at_the_same_point(loss: str) -> None:
    objective = example(4, loss, n_features=9)
    start, exactness = np.zeros(16), float(loss != "log_loss")
    whole = minimise(objective, start, few(1e-9), exactness, 100, polishing_steps=2)
    mostly = minimise_by_gradients(objective, start, 1e-9, exactness, is_held_out=False)
    assert mostly.gap <= 1e-9
    np.testing.assert_allclose(mostly.state.point, whole.state.point, atol=1e-4)
    assert mostly.state.hessian.any()


@pytest.mark.parametrize("loss", LOSSES)
def test_rows_held_out_end_it_before_it_fits_noise(loss: str) -> None:
    # Pure noise, in a quarter as many columns as each half has rows.
    n_features = N_ROWS // 8
    objective = example(6, loss, n_features, penalty=0.0, signal=0.0)
    start, exactness = np.zeros(padded_size(n_features)), 0.0
    training, held_out = objective.every(2), objective.every(2, 1)
    fitted = minimise(training, start, few(1e-9), exactness, 100).state.point
    stopped = minimise_by_gradients(objective, start, 1e-9, exactness, is_held_out=True).state.point
    by_memory, search = follow_gradients(objective, start)
    for point in (stopped, by_memory):
        assert held_out.at(point, 0.0).value < held_out.at(fitted, 0.0).value
    assert np.isfinite(search.inverse_hessian_times(search.gradient)).all()


def test_parts_shared_out_to_threads_give_the_bits_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objective_module, "PARALLEL_WORK", 0)

    def in_a_pool(function: Any, tasks: Any) -> Any:
        assert len(tasks) == objective_module.N_PARTS
        results = [function(task) for task in tasks[::-1]]
        return iter(results[::-1])

    one, many = example(5, "log_loss"), example(5, "log_loss")
    many._map = in_a_pool
    first, second = (objective.at(np.full(8, 0.1), 0.0) for objective in (one, many))
    assert first.gradient.tobytes() == second.gradient.tobytes()
    assert first.hessian.tobytes() == second.hessian.tobytes()
    assert first.value == second.value


def test_a_start_from_which_steps_overshoot_is_left_for_the_fallback() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 20))
    y = drawn_labels(2 * X[:, 0], rng)
    X[::100, 1] += 300 * rng.standard_exponential(6)
    sample, size = draw_sample(Problem(ArrayRows(X), y, 2), 600, True), padded_size(20)
    rows = rows_of(sample.panel, sample.codes, sample.weights, 1)
    objective = Objective(rows, "log_loss", np.full(size, 1.0))
    bad, goal = np.zeros(size), few(1e-9)
    bad[20] = 6.0  # the bias: all rows are predicted to be of one class, and the curvature is almost 0
    best = minimise(objective, np.zeros(size), goal, 0.0, 50)
    found = minimise(objective, bad, goal, 0.0, 50, fallback=np.zeros(size))
    assert found.state.value == pytest.approx(best.state.value, rel=1e-9)
    assert found.n_evaluations == best.n_evaluations + 2
    assert found.values[0] == best.values[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_rough_search_ends_an_evaluation_early_and_within_the_goal(loss: str) -> None:
    objective, start, exactness = example(0, loss, signal=2.0), np.zeros(8), float(loss != "log_loss")
    best, is_early = minimise(objective, start, few(1e-12), exactness, 100).state.value, []
    for goal in (1.0, 1e-2, 1e-4):
        whole = minimise(objective, start, few(goal), exactness, 100)
        rough = minimise(objective, start, few(goal), exactness, 100, is_rough=True)
        is_early.append(rough.n_evaluations < whole.n_evaluations)
        assert rough.n_evaluations <= whole.n_evaluations
        assert objective.at(rough.end, 0.0).value - best <= 2 * goal
    assert any(is_early)


@given(seed=st.integers(0, 1000), loss=st.sampled_from(LOSSES), is_diagonal=st.booleans())
def test_rows_that_are_gone_count_as_their_quadratic(seed: int, loss: str, is_diagonal: bool) -> None:
    # With an objective's own expansion in place of half of its rows, nothing changes at the point of expansion.
    whole = example(seed, loss)
    point = 0.3 * np.random.default_rng(seed).normal(size=8) * (np.arange(8) < 4)
    halves = [
        Objective(NeuronRows(*(each[half] for each in whole.rows)), loss, 0 * whole.penalty, None, is_diagonal)
        for half in (slice(0, 30), slice(30, None))
    ]
    gone = halves[0].at(point, 1.0)
    quadratic = Quadratic(point, gone.gradient, gone.hessian, gone.curvature)
    both = Objective(halves[1].rows, loss, whole.penalty, quadratic, is_diagonal).at(point, 1.0)
    expected = Objective(whole.rows, loss, whole.penalty, None, is_diagonal).at(point, 1.0)
    np.testing.assert_allclose(both.gradient, expected.gradient, atol=1e-9)
    np.testing.assert_allclose(np.triu(both.hessian), np.triu(expected.hessian), atol=1e-9)
    assert both.curvature == pytest.approx(expected.curvature)
    # A step away, the value is that of the rows at hand plus the quadratic.
    step = 1e-3 * (np.arange(8) < 4)
    after = Objective(halves[1].rows, loss, whole.penalty, quadratic, is_diagonal).at(point + step, 1.0)
    hessian = np.diag(gone.hessian[0]) if is_diagonal else np.triu(gone.hessian) + np.triu(gone.hessian, 1).T
    foretold = gone.value + gone.gradient @ step + step @ hessian @ step / 2 + whole.penalty @ (point + step) ** 2 / 2
    assert after.value + gone.value == pytest.approx(halves[1].at(point + step, 1.0).value + foretold, rel=1e-12)
