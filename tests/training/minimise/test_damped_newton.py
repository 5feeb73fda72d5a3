"""Newton's method on a sample: it ends at SciPy's optimum, never rises, and copes with curvature of the wrong sign."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numba.core import config

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.minimise import damped_newton
from fastperceptron.training.minimise.damped_newton import (
    SampleObjective,
    State,
    follow_gradients,
    minimise,
    minimise_by_gradients,
)
from fastperceptron.training.newton.sample import draw_sample
from fastperceptron.training.problem import Problem
from oracle import Objective
from tables import drawn_labels

LOSSES = ["log_loss", "squared_error"]
N_ROWS = 60 if config.DISABLE_JIT else 200


def example(seed: int, loss: str, n_features: int = 3, penalty: float = 1.0, signal: float = 1.0) -> SampleObjective:
    rng = np.random.default_rng(seed)
    panel = np.zeros((N_ROWS, padded_size(n_features)))
    panel[:, :n_features], panel[:, n_features] = rng.normal(size=(N_ROWS, n_features)), 1
    targets = (signal * panel[:, 0] + rng.logistic(size=N_ROWS) > 0).astype(float)
    penalties = np.zeros(panel.shape[1])
    penalties[:n_features] = penalty
    return SampleObjective(panel, targets, rng.exponential(size=N_ROWS), loss, penalties, map)


def by_scipy(objective: SampleObjective, loss: str, start: np.ndarray) -> float:
    right = Objective(objective._panel, objective._targets, loss, objective.penalty, objective._weights)
    return right(right.minimum(start))[0]


def few(goal: float) -> Callable[[State], float]:
    return lambda _: goal


@given(seed=st.integers(0, 1000), loss=st.sampled_from(LOSSES), penalty=st.sampled_from([1.0, 0.1, 0.0]))
def test_it_ends_at_the_optimum_and_never_rises(seed: int, loss: str, penalty: float) -> None:
    objective = example(seed, loss, penalty=penalty)
    optimum = minimise(objective, np.zeros(8), few(1e-9), float(loss != "log_loss"), 100, is_polished=True)
    assert (np.diff(optimum.values) <= 1e-12 * np.abs(optimum.values[:-1])).all()
    assert optimum.gap <= 1e-9
    assert optimum.state.value <= by_scipy(objective, loss, np.zeros(8)) * (1 + 1e-7) + 1e-7
    assert (optimum.state.point[4:] == 0).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_what_is_left(loss: str) -> None:
    objective = example(0, loss, signal=3.0)
    best = minimise(objective, np.zeros(8), few(1e-12), float(loss != "log_loss"), 100, is_polished=True).state.value
    for goal in (10.0, 1.0, 0.1, 1e-2):
        optimum = minimise(objective, np.zeros(8), few(goal), float(loss != "log_loss"), 100, is_polished=False)
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
        optimum = minimise(objective, start, few(1e-9), float(loss != "log_loss"), 300, is_polished=True)
        assert (np.diff(optimum.values) <= 1e-12 * np.abs(optimum.values[:-1])).all()
        assert optimum.state.value <= by_scipy(objective, loss, np.zeros(8)) * (1 + 1e-6)


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_evaluations_are_never_more_than_allowed(most: int) -> None:
    for loss in LOSSES:
        optimum = minimise(example(2, loss), np.zeros(8), few(-1.0), float(loss != "log_loss"), most, is_polished=True)
        assert optimum.n_evaluations <= most


def test_a_goal_that_cannot_be_reached_ends_in_rounding() -> None:
    for loss in LOSSES:
        optimum = minimise(example(3, loss), np.zeros(8), few(-1.0), float(loss != "log_loss"), 100, is_polished=True)
        assert optimum.n_evaluations < 60
        assert optimum.gap <= 1e-10


@pytest.mark.parametrize("loss", LOSSES)
def test_by_gradients_it_ends_at_the_same_point(loss: str) -> None:
    objective = example(4, loss, n_features=9)
    start, exactness = np.zeros(16), float(loss != "log_loss")
    whole = minimise(objective, start, few(1e-9), exactness, 100, is_polished=True)
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
    fitted = minimise(training, start, few(1e-9), exactness, 100, is_polished=False).state.point
    stopped = minimise_by_gradients(objective, start, 1e-9, exactness, is_held_out=True).state.point
    by_memory, search = follow_gradients(objective, start)
    for point in (stopped, by_memory):
        assert held_out.at(point, 0.0).value < held_out.at(fitted, 0.0).value
    assert np.isfinite(search.inverse_hessian_times(search.gradient)).all()


def test_parts_shared_out_to_threads_give_the_bits_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damped_newton, "PARALLEL_WORK", 0)

    def in_a_pool(function: Any, tasks: Any) -> Any:
        results = [function(task) for task in list(tasks)[::-1]]
        return iter(results[::-1])

    one, many = example(5, "log_loss"), example(5, "log_loss")
    many._map = in_a_pool
    assert len(one._parts) == damped_newton.PARTS
    first, second = (objective.at(np.full(8, 0.1), 0.0) for objective in (one, many))
    assert first.gradient.tobytes() == second.gradient.tobytes()
    assert first.hessian.tobytes() == second.hessian.tobytes()
    assert first.value == second.value


def test_a_start_from_which_steps_are_cut_is_left_for_the_fallback() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 20))
    y = drawn_labels(2 * X[:, 0], rng)
    X[::100, 1] += 300 * rng.standard_exponential(6)
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
