"""PerceptronClassifier: its weights and attributes, and the meaning of row weights, layouts, labels and parameters."""

import functools
import re
import tracemalloc
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numba.core import config
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import fastperceptron as fp
from fastperceptron.estimator import solvers
from fastperceptron.estimator.solvers import SOLVERS
from fastperceptron.training import reads
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from tables import bits, classes_of_mixed_scales, layouts

# Interpreted kernels take a millisecond per row.
N_ROWS = 60 if config.DISABLE_JIT else 300


made = functools.partial(classes_of_mixed_scales, n_rows=N_ROWS)


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> list[NewtonOptions]:
    """Return a list of the options that the newton solver is called with."""
    seen, real = [], solvers.minimise_by_newton

    def noted(problem: Problem, given: NewtonOptions, *rest: Any) -> Solution:
        seen.append(given)
        return real(problem, given, *rest)

    monkeypatch.setattr(solvers, "minimise_by_newton", noted)
    return seen


@pytest.mark.compiled
@pytest.mark.parametrize("multi_class", ["softmax", "one_vs_rest"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_log_loss_is_a_scaler_and_logistic_regression(n_classes: int, multi_class: str) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier(loss="log_loss", multi_class=multi_class, C=0.3, tol=1e-6).fit(X, y)
    regression = LogisticRegression(C=0.3, tol=1e-12, max_iter=10_000)
    is_joint = n_classes == 2 or multi_class == "softmax"
    other = make_pipeline(StandardScaler(), regression if is_joint else OneVsRestClassifier(regression)).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba(X), other.predict_proba(X), atol=1e-6)
    np.testing.assert_array_equal(classifier.predict(X), other.predict(X))
    n_neurons = 1 if n_classes == 2 else n_classes
    assert classifier.coef_.shape == (n_neurons, 4)
    assert classifier.intercept_.shape == (n_neurons,)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_fitted_attributes(loss: str, n_classes: int) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier(loss=loss).fit(X, y)
    assert isinstance(classifier.n_iter_, int)
    assert 1 <= classifier.n_iter_ <= 100
    assert classifier.loss_curve_[-1] == min(classifier.loss_curve_)
    assert 0 <= classifier.optimality_gap_ < 1e-3
    assert classifier.classes_.tolist() == list(range(n_classes))
    assert classifier.n_features_in_ == 4
    assert not hasattr(classifier, "feature_names_in_")
    model = classifier.model_
    assert isinstance(model, fp.Perceptron)
    np.testing.assert_array_equal(np.atleast_2d(model.weights), classifier.coef_)
    np.testing.assert_array_equal(np.atleast_1d(model.bias), classifier.intercept_)
    z = X @ classifier.coef_.T + classifier.intercept_
    np.testing.assert_allclose(classifier.decision_function(X), z[:, 0] if n_classes == 2 else z, rtol=1e-9, atol=1e-9)
    assert classifier.score(X, y) == np.mean(classifier.predict(X) == y) > 0.6


@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_probabilities_are_accurate_where_probabilities_round(n_classes: int) -> None:
    X, y = made(n_classes)
    classifier = fp.PerceptronClassifier().fit(X, y)
    np.testing.assert_allclose(
        classifier.predict_log_proba(X), np.log(classifier.predict_proba(X)), rtol=1e-9, atol=1e-14
    )
    far = X.mean(axis=0) + 1e4 * (X[:20] - X.mean(axis=0))
    logs = classifier.predict_log_proba(far)
    assert np.isfinite(logs).all()
    assert logs.min() < -1000
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1)


