"""Three or more classes: softmax is scikit-learn's LogisticRegression, by any way in; what has no softmax says so."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastperceptron as fp
from fastperceptron import PerceptronClassifier
from oracle import SoftmaxObjective
from tables import bits, classes_around_centres, classes_of_mixed_scales

is_compiled = not config.DISABLE_JIT
compiled_only = pytest.mark.skipif(not is_compiled, reason="interpreted it takes minutes")
N_ROWS = 300 if is_compiled else 60


def drawn(n_rows: int, n_features: int, n_classes: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
    """Return correlated columns and classes drawn by softmax."""
    rng = np.random.default_rng(n_rows + n_classes)
    X = rng.normal(size=(n_rows, n_features)) @ (np.eye(n_features) + 0.3 * rng.normal(size=(n_features,) * 2))
    z = X @ rng.normal(size=(n_features, n_classes)) + rng.gumbel(size=(n_rows, n_classes))
    return X.astype(dtype), z.argmax(axis=1)


def pipeline(C: float = 1.0) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=C, tol=1e-10, max_iter=100_000))


def assert_as_logistic_regression(
    classifier: PerceptronClassifier, X: np.ndarray, y: np.ndarray, tolerance: float = 1e-5, C: float = 1.0
) -> None:
    known = pipeline(C).fit(X, y)
    scaler, model = known[0], known[1]
    weights = model.coef_ / scaler.scale_
    np.testing.assert_allclose(classifier.coef_ * scaler.scale_, model.coef_, atol=tolerance)
    bias = model.intercept_ - weights @ scaler.mean_
    shift = np.abs(scaler.mean_ / scaler.scale_).sum()
    np.testing.assert_allclose(classifier.intercept_, bias - bias.mean(), atol=tolerance * (1 + shift))
    np.testing.assert_allclose(classifier.predict_proba(X), known.predict_proba(X), atol=tolerance)


@pytest.mark.parametrize("n_classes", [3, 5])
def test_softmax_is_logistic_regression(n_classes: int) -> None:
    X, y = classes_of_mixed_scales(n_classes, N_ROWS)
    classifier = PerceptronClassifier(tol=1e-6, n_jobs=1).fit(X, y)
    assert_as_logistic_regression(classifier, X, y)
    assert classifier.optimality_gap_ < 1e-9


@compiled_only
def test_more_classes_than_a_sample_has_rows_of_take_few_reads() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(900, 10)), rng.integers(150, size=900)
    assert PerceptronClassifier().fit(X, y).n_iter_ <= 40  # 88 where some had no row


@compiled_only
@pytest.mark.parametrize(
    ("n_rows", "n_features", "n_classes", "C"),
    [(20_000, 6, 4, 1.0), (20_000, 2, 3, 1.0), (15_000, 1, 3, 10.0), (4000, 8, 20, 0.1), (300, 200, 3, 1.0)],
)
def test_softmax_over_many_rows_is_logistic_regression(n_rows: int, n_features: int, n_classes: int, C: float) -> None:
    X, y = drawn(n_rows, n_features, n_classes)
    classifier = PerceptronClassifier(tol=1e-6, C=C).fit(X, y)
    assert_as_logistic_regression(classifier, X, y, C=C)


def levels_that_nearly_tell_the_class(
    n_rows: int, n_levels: tuple[int, ...], n_classes: int, sharpness: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return one-hot columns of groups of levels, some of them rare, and classes that they all but determine."""
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(size, n_rows, p=rng.dirichlet(np.full(size, 0.7))) for size in n_levels]
    z = sum(sharpness * rng.normal(size=(size, n_classes))[of] for size, of in zip(n_levels, drawn, strict=True))
    X = np.column_stack([np.eye(size)[of] for size, of in zip(n_levels, drawn, strict=True)])
    return X, (z + rng.gumbel(size=(n_rows, n_classes))).argmax(axis=1)


