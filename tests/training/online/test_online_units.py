"""The unit of the weights does not matter to partial_fit, nor does that of a column."""

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from tables import classes_around_centres, classes_of_mixed_scales, drawn_labels

pytestmark = pytest.mark.compiled  # many fits: interpreted they take minutes


def learnt(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, n_chunks: int = 4, **parameters: object
) -> fp.PerceptronClassifier:
    classifier = fp.PerceptronClassifier(**parameters)
    for chunk in np.array_split(np.arange(len(y)), n_chunks):
        own = None if weights is None else weights[chunk]
        classifier.partial_fit(X[chunk], y[chunk], np.unique(y), own)
    return classifier


def assert_same(one: fp.PerceptronClassifier, other: fp.PerceptronClassifier, unit: np.ndarray | float = 1.0) -> None:
    np.testing.assert_allclose(one.coef_ * unit, other.coef_, rtol=1e-6, atol=1e-6 * np.abs(other.coef_).max())
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.loss_curve_, other.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("is_fitted", [False, True])
@given(st.integers(-150, 150))
def test_weights_count_relative_to_each_other(loss: str, is_fitted: bool, exponent: int) -> None:
    rng, unit = np.random.default_rng(0), 10.0**exponent
    X = rng.normal(size=(200, 4))
    y, weights = drawn_labels(X[:, 0] - X[:, 1], rng), 10.0 ** rng.uniform(-1, 1, size=200)
    one, other = (fp.PerceptronClassifier(loss=loss, C=math.inf) for _ in range(2))
    for classifier, own in ((one, weights), (other, unit * weights)):
        if is_fitted:
            classifier.fit(X, y, own)
        for chunk in (slice(0, 60), slice(60, 63), slice(63, 200)):
            classifier.partial_fit(X[chunk], y[chunk], [0, 1], own[chunk])
    assert_same(one, other)


@pytest.mark.parametrize("unit", [1e-200, 1e-15, 1e15, 1e200])
def test_class_weights_and_penalties_have_the_unit_of_the_weights(unit: float) -> None:
    X, y = classes_around_centres(3)
    expected = learnt(X, y, np.full(len(y), 2.0), C=0.5, class_weight={0: 1, 1: 2, 2: 5})
    assert_same(learnt(X, y, np.full(len(y), 2 * unit), C=0.5 / unit, class_weight={0: 1, 1: 2, 2: 5}), expected)
    by_class = learnt(X, y, C=0.5 / unit, class_weight={0: 2 * unit, 1: 4 * unit, 2: 10 * unit})
    by_class.loss_curve_ = by_class.loss_curve_ / (2 * unit)
    assert_same(by_class, expected)


@pytest.mark.parametrize("is_fitted", [False, True])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize(
    ("dtype", "exponents"),
    [(np.float32, [-30, 30, 37, 0]), (np.float64, [-30, 30, 0, 0]), (np.float64, [-290, 200, 290, -200])],
)
def test_columns_may_have_any_scale(dtype: type, exponents: list[int], standardize: bool, is_fitted: bool) -> None:
    X, y = classes_around_centres()
    X = X.astype(np.float32)
    unit = 2.0 ** np.round(np.array(exponents) * math.log2(10))
    scaled = (X * unit).astype(dtype)
    parameters = {"C": 1.0 if standardize else math.inf, "standardize": standardize}
    if not is_fitted:
        assert_same(learnt(scaled, y, **parameters), learnt(X, y, **parameters), unit)
        return
    pair = [fp.PerceptronClassifier(**parameters).fit(rows[:200], y[:200]) for rows in (scaled, X)]
    for classifier, rows in zip(pair, (scaled, X), strict=True):
        classifier.partial_fit(rows[200:], y[200:])
    np.testing.assert_allclose(pair[0].coef_ * unit, pair[1].coef_, rtol=1e-3)


@pytest.mark.parametrize("exponent", [-290, -150, 150, 290])
def test_a_column_may_be_zero_before_its_scale_shows(exponent: int) -> None:
    X, y = classes_of_mixed_scales()
    X[:100, 2] = 0
    unit = np.array([1, 1, 2.0 ** round(exponent * math.log2(10)), 1])
    assert_same(learnt(X * unit, y), learnt(X, y), unit)


def test_weights_far_beyond_the_first_are_refused() -> None:
    X, y = classes_around_centres()
    classifier = fp.PerceptronClassifier().partial_fit(X, y, [0, 1], np.full(len(y), 1e-300))
    with pytest.raises(ValueError, match="sample_weight overflows beside that of the first rows"):
        classifier.partial_fit(X, y, sample_weight=np.full(len(y), 1e300))