@pytest.mark.compiled
@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_is_fitted_does_not_depend_on_layout_or_dtype(n_classes: int, tmp_path: Path) -> None:
    X, y = made(n_classes)
    X = np.ascontiguousarray(np.clip(np.round((X - X.mean(0)) / X.std(0) * 4 + 16), 0, 32))
    same = {
        **layouts(X, tmp_path),
        "objects": X.astype(object),
        "list": X.tolist(),
        **{dtype: X.astype(dtype) for dtype in ("uint8", "int16", "int32", "int64", "uint64", "longdouble")},
    }
    expected = bits(fp.PerceptronClassifier().fit(X, y))
    for name, rows in same.items():
        assert bits(fp.PerceptronClassifier().fit(rows, y)) == expected, name
    single = bits(fp.PerceptronClassifier().fit(X.astype(np.float32), y))
    assert bits(fp.PerceptronClassifier().fit(X.astype(np.float16), y)) == single
    is_high = X > 16
    as_numbers = is_high.astype(np.float64)
    assert bits(fp.PerceptronClassifier().fit(is_high, y)) == bits(fp.PerceptronClassifier().fit(as_numbers, y))


@pytest.mark.compiled
@pytest.mark.parametrize("n_classes", [2, 5])
def test_rows_are_converted_block_by_block(n_classes: int) -> None:
    rng = np.random.default_rng(0)
    X = np.asfortranarray(rng.integers(256, size=(400_000, 20)).astype(np.uint8))
    y, weight = rng.integers(n_classes, size=len(X)), np.ones(len(X))
    fp.PerceptronClassifier(max_iter=10).fit(X, y, sample_weight=weight)  # compiling takes memory too
    tracemalloc.start()
    fp.PerceptronClassifier(max_iter=10).fit(X, y, sample_weight=weight)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < X.nbytes  # as float64 they would take eight times as much


@pytest.mark.compiled
@pytest.mark.parametrize("n_jobs", [None, 1, 2, 3, 5, -1])
def test_threads_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch, n_jobs: int | None) -> None:
    monkeypatch.setattr(reads, "SINGLE_THREAD_VALUES", 0)
    X, y = made(3, n_rows=20_000)
    assert bits(fp.PerceptronClassifier(n_jobs=n_jobs).fit(X, y)) == bits(fp.PerceptronClassifier(n_jobs=1).fit(X, y))


@pytest.mark.compiled
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_row_of_weight_two_is_two_rows(n_classes: int, loss: str) -> None:
    X, y = made(n_classes)
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    weighted = fp.PerceptronClassifier(loss=loss, tol=1e-7).fit(X, y, sample_weight=weight)
    repeated = fp.PerceptronClassifier(loss=loss, tol=1e-7).fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-8)


def test_one_weight_for_all_rows_counts_against_the_penalty() -> None:
    X, y = made()
    tight = {"loss": "log_loss", "tol": 1e-7}
    by_weight = fp.PerceptronClassifier(**tight).fit(X, y, sample_weight=5.0)
    by_penalty = fp.PerceptronClassifier(C=5.0, **tight).fit(X, y)
    np.testing.assert_allclose(by_weight.coef_, by_penalty.coef_, rtol=1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("names", [[0, 1], [False, True], ["no", "yes"], [-1.0, 1.0], [0, 1, 2], ["a", "b", "c"]])
def test_class_weights_are_sample_weights(names: list[Any], is_weighted: bool) -> None:
    X, y = made(len(names))
    y = np.array(names)[np.where(np.arange(len(y)) < 150, 0, y)]
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y)) if is_weighted else None
    balanced = dict(
        zip(names, compute_class_weight("balanced", classes=np.array(names), y=y, sample_weight=weight), strict=True)
    )
    # The penalty uses deviations by the row weights only, so results agree only without a penalty.
    tight = {"C": float("inf"), "loss": "log_loss", "tol": 1e-7}
    uneven = dict.fromkeys(names, 2.0) | {names[0]: 0.3}
    for given, factors in [("balanced", balanced), (uneven, uneven)]:
        by_class = fp.PerceptronClassifier(class_weight=given, **tight).fit(X, y, sample_weight=weight)
        by_row = compute_sample_weight({key: factors[key] for key in names}, y) * (1 if weight is None else weight)
        same = fp.PerceptronClassifier(**tight).fit(X, y, sample_weight=by_row)
        np.testing.assert_allclose(by_class.predict_proba(X), same.predict_proba(X), atol=1e-6)


