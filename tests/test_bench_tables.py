"""The race on sparse tables and tables of many classes: objective, judge, files, and who is asked, on tiny tables."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from bench.competitors import Competitor, Fitted, TableKind, fit_pipeline
from bench.judge import Judge, Run, bounds
from bench.objective import deviations, log_loss_objective
from bench.tasks import CLASS_GRID, GRID, KINDS, QUICK_GRID, SPARSE_GRID, write
from bench.worker import load


def competitor(**options: Any) -> Competitor:
    return Competitor("planted", "scikit-learn", None, ({},), "", "", **options)  # type: ignore[arg-type]  # no fits


def fit_scaled(X: Any, y: Any, C: float) -> Fitted:
    return fit_pipeline(LogisticRegression(C=C), X, y)


def drawn(n_classes: int, n_rows: int = 400) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return sparse rows off zero and their classes, of a softmax model."""
    rng = np.random.default_rng(n_classes)
    X = sparse.csr_matrix(np.where(rng.random((n_rows, 6)) < 0.4, rng.normal(2, 1, (n_rows, 6)), 0).astype(np.float32))
    z = X @ rng.normal(size=(6, n_classes))
    return X, np.argmax(z + rng.gumbel(size=z.shape), axis=1).astype(np.uint8)


@given(density=st.floats(0, 1), shift=st.floats(-1e3, 1e3), seed=st.integers(0, 99), n_rows=st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_deviations_of_sparse_rows_count_their_zeros(density: float, shift: float, seed: int, n_rows: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.where(rng.random((n_rows, 3)) < density, rng.normal(shift, 1, (n_rows, 3)), 0)
    found = deviations(sparse.csr_matrix(rows))
    np.testing.assert_allclose(found, deviations(rows), rtol=1e-9, atol=1e-9)
    expected = rows.std(axis=0)
    np.testing.assert_allclose(found[expected > 1e-9], expected[expected > 1e-9], rtol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_objective_is_least_where_scikit_learn_says(n_classes: int, is_sparse: bool) -> None:
    rows, y = drawn(n_classes)
    X = rows if is_sparse else rows.toarray()
    scaler = StandardScaler(with_mean=False).fit(X)
    np.testing.assert_allclose(deviations(X), scaler.scale_, rtol=1e-6)
    model = LogisticRegression(C=0.1, tol=1e-10, max_iter=10_000).fit(scaler.transform(X).astype(np.float64), y)
    fitted = Fitted.of(model.coef_ / scaler.scale_, model.intercept_)
    losses = log_loss(y, model.predict_proba(scaler.transform(X).astype(np.float64)), normalize=False)
    found = log_loss_objective(X, y, fitted, deviations(X), C=0.1)
    assert found == pytest.approx(losses + (model.coef_**2).sum() / 0.2, rel=1e-8)
    judge = Judge(X, y, X, y)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        other = Fitted(fitted.weights + size * rng.normal(size=fitted.weights.shape), fitted.bias)
        assert log_loss_objective(X, y, other, deviations(X), C=0.1) > found
    told = {"seconds": 1.0, "core_seconds": 1.0, "weights": fitted.weights.tolist()}
    told["bias"] = np.asarray(fitted.bias).tolist()
    assert judge.run(told).held_out == pytest.approx(losses / len(y), rel=1e-8)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_logits_of_thousands_are_judged_without_overflow(is_sparse: bool) -> None:
    rows, y = drawn(3)
    weights = np.full((3, 6), 1e4) * np.arange(3)[:, None]
    X = rows if is_sparse else rows.toarray()
    assert np.isfinite(log_loss_objective(X, y, Fitted(weights, np.zeros(3)), np.zeros(6)))


def fit_scaled_by_stored_values(X: Any, y: Any, C: float) -> Fitted:
    """Divide by the deviations of stored values: another penalty than the objective's, and a faster fit."""
    counts = np.maximum(np.diff(X.tocsc().indptr), 1)
    means = X.sum(axis=0).A1 / counts
    scale = np.sqrt(X.multiply(X).sum(axis=0).A1 / counts - means**2)
    model = LogisticRegression(C=C, tol=1e-8).fit(X @ sparse.diags(1 / scale), y)
    return Fitted.of(model.coef_ / scale, model.intercept_)


def fit_one_versus_rest(X: Any, y: Any, C: float) -> Fitted:
    scaler = StandardScaler(with_mean=False).fit(X)
    models = OneVsRestClassifier(LogisticRegression(C=C)).fit(scaler.transform(X), y).estimators_
    weights, biases = np.vstack([each.coef_ for each in models]), [each.intercept_[0] for each in models]
    return Fitted.of(weights / scaler.scale_, biases)


@pytest.mark.parametrize(
    ("n_classes", "planted"),
    [
        pytest.param(2, fit_scaled_by_stored_values, id="another scale of sparse columns"),
        pytest.param(2, lambda X, y, C: fit_scaled(X, y, 10 * C), id="another C"),
        pytest.param(3, fit_one_versus_rest, id="one-vs-rest"),
    ],
)
def test_the_optimum_of_another_objective_misses_the_target(n_classes: int, planted: Any) -> None:
    X, y = drawn(n_classes)
    judge = Judge(X, y, X, y)
    told = {"seconds": 1.0, "core_seconds": 1.0}
    fits = [fit_pipeline(LogisticRegression(tol=1e-8, max_iter=1000), X.astype(np.float64), y), planted(X, y, 1.0)]
    honest, other = (judge.run(told | {"weights": each.weights, "bias": each.bias}).of("objective") for each in fits)
    assert other > bounds([Run(1.0, 1.0, 1.0, honest)])["objective"]


@pytest.mark.parametrize(
    ("weights", "bias"), [((3,), ()), ((6, 3), (3,)), ((2, 6), (2,)), ((3, 6), ()), ((3, 6), (6,))]
)
def test_weights_of_classes_of_another_shape_are_an_error(weights: tuple[int, ...], bias: tuple[int, ...]) -> None:
    X, y = drawn(3)
    told = {"seconds": 1.0, "core_seconds": 1.0, "weights": np.zeros(weights), "bias": np.zeros(bias)}
    with pytest.raises(ValueError, match="6 columns and 3 classes returned weights of shape"):
        Judge(X, y, X, y).run(told)


def test_who_does_not_take_a_table_is_not_asked_and_the_remark_says_why() -> None:
    X, y = drawn(3)
    judge = Judge(X, y, X, y)
    planted = {
        "sparse": competitor(takes_classes=True),
        "classes": competitor(takes_sparse=True),
        "values": competitor(takes_sparse=True, takes_classes=True, most_values=X.nnz - 1),
        "weights": competitor(takes_sparse=True, takes_classes=True, most_weights=17),
    }
    remarks = {name: each.refusal(judge.kind) for name, each in planted.items()}
    assert remarks == {
        "sparse": "not asked: it does not take sparse rows",
        "classes": "not asked: it has no softmax model of three classes and more",
        "values": f"not asked: more than {X.nnz - 1} values",
        "weights": "not asked: more than 17 weights",
    }
    exact = competitor(takes_sparse=True, takes_classes=True, most_values=X.nnz, most_weights=18)
    assert exact.refusal(judge.kind) == ""
    assert competitor().refusal(TableKind.of(X.toarray(), y > 0)) == ""


@pytest.mark.parametrize("is_sparse", [False, True])
def test_workers_load_the_rows_that_were_written_last(tmp_path: Path, is_sparse: bool) -> None:
    X, y = drawn(3)
    kinds = [X.toarray(), X] if is_sparse else [X, X.toarray()]
    for rows in kinds:
        write(tmp_path, rows, y)
    found, labels = load(tmp_path)
    assert sparse.issparse(found) == is_sparse
    np.testing.assert_array_equal(found.toarray() if is_sparse else found, X.toarray())
    np.testing.assert_array_equal(labels, y)


# A small size that each kind can be made of.
SMALL = {"pictures": (60, 784), "rare columns": (300, 20), "one-hot sparse": (300, 1100)}
OPTIONS = {made.kind: made.options for made in (*GRID, *SPARSE_GRID, *CLASS_GRID)}


@pytest.mark.parametrize("kind", KINDS)
def test_made_tables_are_the_same_every_time_and_have_all_classes(kind: str) -> None:
    n_rows, n_features = SMALL.get(kind, (300, 50))
    (X, y), (again, same) = (KINDS[kind](n_rows, n_features, **OPTIONS[kind]) for _ in range(2))
    assert (X.shape, X.dtype, y.dtype) == ((n_rows, n_features), np.float32, np.uint8)
    assert len(np.unique(y)) == OPTIONS[kind].get("n_classes", 2)
    np.testing.assert_array_equal(y, same)
    if sparse.issparse(X):
        assert X.has_canonical_format
        assert (again != X).nnz == 0
        assert np.isfinite(X.data).all()
    else:
        np.testing.assert_array_equal(X, again)


def test_the_quick_race_has_a_sparse_table_and_one_of_many_classes() -> None:
    kinds = {made.kind for made in QUICK_GRID}
    assert {"text-like", "classes"} <= kinds
    names = [made.name for made in (*GRID, *SPARSE_GRID, *CLASS_GRID)]
    assert len(names) == len(set(names))
    assert {"text-like, 200k x 20k", "sparse, 1M x 1M", "classes, 1M x 13, K=4", "independent, 20k x 2000"} <= {*names}