@compiled_only
@pytest.mark.parametrize("C", [1.0, 100.0, float("inf")])
@pytest.mark.parametrize("seed", range(6))
def test_the_gap_of_nearly_determined_classes_is_within_a_factor_of_3_or_unknown(seed: int, C: float) -> None:
    n_levels, n_classes = [((15, 15, 10), 3), ((10, 10, 10, 10), 4)][seed % 2]
    X, y = levels_that_nearly_tell_the_class(2000 + 500 * (seed % 2), n_levels, n_classes, 3.0 + 2 * (seed // 2), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = PerceptronClassifier(C=C, n_jobs=1).fit(X, y)
    objective = SoftmaxObjective(X, y, C)
    start = objective.standardised(classifier)
    true, told = objective.value(start) - objective.least(start), classifier.optimality_gap_ * len(y)
    assert np.isnan(told) or true < 1e-8 or told / 3 <= true <= 3 * told


@compiled_only
@pytest.mark.parametrize("C", [1.0, 100.0])
def test_a_layer_too_large_for_a_hessian_ends_within_its_goal(C: float) -> None:
    X, y = drawn(2500, 60, 30)
    classifier, exact = (PerceptronClassifier(C=C, tol=tol).fit(X, y) for tol in (0.01, 1e-5))
    objective = SoftmaxObjective(X, y, C)
    value, least = (objective.value(objective.standardised(each)) for each in (classifier, exact))
    assert np.isnan(classifier.optimality_gap_)
    assert value - least <= 1e-4 * 29 * 61 / 2  # 3 and 13 times that where the product's own gap ended the search


@pytest.mark.parametrize("C", [1.0, float("inf")])
def test_the_common_part_of_the_weights_is_zero(C: float) -> None:
    X, y = classes_around_centres(4, N_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = PerceptronClassifier(C=C, n_jobs=1).fit(X, y)
    np.testing.assert_allclose(classifier.coef_.sum(axis=0), 0, atol=1e-12)
    assert classifier.intercept_.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("parameters", "is_softmax"),
    [
        ({}, True),
        ({"multi_class": "softmax"}, True),
        ({"multi_class": "one_vs_rest"}, False),
        ({"loss": "squared_error"}, False),
        ({"solver": "sgd", "max_iter": 3}, False),
    ],
)
def test_which_layer_three_classes_have(parameters: dict[str, Any], is_softmax: bool) -> None:
    X, y = classes_around_centres(3, N_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = PerceptronClassifier(n_jobs=1, **parameters).fit(X, y)
    z = classifier.decision_function(X)
    values = np.exp(z) if is_softmax else 1 / (1 + np.exp(-z))
    np.testing.assert_allclose(classifier.predict_proba(X), values / values.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), classifier.predict_proba(X), rtol=1e-9)
    assert classifier.model_.activation == ("softmax" if is_softmax else "sigmoid")


@pytest.mark.parametrize("multi_class", ["auto", "softmax", "one_vs_rest"])
def test_two_classes_are_one_neuron_whatever_is_asked_for(multi_class: str) -> None:
    X, y = classes_around_centres(2, N_ROWS)
    classifier = PerceptronClassifier(multi_class=multi_class, n_jobs=1).fit(X, y)
    assert bits(classifier) == bits(PerceptronClassifier(n_jobs=1).fit(X, y))
    assert classifier.model_.activation == "sigmoid"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"multi_class": "ovr"}, "'multi_class' parameter of PerceptronClassifier must be a str among"),
        ({"multi_class": None}, "'multi_class' parameter of PerceptronClassifier must be a str among"),
        ({"multi_class": "softmax", "loss": "squared_error"}, "multi_class='softmax' needs loss='log_loss'"),
        ({"multi_class": "softmax", "solver": "sgd"}, "multi_class='softmax' needs solver='newton'"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_what_has_no_softmax_is_refused(parameters: dict[str, Any], message: str, method: str) -> None:
    X, y = classes_around_centres(3, 20)
    options = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    with pytest.raises(ValueError, match=message):
        getattr(PerceptronClassifier(**parameters), method)(X, y, **options)


def test_coefficients_that_are_set_go_by_the_parameter_and_those_of_a_fit_by_the_fit() -> None:
    X, y = classes_around_centres(3, N_ROWS)
    for multi_class, activation in (("auto", "softmax"), ("one_vs_rest", "sigmoid")):
        classifier = PerceptronClassifier(multi_class=multi_class)
        classifier.coef_, classifier.intercept_, classifier.classes_ = np.eye(3, 4), np.zeros(3), np.arange(3)
        assert classifier.model_.activation == activation
    fitted = PerceptronClassifier(n_jobs=1).fit(X, y)
    before = fitted.predict_proba(X)
    fitted.set_params(multi_class="one_vs_rest")
    assert (fitted.predict_proba(X) == before).all()
    fitted.coef_ = 2 * fitted.coef_
    assert fitted.model_.activation == "softmax"


def test_a_class_without_weight_has_a_probability_of_almost_nothing() -> None:
    X, y = classes_around_centres(4, N_ROWS)
    classifier = PerceptronClassifier(class_weight={0: 0.0, 1: 1.0, 2: 1.0, 3: 1.0}, tol=1e-6, n_jobs=1).fit(X, y)
    p = classifier.predict_proba(X)
    assert (p[:, 0] < 1e-200).all()
    has_weight = y != 0
    mean, scale = X.mean(axis=0), X.std(axis=0)
    known = LogisticRegression(tol=1e-10, max_iter=10_000).fit(((X - mean) / scale)[has_weight], y[has_weight])
    np.testing.assert_allclose(p[:, 1:], known.predict_proba((X - mean) / scale), atol=1e-5)


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    X, y = classes_around_centres(3, N_ROWS)
    twice = np.random.default_rng(0).random(N_ROWS) < 0.5
    options = {"tol": 1e-6, "n_jobs": 1, "standardize": False}
    weighted = PerceptronClassifier(**options).fit(X, y, 1.0 + twice)
    repeated = PerceptronClassifier(**options).fit(np.vstack([X, X[twice]]), np.append(y, y[twice]))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)


