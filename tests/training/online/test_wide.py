"""partial_fit of wide rows: the optimum of all rows while they are kept, near it when they had to be dropped."""

import math
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from fastperceptron import PerceptronClassifier
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.online import wide
from fastperceptron.training.online.online import OnlineNewton
from fastperceptron.training.online.wide import WideOnline, online_engine
from fastperceptron.training.problem import NewtonOptions, Problem
from sparse_tables import sparse_rows, sparse_table
from training.online.test_online import LOSSES, made, objective

pytestmark = pytest.mark.compiled


def problem_of(
    X: Any, y: Any, weights: Any = None, n_classes: int = 2, is_sparse: bool = False, **others: Any
) -> Problem:
    rows = sparse_rows(X) if is_sparse else ArrayRows(X)
    return Problem(rows, y.astype(np.uint8), n_classes, weights, **others)


def taught(
    X: Any,
    y: Any,
    options: NewtonOptions,
    chunk: int,
    weights: Any = None,
    engine: WideOnline | None = None,
    **others: Any,
) -> WideOnline:
    n_classes, is_softmax = others.get("n_classes", 2), others.get("is_softmax", False)
    engine = engine or WideOnline(X.shape[1], n_classes, options, is_softmax=is_softmax)
    for start in range(0, len(X), chunk):
        part = slice(start, start + chunk)
        engine.update(problem_of(X[part], y[part], None if weights is None else weights[part], **others))
    return engine


def tfidf_like(n_rows: int, n_features: int, seed: int = 0) -> tuple[Any, Any]:
    """Return rows of 30 words each, frequent and rare ones, whose class depends on the words."""
    rng = np.random.default_rng(seed)
    share = 1 / (np.arange(n_features) + 10)
    words = rng.choice(n_features, (n_rows, 30), p=share / share.sum())
    X = np.zeros((n_rows, n_features), np.float32)
    np.add.at(X, (np.arange(n_rows)[:, None], words), 1)
    z = X @ rng.normal(size=n_features)
    z = 2 * (z - z.mean()) / z.std()
    return X, (rng.random(n_rows) < 1 / (1 + np.exp(-z))).astype(int)