def test_a_class_missing_from_the_weights_keeps_weight_one() -> None:
    X, y = made(3)
    both = [fp.PerceptronClassifier(class_weight=weights).fit(X, y) for weights in ({1: 2.0}, {0: 1, 1: 2, 2: 1})]
    assert bits(both[0]) == bits(both[1])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_frames_give_names_and_the_same_bits(n_classes: int) -> None:
    X, y = made(n_classes)
    names = ["length", "width", "depth", "weight"]
    labels = np.array(["low", "mid", "top"])[y]
    expected = fp.PerceptronClassifier().fit(X, labels)
    assert expected.classes_.tolist() == ["low", "mid", "top"][:n_classes]
    frames = [
        (pd.DataFrame(X, columns=names), pd.Series(labels)),
        (pd.DataFrame(X, columns=names), pd.Series(labels, dtype="string")),
        (pd.DataFrame(X, columns=names).astype("Float64"), pd.Series(labels, dtype="category")),
        (pl.DataFrame(X, schema=names), pl.Series(labels)),
    ]
    for frame, series in frames:
        classifier = fp.PerceptronClassifier().fit(frame, series)
        assert bits(classifier) == bits(expected)
        assert classifier.feature_names_in_.tolist() == list(classifier.model_.feature_names) == names
        np.testing.assert_array_equal(classifier.predict(frame), expected.predict(X))
        assert classifier.score(frame, series) == expected.score(X, labels)
    assert not hasattr(classifier.fit(X, labels), "feature_names_in_")
    assert classifier.model_.feature_names is None


def test_warm_start_begins_where_the_last_fit_ended() -> None:
    X, y = made(3)
    classifier = fp.PerceptronClassifier(warm_start=True, tol=1e-6).fit(X, y)
    first = classifier.n_iter_
    assert classifier.fit(X, y).n_iter_ < first
    # With other classes or features it starts from zero.
    assert bits(classifier.fit(X, y % 2)) == bits(fp.PerceptronClassifier(tol=1e-6).fit(X, y % 2))
    assert bits(classifier.fit(X[:, :2], y % 2)) == bits(fp.PerceptronClassifier(tol=1e-6).fit(X[:, :2], y % 2))


def test_a_shortfall_warns_with_the_distance_the_tolerance_and_advice() -> None:
    X, y = made()
    expected = (
        r"solver='newton' stopped after max_iter=3 reads of the data: the objective is NUMBER, about "
        r"NUMBER above its minimum, and the weights are NUMBER standard errors from the optimum\. "
        r"It did not reach tol=1e-06: raise max_iter; or raise tol, if this is close enough\."
    ).replace("NUMBER", r"[-+.e\d]+")
    with pytest.warns(ConvergenceWarning) as caught:
        classifier = fp.PerceptronClassifier(max_iter=3, tol=1e-6, loss="log_loss").fit(X, y)
    assert re.fullmatch(expected, str(caught[0].message)), str(caught[0].message)
    assert caught[0].filename == __file__
    assert classifier.n_iter_ == 3
    assert classifier.score(X, y) > 0.6


def test_parameters_reach_the_engine(options: list[NewtonOptions]) -> None:
    given = {"loss": "log_loss", "C": 2.0, "fit_intercept": False, "standardize": False, "tol": 0.5, "max_iter": 7}
    X, y = made()
    classifier = fp.PerceptronClassifier(n_jobs=3, **given).fit(X, y)
    assert options == [NewtonOptions(n_threads=3, **given)]
    assert classifier.intercept_.tolist() == [0.0]


@pytest.mark.compiled
def test_in_a_worker_of_joblib_it_takes_one_thread(options: list[NewtonOptions]) -> None:
    X, y = made()
    for n_jobs in (None, 2):
        classifier = fp.PerceptronClassifier(n_jobs=n_jobs)
        joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(classifier.fit)(X, y) for _ in range(2))
    assert [given.n_threads for given in options] == [1, 1, 2, 2]


def test_every_solver_is_known_by_name() -> None:
    assert list(SOLVERS) == ["newton", "sgd"]