@compiled_only
def test_the_same_bits_for_any_number_of_threads_and_layout(tmp_path: Path) -> None:
    from tables import layouts

    X, y = drawn(30_000, 7, 4, np.float32)
    expected = bits(PerceptronClassifier(n_jobs=1, tol=1e-4).fit(X, y))
    assert bits(PerceptronClassifier(n_jobs=3, tol=1e-4).fit(X, y)) == expected
    for name in ("F", "memmap", "strided"):
        assert bits(PerceptronClassifier(n_jobs=2, tol=1e-4).fit(layouts(X, tmp_path)[name], y)) == expected


@compiled_only
def test_a_fit_goes_on_from_a_checkpoint_and_from_its_own_optimum(tmp_path: Path) -> None:
    X, y = drawn(30_000, 5, 4)
    first = PerceptronClassifier(n_jobs=1).fit(X, y)
    for _ in range(2):
        again = PerceptronClassifier(n_jobs=1).fit(X, y, checkpoint=tmp_path / "state")
        assert bits(again) == bits(first)
    warm = PerceptronClassifier(n_jobs=1, warm_start=True).fit(X, y)
    assert warm.fit(X, y).n_iter_ < first.n_iter_


@pytest.mark.parametrize("is_after_fit", [False, True])
def test_partial_fit_ends_near_the_optimum(is_after_fit: bool) -> None:
    X, y = classes_around_centres(3, N_ROWS)
    best = PerceptronClassifier(n_jobs=1).fit(X, y)
    classifier, rest = PerceptronClassifier(n_jobs=1), np.array_split(np.arange(N_ROWS), 3)
    if is_after_fit:
        classifier.fit(X[rest[0]], y[rest[0]])
    for rows in rest[is_after_fit:]:
        classifier.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    assert classifier.model_.activation == "softmax"
    np.testing.assert_allclose(classifier.coef_.sum(axis=0), 0, atol=1e-12)
    losses = [each.model_.cost(X, y, "log_loss") for each in (classifier, best)]
    assert losses[0] < losses[1] + 0.02