def mean_loss(model: PerceptronClassifier, X: Any, y: Any) -> float:
    return float(-np.log(model.predict_proba(X)[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("chunk", [400, 37])
@pytest.mark.parametrize("has_weights", [False, True])
def test_the_result_is_the_optimum_of_all_rows(loss: str, is_sparse: bool, chunk: int, has_weights: bool) -> None:
    X, y = sparse_table(2000, 40)
    weights = np.random.default_rng(1).integers(0, 4, len(X)).astype(float) if has_weights else None
    options, problem = NewtonOptions(loss, tol=1e-4), problem_of(X, y, weights)
    best = minimise_by_newton(problem, options)
    found = taught(X, y, options, chunk, weights, is_sparse=is_sparse).solution
    assert objective(found, problem, options) - objective(best, problem, options) < 2e-6


@pytest.mark.parametrize("kind", ["even", "scaled", "by feature", "by label"])
def test_the_order_of_kept_rows_and_their_scales_do_not_matter(kind: str) -> None:
    X, y = made(kind, 6000)
    options, problem = NewtonOptions(tol=1e-4), problem_of(X, y)
    best = objective(minimise_by_newton(problem, options), problem, options)
    assert objective(taught(X, y, options, 500).solution, problem, options) - best < 2e-6


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("is_sparse", [False, True])
def test_rows_that_were_dropped_are_remembered(loss: str, is_sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "MOST_BYTES", 50_000)
    X, y = sparse_table(20_000, 19)
    options, problem = NewtonOptions(loss, tol=1e-4), problem_of(X, y)
    best = objective(minimise_by_newton(problem, options), problem, options)
    assert objective(taught(X, y, options, 1000, is_sparse=is_sparse).solution, problem, options) - best < 1e-3


def test_dropping_too_few_rows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide, "MOST_BYTES", 1000)
    X, y = sparse_table(100, 19)
    with pytest.warns(UserWarning, match="drops 100 rows of 19 features"):
        taught(X, y, NewtonOptions(), 100)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("order", ["random", "sorted", "drifting"])
def test_rows_that_were_dropped_and_came_sorted_are_told(
    n_classes: int, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = sparse_table(6000, 19, n_classes)
    shift = {"random": 0.0, "sorted": 10.0, "drifting": 0.4}[order]
    places = np.argsort(shift * (y == 0) + np.random.default_rng(0).random(len(y)))
    X, y = X[places], y[places]
    for most_bytes in (1 << 29, 400_000, 100_000):
        monkeypatch.setattr(wide, "MOST_BYTES", most_bytes)
        engine = taught(X, y, NewtonOptions(), 300, n_classes=n_classes)
        is_told = order != "random" and most_bytes < 1 << 29
        assert math.isnan(engine.doubt) if is_told else engine.doubt == 0
        # Later rows in random order do not repair it.
        assert math.isnan(taught(X, y, NewtonOptions(), 300, engine=engine, n_classes=n_classes).doubt) == is_told


def test_partial_fit_warns_of_wide_rows_that_came_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = tfidf_like(8000, 501)
    monkeypatch.setattr(wide, "MOST_BYTES", 11_000_000)  # 5500 rows
    order = np.argsort(y, kind="stable")
    learner, n = PerceptronClassifier(loss="log_loss"), 6000
    learner.partial_fit(X[order[:n]], y[order[:n]], classes=[0, 1])
    with pytest.warns(ConvergenceWarning, match="came sorted by class"):
        learner.partial_fit(X[order[n:]], y[order[n:]])
    learner = PerceptronClassifier(loss="log_loss").partial_fit(X[:n], y[:n], classes=[0, 1])
    learner.partial_fit(X[n:], y[n:])  # no warning


def test_softmax_layers_are_learnt() -> None:
    X, y = sparse_table(3000, 19, 4)
    options = NewtonOptions(tol=1e-4)
    others: dict[str, Any] = {"n_classes": 4, "is_softmax": True}
    best = minimise_by_newton(problem_of(X, y, **others), options)
    found = taught(X, y, options, 400, is_sparse=True, **others).solution
    np.testing.assert_allclose(found.weights, best.weights, atol=0.02)
    np.testing.assert_allclose(found.weights.sum(axis=0), 0, atol=1e-9)


def test_being_asked_changes_nothing_that_comes_later() -> None:
    X, y = sparse_table(600, 19)
    engines = [WideOnline(19, 2, NewtonOptions()) for _ in range(2)]
    for start in range(0, 600, 20):
        part = problem_of(X[start : start + 20], y[start : start + 20])
        for engine in engines:
            engine.update(part)
        assert np.isfinite(engines[0].solution.weights).all()
    np.testing.assert_array_equal(engines[0].solution.weights, engines[1].solution.weights)


def test_a_refused_chunk_leaves_no_trace() -> None:
    X, y = sparse_table(600, 19)
    options, bad = NewtonOptions(), X.copy()
    bad[3, 4] = np.nan
    engine, other = taught(X, y, options, 100), taught(X, y, options, 100)
    for is_sparse in (False, True):
        with pytest.raises(ValueError, match="row 3, column 4"):
            engine.update(problem_of(bad, y, is_sparse=is_sparse))
    engine.update(problem_of(X, y))
    other.update(problem_of(X, y))
    np.testing.assert_array_equal(engine.solution.weights, other.solution.weights)


def test_it_goes_on_from_a_fit() -> None:
    X, y = tfidf_like(20_000, 600)
    whole, learner = (PerceptronClassifier(loss="log_loss").fit(X[:n], y[:n]) for n in (20_000, 10_000))
    model = PerceptronClassifier(loss="log_loss").fit(X[10_000:], y[10_000:])
    losses = [mean_loss(each, X, y) for each in (whole, learner, model)]
    learner.partial_fit(X[10_000:], y[10_000:])
    # Better than either half, most of the way to all rows.
    assert mean_loss(learner, X, y) < losses[0] + 0.25 * (min(losses[1:]) - losses[0])


@pytest.mark.parametrize("n_features", [1000, 3000])
def test_text_like_rows_end_at_the_held_out_loss_of_a_fit(n_features: int) -> None:
    X, y = tfidf_like(7000, n_features)
    learner = PerceptronClassifier(loss="log_loss")
    for start in range(0, 6000, 1000):
        learner.partial_fit(X[start : start + 1000], y[start : start + 1000], classes=[0, 1])
    model = PerceptronClassifier(loss="log_loss").fit(X[:6000], y[:6000])
    assert mean_loss(learner, X[6000:], y[6000:]) < mean_loss(model, X[6000:], y[6000:]) + 0.01


def test_the_number_of_parameters_chooses_the_engine() -> None:
    options = NewtonOptions()
    assert isinstance(online_engine(500, 2, options), OnlineNewton)
    assert isinstance(online_engine(501, 2, options), WideOnline)
    assert isinstance(online_engine(200, 3, options, is_softmax=True), OnlineNewton)
    assert isinstance(online_engine(200, 9, options, is_softmax=True), WideOnline)
