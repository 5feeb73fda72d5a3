"""Where steps gain little: a second sample is corrected, or a Hessian of all rows is taken; each way ends right."""

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.coordinates import coordinates_of
from fastperceptron.training.newton import leverage_sample, turns
from fastperceptron.training.newton.turns import Turns
from fastperceptron.training.newton.ways import Prices, Way
from fastperceptron.training.problem import Problem
from oracle import StandardisedObjective
from tables import drawn_labels

pytestmark = pytest.mark.compiled
Table = tuple[np.ndarray, np.ndarray]


def with_outliers(n_rows: int) -> Table:
    """Return rows six of which are so far out that hardly any sample tells of them."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows, 20))
    y = drawn_labels(2 * X[:, 0], rng)
    X[:6, 1] += 300 * rng.standard_exponential(6)
    return X, y


def with_rare_columns(n_rows: int) -> Table:
    """Return columns that are 1 in a third of the rows to one in 20,000, with strong weights."""
    rng = np.random.default_rng(5)
    X = (rng.random((n_rows, 40)) < np.logspace(-0.5, -4.3, 40)).astype(np.float32)
    return X, drawn_labels(X @ rng.normal(size=40) * 3, rng)


def with_rare_levels(n_rows: int) -> Table:
    """Return two categories as columns of 0 and 1, all levels of them, so that they are collinear, and two numbers."""
    rng = np.random.default_rng(7)
    share = 1 / np.arange(1, 31) ** 1.5
    X = np.zeros((n_rows, 62))
    for first in (0, 30):
        X[np.arange(n_rows), first + rng.choice(30, n_rows, p=share / share.sum())] = 1
    X[:, 60:] = rng.normal(size=(n_rows, 2)) * [1, 1000]
    return X, drawn_labels(X[:, :60] @ rng.normal(size=60) * 2 + X[:, 60], rng)


def nearly_separable(n_rows: int) -> Table:
    """Return rows of which a plane tells the classes apart, but for the labels of 20."""
    rng = np.random.default_rng(11)
    X = rng.normal(size=(n_rows, 10))
    y = X[:, 0] + 0.5 * X[:, 1] > 0
    y[rng.choice(n_rows, 20, replace=False)] ^= True
    return X, y.astype(np.uint8)


def with_correlated_columns(n_rows: int) -> Table:
    """Return columns so mixed that the Hessian's condition number is about 1e5."""
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(n_rows, 20))
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    X = Z @ (basis * np.logspace(0, -2.5, 20)) @ basis.T
    return X, drawn_labels(Z @ rng.normal(size=20) / 2, rng)


HARD = [with_outliers, with_rare_columns, with_rare_levels, nearly_separable]


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> list[Way]:
    """Return a list that gets each way that is begun besides the first steps."""
    taken: list[Way] = []
    for name in ("correct_sample", "take_hessian"):
        method = getattr(Turns, name)

        def noted(self: Any, neuron: Any, *arguments: Any, method: Any = method) -> None:
            method(self, neuron, *arguments)
            taken.append(neuron.pace.way)

        monkeypatch.setattr(Turns, name, noted)
    return taken


def only(way: Way) -> Callable[..., Way]:
    """Return a choice that takes one way wherever it may be begun."""

    def choose(self: Prices, pace: Any, needed: float, is_hessian_new: bool, mismatch: float) -> Way:
        may_begin = is_hessian_new if way is Way.HESSIAN else pace.way is not way
        return way if may_begin else Way.STEPS

    return choose


def check(X: np.ndarray, y: np.ndarray, loss: str, *, is_gap_told: bool = True) -> fp.PerceptronClassifier:
    """Return a fit, whose excess over the exact minimum is at most three times the gap that it tells."""
    fitted = fp.PerceptronClassifier(loss=loss).fit(X, y)
    objective = StandardisedObjective(X.astype(np.float64), y, loss, 1.0)
    point = objective.standardised(SimpleNamespace(weights=fitted.coef_, bias=fitted.intercept_))
    value, least = objective(point)[0], objective(objective.minimum(point))[0]
    told = fitted.optimality_gap_ * len(y)
    assert not is_gap_told or math.isnan(told) or value - least <= 3 * told + 1e-9 * value
    assert value <= least + 1e-4 * (X.shape[1] + 1) + 1e-9 * value
    return fitted


