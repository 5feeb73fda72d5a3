"""The numbers that a Perceptron predicts: exact in both tails, the same bits in any batch, ties, overflow."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fastperceptron as fp
from fastperceptron import prediction, reference
from models import random_model

finite = st.floats(-1e6, 1e6)


@given(
    X=hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.just(3)), elements=st.floats(-30, 30)),
    weights=hnp.arrays(np.float64, 3, elements=st.floats(-3, 3)),
    bias=st.floats(-3, 3),
)
def test_predictions_agree_with_the_reference(X: np.ndarray, weights: np.ndarray, bias: float) -> None:
    model = fp.Perceptron(weights, bias, ["no", "yes"])
    z = [reference.weighted_sum(weights.tolist(), bias, row) for row in X.tolist()]
    p = [reference.sigmoid(value) for value in z]
    np.testing.assert_allclose(model.decision_function(X), z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], p, rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(model.predict_proba(X)[:, 0], [reference.sigmoid(-value) for value in z], rtol=1e-9)
    labels = model.decision_function(X) > 0
    assert model.predict(X).tolist() == ["yes" if label else "no" for label in labels]
    y = np.where(np.arange(len(X)) % 2, "yes", "no")
    for loss in ("squared_error", "log_loss"):
        targets = (y == "yes").astype(float).tolist()
        expected = reference.mean_cost(X.tolist(), targets, weights.tolist(), bias, loss)
        assert model.cost(X, y, loss) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_features", [1, 2, 8, 30])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(dtype: type, n_features: int, n_classes: int) -> None:
    X = np.random.default_rng(0).normal(size=(75, n_features)).astype(dtype)
    model = random_model(n_classes, n_features)
    together = model.predict_proba(X)
    z = model.decision_function(X)
    for i in range(len(X)):
        np.testing.assert_array_equal(model.predict_proba(X[i : i + 1])[0], together[i])
        np.testing.assert_array_equal(model.decision_function(X[i : i + 1])[0], z[i])
    np.testing.assert_array_equal(model.predict_proba(np.asfortranarray(X)), together)
    np.testing.assert_array_equal(model.predict_proba(X[3:]), together[3:])


def test_both_tails_of_the_probabilities_are_accurate() -> None:
    model = fp.Perceptron([1.0], 0.0, ["first", "second"])
    first, second = model.predict_proba(80.0)
    assert first == pytest.approx(np.exp(-80), rel=1e-13, abs=0)
    assert second == 1.0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_tie_is_the_first_class(n_classes: int) -> None:
    weights, bias = (np.zeros(2), 0.0) if n_classes == 2 else (np.zeros((3, 2)), np.zeros(3))
    model = fp.Perceptron(weights, bias, ["first", "second", "third"][:n_classes])
    assert model.predict([1.0, -0.0]) == "first"
    assert model.predict_proba([1.0, 2.0]).tolist() == [1 / n_classes] * n_classes


# Where z rounds to nothing in the probabilities, where these round to 1 or underflow, and where all do.
EXTREME_Z = st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 1e-17, -1e-17, 1e-8, 36.7, 40.0, 50.0, -745.2, -800.0, 1e300])


ANY_Z = EXTREME_Z | st.floats(-60, 60) | st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@given(data=st.data())
def test_the_predicted_class_is_the_first_most_probable_one(dtype: type, n_classes: int, data: st.DataObject) -> None:
    z = [data.draw(ANY_Z) for _ in range(n_classes)]
    if n_classes > 2 and data.draw(st.booleans()):
        z[1] = np.nextafter(z[0], np.inf)
    model = (
        fp.Perceptron([0.0], z[0], [0, 1])
        if n_classes == 2
        else fp.Perceptron([[0.0]] * n_classes, z, range(n_classes))
    )
    row = np.ones((1, 1), dtype)
    p = model.predict_proba(row)
    assert p.dtype == (np.float64 if dtype is np.float64 else np.float32)
    expected = int(z[0] > 0) if n_classes == 2 else int(np.argmax(z))
    assert model.predict(row)[0] == p[0].argmax() == expected
    np.testing.assert_allclose(p, model.predict_proba(row.astype(np.float64)), rtol=2e-7, atol=1e-45)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_rows_give_probabilities_rounded_once(n_classes: int) -> None:
    X, model = np.random.default_rng(0).normal(size=(75, 5)).astype(np.float32), random_model(n_classes, 5)
    for method in (model.predict_proba, model.predict_log_proba):
        exact = method(X.astype(np.float64))
        assert exact.dtype == np.float64
        for rows in (X, fp.dataset(X), pd.DataFrame(X)):
            assert method(rows).dtype == np.float32
            np.testing.assert_array_equal(method(rows), exact.astype(np.float32))
    assert method(X[0]).shape == (n_classes,)
    assert model.decision_function(X).dtype == np.float64
    assert model.predict_proba(X > 0).dtype == model.predict_proba((9 * X).astype(np.int8)).dtype == np.float64


@given(z=ANY_Z)
def test_log_probabilities_are_never_minus_zero(z: float) -> None:
    for model in (fp.Perceptron([0.0], z, [0, 1]), fp.Perceptron([[0.0]] * 3, [z, -z, 0.0], [0, 1, 2])):
        for dtype in (np.float32, np.float64):
            logs = model.predict_log_proba(np.ones((1, 1), dtype))
            assert not np.signbit(logs[logs == 0]).any()


def exact_log_probabilities(z: list[float]) -> list[float]:
    """Return the logarithms of the probabilities that one neuron (one z) or several give, with 400 digits."""
    with mpmath.workdps(400):
        values = [-mpmath.mpf(z[0]), mpmath.mpf(z[0])] if len(z) == 1 else [mpmath.mpf(value) for value in z]
        sigmoids = [1 / (1 + mpmath.exp(-value)) for value in values]
        total = mpmath.mpf(1) if len(z) == 1 else mpmath.fsum(sigmoids)
        # log1p of the other classes' share is exact even if p rounds to 1.
        shares = [(total - each) / total for each in sigmoids]
        return [float(mpmath.log1p(-share) if share < 0.5 else mpmath.log(1 - share)) for share in shares]


@pytest.mark.parametrize(
    "z",
    [
        *([sign * size] for size in (0.0, 1e-9, 0.3, 2.0, 40.0, 300.0, 700.0) for sign in (1, -1)),
        *([0.3, -40.0, -45.0], [40.0, 40.0, 39.0], [40.0, -40.0, -40.0], [700.0, 0.3, -700.0], [-0.1, -0.1, -0.1]),
        *([-50.0, -51.0, -600.0], [-300.0, -300.0, -301.0, 0.0], [5.0, -5.0, 5.0, 4.9, -300.0], [36.0, 37.0, -1e-9]),
    ],
)
def test_log_probabilities_are_exact_in_both_tails(z: list[float]) -> None:
    weights = np.array([1.0]) if len(z) == 1 else np.eye(len(z))
    model = fp.Perceptron(weights, 0.0 if len(z) == 1 else np.zeros(len(z)), range(max(2, len(z))))
    logs = model.predict_log_proba([z, z])
    np.testing.assert_allclose(logs[1], exact_log_probabilities(z), rtol=2e-13, atol=0)
    np.testing.assert_array_equal(model.predict_log_proba(z if len(z) > 1 else z[0]), logs[0])


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@given(scale=st.floats(0.1, 20))
def test_log_probabilities_are_logarithms_of_the_probabilities(n_classes: int, scale: float) -> None:
    model, X = random_model(n_classes, 3), scale * np.random.default_rng(0).normal(size=(75, 3))
    logs = model.predict_log_proba(X)
    np.testing.assert_allclose(logs, np.log(model.predict_proba(X)), rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(model.predict_log_proba(fp.dataset(X)), logs)


def test_log_probabilities_where_z_overflows() -> None:
    two = fp.Perceptron([1e300, 1e300], 0.0, [0, 1])
    assert two.predict_log_proba([1e300, 1e300]).tolist() == [-np.inf, 0.0]
    three = fp.Perceptron([[1e300, 0], [0, 1], [-1e300, 0]], [0, 0, 0], [0, 1, 2]).predict_log_proba([1e300, 0.0])
    np.testing.assert_allclose(three[:2], [np.log(2 / 3), np.log(1 / 3)])
    assert three[2] < -1e308
    all_of_them = fp.Perceptron([[1e300], [1e300], [2e300]], [0, 0, 0], [0, 1, 2]).predict_log_proba(-1e300)
    np.testing.assert_allclose(all_of_them, np.log(1 / 3))


@given(z=hnp.arrays(np.float64, 70, elements=st.floats(allow_nan=False)))
def test_both_probabilities_have_the_bits_of_the_public_sigmoid_but_are_never_both_one_half(z: np.ndarray) -> None:
    z = np.append(z, [0.0, -0.0, 1e-300, -1e-300, -1.2e-16, -745.2, 37.0])
    z = z[np.isfinite(z)]
    model = fp.Perceptron([1.0], 0.0, [0, 1])
    below_half = np.nextafter(0.5, 0.0)
    for p, own in zip(model.predict_proba(z).T, (-z, z), strict=True):
        np.testing.assert_array_equal(p, np.where(own < 0, np.minimum(fp.sigmoid(own), below_half), fp.sigmoid(own)))


@given(
    X=hnp.arrays(np.float64, st.tuples(st.integers(1, 80), st.just(3)), elements=st.floats(-30, 30)),
    weights=hnp.arrays(np.float64, (4, 3), elements=st.floats(-3, 3)),
    bias=hnp.arrays(np.float64, 4, elements=st.floats(-3, 3)),
)
def test_several_neurons_are_one_neuron_a_class(X: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> None:
    classes = np.array(["a", "b", "c", "d"])
    model = fp.Perceptron(weights, bias, classes)
    ones = [fp.Perceptron(row, value, [False, True]) for row, value in zip(weights, bias, strict=True)]
    z = np.stack([one.decision_function(X) for one in ones], axis=1)
    np.testing.assert_array_equal(model.decision_function(X), z)
    p = np.stack([one.predict_proba(X)[:, 1] for one in ones], axis=1)
    np.testing.assert_allclose(model.predict_proba(X), p / p.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-15)
    assert model.predict(X).tolist() == classes[z.argmax(axis=1)].tolist()
    y = classes[np.arange(len(X)) % 4]
    for loss in ("squared_error", "log_loss"):
        costs = [one.cost(X, y == label, loss) for one, label in zip(ones, classes, strict=True)]
        assert model.cost(X, y, loss) == pytest.approx(sum(costs), rel=1e-12)


@pytest.mark.parametrize("level", [0.0, -39.0, -41.0, -700.0, -750.0, -1e5])
def test_probabilities_keep_their_ratios_where_all_sigmoids_underflow(level: float) -> None:
    p = fp.Perceptron([[1.0], [1.0], [1.0]], [0.0, -np.log(3), -600.0], [0, 1, 2]).predict_proba([level, -1e308])
    # For large negative z the sigmoid equals exp(z).
    expected = [reference.sigmoid(max(level, -60.0) - shift) for shift in (0.0, np.log(3), 600.0)]
    np.testing.assert_allclose(p[0], np.array(expected) / sum(expected), rtol=1e-11 if level > -1e4 else 1e-9)
    np.testing.assert_allclose(p[1], 1 / 3)


def test_z_of_finite_rows_may_overflow() -> None:
    model = fp.Perceptron([1e300, 1e300], 0.0, [0, 1])
    assert model.predict_proba([1e300, 1e300]).tolist() == [0.0, 1.0]
    assert model.predict_proba([-1e300, -1e300]).tolist() == [1.0, 0.0]
    three = fp.Perceptron([[1e300, 0], [0, 1], [0, 0]], [0, 0, 0], [0, 1, 2])
    assert three.predict_proba([1e300, 0.0])[0] == pytest.approx(1 / 2)
    assert three.predict([1e300, 0.0]) == 0
    lowest = fp.Perceptron(np.full((3, 1), 1e300), [0, 0, 0], [0, 1, 2])
    np.testing.assert_allclose(lowest.predict_proba([0.0, -1e300])[1], 1 / 3)


@pytest.mark.compiled  # interpreted dot products have one lane, in which infinity never meets -infinity
def test_rows_that_overflow_in_both_directions_are_named() -> None:
    model = fp.Perceptron([1e300, 1e300], 0.0, [0, 1])
    with pytest.raises(ValueError, match="X is finite, but so large in row 1 that"):
        model.predict([[0.0, 0.0], [1e300, -1e300]])
    with pytest.raises(ValueError, match="X is finite, but so large in row 0 that"):
        fp.Perceptron([[1e300, 1e300]] * 3, [0, 0, 0], [0, 1, 2]).predict([1e300, -1e300])


def test_log_odds_are_accurate_in_both_tails() -> None:
    p = np.array([[0.2, 0.3, 0.5], [1.0, 5e-31, 5e-31], [1e-200, 0.25, 0.75]])
    logs = np.log(p)
    logs[1, 0] = -1e-30  # that is log(1 - 1e-30)
    expected = np.log(p / (p.sum(axis=1, keepdims=True) - p + [[0, 0, 0], [1e-30, 0, 0], [0, 0, 0]]))
    np.testing.assert_allclose(prediction.log_odds(logs), expected, rtol=1e-14, atol=1e-15)
    impossible = prediction.log_odds(np.array([[0.0, -np.inf, -np.inf]]))
    assert impossible[0, 0] > 1e308
    assert (impossible[0, 1:] < -1e308).all()
