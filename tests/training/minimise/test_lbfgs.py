"""L-BFGS that is told values: it never accepts a higher one, ends at the minimum, and knows how far off it is."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st

from fastperceptron.training.minimise.lbfgs import LBFGS, MAXIMUM_PAIRS
from fastperceptron.training.minimise.search import MAXIMUM_REJECTIONS, VALUE_ROUNDING

SIZE = 8
Objective = Callable[[np.ndarray], tuple[float, np.ndarray]]


def identity(vector: np.ndarray) -> np.ndarray:
    return vector.copy()


def quadratic(seed: int, condition: float = 100.0) -> tuple[Objective, np.ndarray, np.ndarray]:
    """Return (x - m)' H (x - m) / 2 + 3, m and H."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))
    hessian, minimum = (basis * np.geomspace(1, condition, SIZE)) @ basis.T, rng.normal(size=SIZE)

    def objective(x: np.ndarray) -> tuple[float, np.ndarray]:
        gradient = hessian @ (x - minimum)
        return 3 + float((x - minimum) @ gradient) / 2, gradient

    return objective, minimum, hessian


def bent_valley(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return sum(x^4) / 4 + 50 (x0 + x1 - 1)^2 + log cosh of the rest: convex, and of very different curvature."""
    gradient = x**3 + np.tanh(x)
    gradient[:2] += 100 * (x[0] + x[1] - 1)
    return float(np.sum(x**4) / 4 + np.sum(np.log(np.cosh(x))) + 50 * (x[0] + x[1] - 1) ** 2), gradient


def rosenbrock(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return Rosenbrock's function of the first two, and squares of the rest: bent, and not convex."""
    gradient = 2 * x
    gradient[0] = -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0])
    gradient[1] = 200 * (x[1] - x[0] ** 2)
    value = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + float(x[2:] @ x[2:])
    return float(value), gradient


def minimise(objective: Objective, start: np.ndarray, steps: int, precondition=identity) -> list[LBFGS]:
    """Return the search, after steps none of which may have been accepted at a higher value."""
    search = LBFGS(start, *objective(start), precondition)
    gaps = [search.gap]
    for _ in range(steps):
        before, point = search.value, search.point
        trial = search.trial
        value, gradient = objective(trial)
        is_accepted = search.observe(trial, value, gradient)
        assert search.value <= before + VALUE_ROUNDING * abs(before)
        assert is_accepted == (search.point is trial)
        assert is_accepted or search.point is point
        gaps.append(search.gap)
        if search.gap < 1e-14 or search.is_stuck:
            break
    search.gaps = gaps
    return search


@given(seed=st.integers(0, 1000), condition=st.floats(1, 1e4))
def test_a_quadratic_ends_at_its_minimum(seed: int, condition: float) -> None:
    objective, minimum, _ = quadratic(seed, condition)
    search = minimise(objective, np.zeros(SIZE), 150)
    assert search.value == pytest.approx(3, abs=1e-9)
    np.testing.assert_allclose(search.point, minimum, atol=1e-3)


@given(seed=st.integers(0, 1000))
def test_with_the_exact_hessian_one_step_is_enough_and_the_gap_is_exact(seed: int) -> None:
    objective, minimum, hessian = quadratic(seed)
    search = LBFGS(np.zeros(SIZE), *objective(np.zeros(SIZE)), lambda g: np.linalg.solve(hessian, g))
    assert search.gap == pytest.approx(search.value - 3, rel=1e-9)
    assert search.observe(search.trial, *objective(search.trial))
    np.testing.assert_allclose(search.point, minimum, atol=1e-9)
    assert search.gap <= 1e-12


@pytest.mark.parametrize("objective", [bent_valley, rosenbrock])
@given(start=st.lists(st.floats(-3, 3), min_size=SIZE, max_size=SIZE))
def test_no_higher_value_is_ever_accepted(objective: Objective, start: list[float]) -> None:
    search = minimise(objective, np.array(start), 300)
    assert np.abs(search.gradient).max() < 1e-4


@given(seed=st.integers(0, 1000), wrong=st.floats(0.2, 5.0))
def test_a_preconditioner_that_is_wrong_by_a_factor_is_learnt(seed: int, wrong: float) -> None:
    objective, _, hessian = quadratic(seed)
    search = minimise(objective, np.zeros(SIZE), 40, lambda g: np.linalg.solve(hessian, g) * wrong)
    assert search.value == pytest.approx(3, abs=1e-9)


def test_a_gap_told_too_small_is_corrected_by_what_was_gained() -> None:
    # Steps so short that each gains about twice of what half the decrement foretells to be left.
    objective, _, _ = quadratic(5)
    search = LBFGS(np.zeros(SIZE), *objective(np.zeros(SIZE)), lambda g: g / 1e4)
    for _ in range(3):
        assert search.observe(search.trial, *objective(search.trial))
        half_decrement = -float((search.trial - search.point) @ search.gradient) / 2
        assert search.gap >= 1.5 * half_decrement


@pytest.mark.parametrize(("gained", "is_confirmed"), [(0.3, False), (0.7, True), (1.4, True), (2.0, False)])
def test_a_gap_is_confirmed_by_a_step_that_gains_what_was_foretold(gained: float, is_confirmed: bool) -> None:
    one = np.ones(SIZE) / SIZE**0.5
    search = LBFGS(one, 10.0, one, identity)
    assert not search.is_confirmed
    assert search.observe(search.trial, 10.0 - gained * search.gap, 0.1 * one)
    assert search.is_confirmed == is_confirmed


def test_a_step_too_long_is_halved_or_more_until_it_is_stuck() -> None:
    def rising(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(np.abs(x).sum()) * 1e6, np.full(SIZE, -1.0)  # the gradient lies

    start = np.zeros(SIZE)
    search = LBFGS(start, *rising(start), identity)
    lengths = []
    for _ in range(MAXIMUM_REJECTIONS):
        assert not search.is_stuck
        lengths.append(np.abs(search.trial).max())
        assert not search.observe(search.trial, *rising(search.trial))
    assert search.is_stuck
    assert (np.array(lengths[1:]) <= 0.5 * np.array(lengths[:-1])).all()
    assert (search.point == start).all()
    again = LBFGS(search.point, *rising(search.point), identity)
    assert not again.is_stuck


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_value_that_is_not_finite_is_no_step(value: float) -> None:
    search = LBFGS(np.zeros(SIZE), 1.0, np.ones(SIZE), identity)
    length = np.abs(search.trial).max()
    assert not search.observe(search.trial, value, np.ones(SIZE))
    assert np.abs(search.trial).max() == pytest.approx(0.1 * length)


def test_where_values_drown_in_rounding_the_slope_tells() -> None:
    # A rise within rounding, and a slope that has gone: accepted; with the slope still there: not.
    for slope, is_accepted in [(0.1, True), (0.9, False)]:
        search = LBFGS(np.zeros(SIZE), 1e6, np.full(SIZE, 1e-6), identity)
        assert search.observe(search.trial, 1e6 + 1e-4, np.full(SIZE, slope * 1e-6)) == is_accepted


def test_the_memory_is_bounded() -> None:
    search = minimise(rosenbrock, np.full(SIZE, -1.5), 200)
    assert len(search._pairs) <= MAXIMUM_PAIRS