@compiled_only
def test_partial_fit_beyond_the_kept_rows_ends_near_the_optimum() -> None:
    X, y = drawn(40_000, 6, 4)
    best, classifier = PerceptronClassifier(n_jobs=1).fit(X, y), PerceptronClassifier(n_jobs=1)
    for rows in np.array_split(np.arange(len(y)), 8):
        classifier.partial_fit(X[rows] * 10 + 3, y[rows], classes=np.arange(4))
    losses = [classifier.model_.cost(X * 10 + 3, y, "log_loss"), best.model_.cost(X, y, "log_loss")]
    assert losses[0] < losses[1] + 1e-4


@pytest.mark.parametrize("rows", [0.0, 800.0, -1e308])
def test_softmax_is_exact_in_both_tails(rows: float) -> None:
    model = fp.Perceptron(np.eye(3), np.zeros(3), [0, 1, 2], activation="softmax")
    p, logs = model.predict_proba([rows, rows / 2, 0.0]), model.predict_log_proba([rows, rows / 2, 0.0])
    z = np.array([rows, rows / 2, 0.0])
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-15)
    assert logs.max() <= 0
    np.testing.assert_allclose(logs - logs[2], z, rtol=1e-12, atol=1e-12)
    assert p.argmax() == model.predict([rows, rows / 2, 0.0])


def test_a_model_of_softmax_is_saved_compared_shown_and_evaluated_as_such(tmp_path: Path) -> None:
    X, y = classes_around_centres(3, N_ROWS)
    model = PerceptronClassifier(n_jobs=1).fit(X, y).model_
    pytest.importorskip("safetensors")
    model.save(tmp_path / "model")
    assert fp.load(tmp_path / "model") == model
    assert fp.load(tmp_path / "model").activation == "softmax"
    other = fp.Perceptron(model.weights, model.bias, model.classes)
    assert other != model
    assert "activation='softmax'" in repr(model)
    assert "activation" not in repr(other)
    own = -np.log(model.predict_proba(X)[np.arange(N_ROWS), y]).mean()
    assert model.cost(X, y, "log_loss") == pytest.approx(own, rel=1e-12)
    assert fp.evaluate(model, (X, y)).scores["log loss"] == pytest.approx(own, rel=1e-12)
    error = ((model.predict_proba(X) - np.eye(3)[y]) ** 2).sum(axis=1).mean()
    assert model.cost(X, y) == pytest.approx(error, rel=1e-12)


@pytest.mark.parametrize(
    ("activation", "weights", "message"),
    [("relu", np.eye(3), "activation"), ("softmax", np.ones(3), "three or more classes")],
)
def test_an_activation_that_a_model_cannot_have_is_refused(activation: str, weights: Any, message: str) -> None:
    bias: Any = 0.0 if weights.ndim == 1 else np.zeros(3)
    with pytest.raises(ValueError, match=message):
        fp.Perceptron(weights, bias, list("abc")[: 2 if weights.ndim == 1 else 3], activation=activation)


@pytest.mark.parametrize("X", [np.array([[0.0], [3.0], [9.0]]).repeat(20, axis=0)])
def test_separated_classes_are_told(X: np.ndarray) -> None:
    y = np.repeat([0, 1, 2], 20)
    with pytest.warns(ConvergenceWarning, match="separated perfectly"):
        PerceptronClassifier(C=float("inf"), n_jobs=1).fit(X, y)