@pytest.mark.parametrize("make", HARD)
@pytest.mark.parametrize("way", Way)
def test_each_way_ends_at_the_minimum(
    make: Callable[[int], Table], way: Way, ways: list[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prices, "cheapest", only(way))
    # Steps alone know columns that are rare in the sample by a few rows: there they are never the way that is chosen.
    check(*make(30_000), "log_loss", is_gap_told=way is not Way.STEPS)
    # Whatever the way, a Hessian may prove the gap at its end.
    assert set(ways) - {Way.HESSIAN} == {way} - {Way.HESSIAN, Way.STEPS}
    assert way is not Way.HESSIAN or ways


@pytest.mark.parametrize("make", HARD)
def test_hard_tables_take_a_handful_of_reads(make: Callable[[int], Table], ways: list[Way]) -> None:
    assert check(*make(40_000), "log_loss").n_iter_ <= 8
    assert ways


def test_easy_tables_take_no_other_way(ways: list[Way]) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 9))
    fitted = fp.PerceptronClassifier(loss="log_loss").fit(X, X[:, 0] + rng.logistic(size=60_000) > 0)
    assert fitted.n_iter_ <= 4
    assert not ways


def test_correlated_columns_take_few_reads() -> None:
    X, y = with_correlated_columns(60_000)
    assert fp.PerceptronClassifier(loss="log_loss", C=100.0, tol=0.01).fit(X, y).n_iter_ <= 5


def test_a_search_far_from_its_samples_minimum_begins_again_from_that(
    ways: list[Way], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "FAR", 0.0)
    check(*with_rare_levels(30_000), "log_loss")
    assert ways[0] is Way.DRAW


@pytest.mark.parametrize("make", HARD)
@pytest.mark.parametrize("way", [Way.SAMPLE, Way.DRAW, Way.HESSIAN])
def test_the_bits_do_not_depend_on_threads_or_on_the_source(
    make: Callable[[int], Table], way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Prices, "cheapest", only(way))
    X, y = make(20_000)
    one = fp.PerceptronClassifier(loss="log_loss", n_jobs=1).fit(X, y)
    for other in (
        fp.PerceptronClassifier(loss="log_loss", n_jobs=3).fit(np.asfortranarray(X), y),
        fp.PerceptronClassifier(loss="log_loss", n_jobs=2).fit(fp.dataset((X, y))),
    ):
        np.testing.assert_array_equal(other.coef_, one.coef_)
        np.testing.assert_array_equal(other.loss_curve_, one.loss_curve_)


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
def test_weights_of_many_sizes_are_drawn_by_their_share(scale: float) -> None:
    X, y = with_rare_levels(20_000)
    weights = np.random.default_rng(0).lognormal(sigma=2, size=len(y))
    plain = fp.PerceptronClassifier(loss="log_loss", C=np.inf, tol=1e-3).fit(X[:, 60:], y, sample_weight=weights)
    scaled = fp.PerceptronClassifier(loss="log_loss", C=np.inf, tol=1e-3).fit(
        X[:, 60:], y, sample_weight=weights * scale
    )
    np.testing.assert_allclose(scaled.coef_, plain.coef_, rtol=1e-3)
    hard = fp.PerceptronClassifier(loss="log_loss", tol=1e-3).fit(X, y, sample_weight=weights)
    again = fp.PerceptronClassifier(loss="log_loss", tol=1e-3).fit(
        np.repeat(X, 2, axis=0), np.repeat(y, 2), sample_weight=np.repeat(weights / 2, 2)
    )
    np.testing.assert_allclose(again.coef_, hard.coef_, atol=2e-3 * np.abs(hard.coef_).max())


def test_a_drawn_sample_stands_for_all_rows() -> None:
    X, y = with_rare_levels(30_000)
    problem = Problem(ArrayRows(X), read_only(y.astype(np.uint8)), 2)
    coordinates = coordinates_of(X, np.ones(len(X)), True)
    sample = leverage_sample.draw_by_leverage(problem, 3000, coordinates, coordinates.deviations, True, map)
    assert 2000 < sample.n_rows < 4500
    assert sample.weights.sum() == pytest.approx(len(X), rel=0.1)
    has_both_values = np.array([np.unique(sample.panel[:, column]).size > 1 for column in range(60)])
    assert has_both_values[X[:, :60].any(axis=0)].all()
    whole = leverage_sample.draw_by_leverage(problem, 10**9, coordinates, coordinates.deviations, True, map)
    assert whole.n_rows == len(X)
    assert (whole.weights == 1).all()
