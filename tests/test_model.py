"""Perceptron as a value: its predictions, that it is immutable, and that a loaded model equals the saved one."""

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fastperceptron as fp
from fastperceptron import reference
from fastperceptron.history import History

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


def random_model(n_classes: int, n_features: int) -> fp.Perceptron:
    rng = np.random.default_rng(n_classes)
    if n_classes == 2:
        return fp.Perceptron(rng.normal(size=n_features), 0.1, [0, 1])
    return fp.Perceptron(rng.normal(size=(n_classes, n_features)), rng.normal(size=n_classes), np.arange(n_classes))


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


def test_one_row_gives_results_without_a_row_dimension(model: fp.Perceptron, flowers) -> None:
    X, _ = flowers
    assert model.decision_function(X[0]) == model.decision_function(X)[0]
    assert model.predict_proba(X[0].tolist()).shape == (2,)
    assert model.predict(X[0]) == "setosa"
    assert model.cost(X[0], "setosa") == model.cost(X[:1], ["setosa"])
    one_feature = fp.Perceptron([2.0], -1.0, [False, True])
    assert one_feature.predict([0.0, 3.0]).tolist() == [False, True]
    assert one_feature.predict(3.0)
    three = fp.Perceptron(np.eye(3), [0.0, 0.0, 0.0], ["a", "b", "c"])
    assert three.n_features == 3
    assert three.decision_function([1, 2, 3]).tolist() == [1.0, 2.0, 3.0]
    assert three.predict_proba([1, 2, 3]).shape == (3,)
    assert three.predict([1, 2, 3]) == "c"
    assert three.predict([2, 2, 1]) == "a"
    assert three.cost([1, 2, 3], "b") == three.cost([[1, 2, 3]], ["b"])


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


FRAMES = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_frame_goes_by_its_column_names(frame: Callable[[dict[str, Any]], Any]) -> None:
    a, b, text = [1.0, 2.0, 3.0], [10.0, 0.0, -10.0], ["x", "y", "z"]
    model = fp.Perceptron([1.0, 2.0], 0.5, [0, 1], ["a", "b"])
    expected = model.decision_function(np.column_stack([a, b]))
    for columns in ({"a": a, "b": b}, {"b": b, "a": a}, {"label": text, "b": b, "c": a, "a": a}):
        np.testing.assert_array_equal(model.decision_function(frame(columns)), expected)
        assert model.cost(frame(columns), [0, 1, 0]) == model.cost(np.column_stack([a, b]), [0, 1, 0])
    with pytest.raises(
        ValueError, match=r"X lacks 'a', a feature that the model was trained on; its columns are \[A, b\]"
    ):
        model.predict(frame({"A": a, "b": b}))
    unnamed = fp.Perceptron([1.0, 2.0], 0.5, [0, 1])
    with pytest.warns(UserWarning, match="X has feature names, but the model was trained without") as caught:
        np.testing.assert_array_equal(unnamed.decision_function(frame({"a": a, "b": b})), expected)
    assert caught[0].filename == __file__


def test_other_tables_and_names() -> None:
    model = fp.Perceptron([1.0, 2.0], 0.5, [0, 1], ["a", "b"])
    frame = pd.DataFrame({"b": [10.0, 0.0], "a": [1.0, 2.0]})
    assert model.decision_function(frame.iloc[0]) == 21.5  # one row goes by its index
    with pytest.raises(ValueError, match="X lacks 'b'"):
        model.predict(frame.rename(columns={"b": "c"}).iloc[0])
    with pytest.raises(ValueError, match="X has two columns called 'b'"):
        model.predict(frame[["b", "a", "b"]])
    numbered = frame[["a", "b"]].set_axis([0, 1], axis=1)  # no names: by position, as arrays
    np.testing.assert_array_equal(model.predict(numbered), model.predict(frame))


class ForeignArray:
    """An array of another library, which only DLPack reads."""

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.ndim = np.asarray(values), np.shape(values), np.ndim(values)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return np

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


class ArrayOnAnotherDevice(ForeignArray):
    """An array that cannot be read from the computer's own memory."""

    def __dlpack__(self, **options: Any) -> Any:
        raise RuntimeError("not on this device")


def test_arrays_of_other_libraries_are_read_or_refused() -> None:
    X = np.random.default_rng(0).normal(size=(9, 3))
    model = random_model(2, 3)
    np.testing.assert_array_equal(model.predict_proba(ForeignArray(X)), model.predict_proba(X))
    with pytest.raises(TypeError, match=r"X is a .*ArrayOnAnotherDevice, which NumPy cannot read: copy it to the CPU"):
        model.predict(ArrayOnAnotherDevice(X))


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


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_row_that_is_not_finite_is_named_by_every_method(n_classes: int, value: float, name: str) -> None:
    X = np.zeros((200, 5), np.float32)
    X[137, 3] = value
    model = random_model(n_classes, 5)
    for method in (model.predict, model.predict_proba, model.decision_function, lambda X: model.cost(X, np.zeros(200))):
        with pytest.raises(ValueError, match=f"X holds {name} in row 137, column 3"):
            method(X)


def test_it_cannot_be_changed(model: fp.Perceptron) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.bias = 0.0  # type: ignore[misc]
    for array in (model.weights, model.classes, model.history.costs, model.history.steps):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    three = random_model(3, 2)
    for array in (three.weights, three.bias):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    weights = np.ones(2)
    copied = fp.Perceptron(weights, 0.0, [0, 1])
    weights[0] = 5.0
    assert copied.weights.tolist() == [1.0, 1.0]
    assert weights.flags.writeable


def test_equality_is_by_value() -> None:
    make = lambda **changes: fp.Perceptron(**{"weights": [1.0, 2.0], "bias": 0.5, "classes": [0, 1], **changes})  # noqa: E731
    assert make() == make()
    assert hash(make()) == hash(make())
    for change in (
        {"weights": [1.0, 2.5]},
        {"bias": 0.0},
        {"classes": [0, 2]},
        {"classes": [False, True]},
        {"feature_names": ["a", "b"]},
        {"history": History([0.1], [100], 100)},
    ):
        assert make() != make(**change)
    three = {"weights": np.ones((3, 2)), "bias": [0.0, 1.0, 2.0], "classes": [0, 1, 2]}
    assert make(**three) == make(**three)
    assert hash(make(**three)) == hash(make(**three))
    for change in ({"weights": np.zeros((3, 2))}, {"bias": [0.0, 1.0, 3.0]}, {"classes": [0, 1, 3]}):
        assert make(**three) != make(**{**three, **change})
    assert make(**three) != make()
    assert make() != "a model"
    assert History([0.1], [1]) != "a history"


def test_repr_shows_the_numbers_by_name() -> None:
    model = fp.Perceptron([1.25, -3.0], 0.5, ["no", "yes"], ["length", "width"])
    assert repr(model) == "Perceptron(weights={length: 1.25, width: -3}, bias=0.5, classes=['no', 'yes'])"
    three = fp.Perceptron([[1.25], [-3], [0]], [0.5, 1, 2], ["a", "b", "c"], ["length"])
    shown = "weights={'a': {length: 1.25}, 'b': {length: -3}, 'c': {length: 0}}"
    assert repr(three) == f"Perceptron({shown}, bias=[0.5, 1, 2], classes=['a', 'b', 'c'])"
    assert len(repr(random_model(1000, 1000))) < 2000
    many = repr(fp.Perceptron(np.ones(100), 0.0, [0, 1]))
    assert "... 93 more ..." in many
    assert "x99" in many
    assert repr(History([0.25], [100], 150)) == "History(150 steps, 1 records, last cost 0.25)"


def test_numpy_takes_a_history_as_its_costs(model: fp.Perceptron) -> None:
    np.testing.assert_array_equal(np.asarray(model.history), model.history.costs)
    assert len(model.history) == 20


LABELS = [
    ["no", "yes"],
    ["\u00e4 \U0001f33c", "b\n\0c"],
    [False, True],
    [-3, 2**62],
    [0.1, 0.30000000000000004],
    np.array([1, 255], np.uint8),
    np.array([0.1, 0.2], np.float32),
    np.array([0.5, 1.5], np.float16),
]


@pytest.mark.parametrize("labels", LABELS, ids=str)
@given(weights=hnp.arrays(np.float64, st.integers(1, 9), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_what_was_saved_is_what_is_loaded_to_the_bit(tmp_path_factory, labels, weights) -> None:
    path = tmp_path_factory.mktemp("models") / "model.safetensors"
    names = [f"feature {j} \u03b1" for j in range(len(weights))]
    history = History([0.1, 0.05], [100, 200], 250, 500, 2**63 - 1)
    history._keep(np.ones((2, len(weights) + 1)))
    model = fp.Perceptron(weights, -0.0, labels, names, history)
    model.save(path)
    loaded = fp.load(path)
    assert loaded == model
    assert loaded.classes.dtype == model.classes.dtype
    assert loaded.weights.tobytes() == model.weights.tobytes()


@pytest.mark.parametrize("labels", [["a", "b", "c"], [1, 2, 3], np.array([0.5, 1, 2], np.float32)], ids=str)
def test_a_model_of_three_classes_is_loaded_to_the_bit(tmp_path: Path, labels) -> None:
    weights = np.random.default_rng(0).normal(size=(3, 2)) * [1e-310, 1e300]
    model = fp.Perceptron(weights, [-0.0, 1e-320, 3.0], labels, ["length", "width"])
    model.save(tmp_path / "m.safetensors")
    loaded = fp.load(tmp_path / "m.safetensors")
    assert loaded == model
    assert loaded.weights.tobytes() == model.weights.tobytes()
    assert loaded.bias.tobytes() == model.bias.tobytes()
    assert loaded.classes.dtype == model.classes.dtype
    assert pickle.loads(pickle.dumps(model)) == model


def test_a_trained_model_survives_saving_and_pickling(tmp_path: Path, model: fp.Perceptron, flowers) -> None:
    model.save(tmp_path / "m.safetensors")
    assert fp.load(str(tmp_path / "m.safetensors")) == model
    assert pickle.loads(pickle.dumps(model)) == model
    assert sorted(os.listdir(tmp_path)) == ["m.safetensors"]
    assert b"pickle" not in (tmp_path / "m.safetensors").read_bytes()


def test_a_truncated_file_is_refused_at_every_length(tmp_path: Path, model: fp.Perceptron) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    content = path.read_bytes()
    for length in [*range(0, 200, 7), *range(200, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="is not a whole fastperceptron model"):
            fp.load(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 100, b"\x80\x04K\x01."])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="other' is not a whole fastperceptron model"):
        fp.load(path)


def test_safetensors_of_something_else_are_refused(tmp_path: Path) -> None:
    import safetensors.numpy

    safetensors.numpy.save_file({"weights": np.ones(3)}, tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match="its format is None, not 'fastperceptron/2'"):
        fp.load(tmp_path / "net.safetensors")
    metadata = {"format": "fastperceptron/1", "description": "{}"}
    safetensors.numpy.save_file({"weights": np.ones(3)}, tmp_path / "part.safetensors", metadata)
    with pytest.raises(ValueError, match="not a whole fastperceptron model"):
        fp.load(tmp_path / "part.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no file size limit to stand in for a full disk")
def test_a_save_that_finds_the_disk_full_leaves_the_old_file_whole(tmp_path: Path, model: fp.Perceptron) -> None:
    path = tmp_path / "m.safetensors"
    model.save(path)
    old = path.read_bytes()
    program = (
        "import resource, signal, sys, fastperceptron as fp\n"
        "model = fp.Perceptron([1.0] * 5000, 0.0, [0, 1])\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    model.save(sys.argv[1])\nexcept OSError as error:\n    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "OSError\n"
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["safetensors", "safetensors.numpy"])
def test_without_safetensors_the_error_says_what_to_install(monkeypatch, tmp_path, model, name) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match="pip install safetensors"):
        model.save(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, X: m.predict(X[:, :3]), ValueError, "X has 3 features, but the model was trained on 4"),
        (lambda m, _: m.predict([1.0, 2.0]), ValueError, "X has 2 features"),
        (lambda m, _: m.predict(np.full((3, 4), np.nan)), ValueError, "NaN in row 0, column 0"),
        (lambda m, _: m.predict([["a"] * 4]), TypeError, "X must hold real numbers"),
        (lambda m, _: m.predict(np.empty((0, 4))), ValueError, "X is empty"),
        (lambda m, X: m.predict(pd.DataFrame(X).astype(str)), TypeError, "X must hold real numbers"),
        (lambda m, X: m.cost(X, ["setosa"] * 45 + ["rose"]), ValueError, "'rose' in row 45, but the model knows"),
        (lambda m, X: m.cost(X, ["setosa"] * 45), ValueError, "46 rows, but y has 45 labels"),
        (lambda m, X: m.cost(X, ["setosa"] * 46, "hinge"), ValueError, "loss must be one of"),
        (lambda _, __: fp.Perceptron([], 0.0, [0, 1]), ValueError, "weights must have shape"),
        (lambda _, __: fp.Perceptron([1.0], 0.0, [0, 1, 2]), ValueError, "classes must be two labels"),
        (lambda _, __: fp.Perceptron(np.ones((2, 3)), [0, 0], [0, 1]), ValueError, "for three or more classes"),
        (lambda _, __: fp.Perceptron(np.ones((3, 2)), [0, 0, 0], [0, 1]), ValueError, "classes must be 3 labels"),
        (lambda _, __: fp.Perceptron(np.ones((3, 2)), 0.0, [0, 1, 2]), ValueError, r"bias must be of shape \(3,\)"),
        (lambda _, __: fp.Perceptron([1.0], [0.0], [0, 1]), ValueError, "bias must be a single number"),
        (lambda _, __: fp.Perceptron(np.ones((3, 1)), [0, 0, np.inf], [0, 1, 2]), ValueError, "must be finite"),
        (lambda _, __: fp.Perceptron([np.nan], 0.0, [0, 1]), ValueError, "weights and bias must be finite"),
        (lambda _, __: fp.Perceptron([1.0], 0.0, [0, 1], ["a", "b"]), ValueError, "2 names for 1 weights"),
        (lambda _, __: History([1.0], []), ValueError, "each cost needs its step"),
        (lambda _, __: fp.load(Path("/missing/nowhere")), FileNotFoundError, r"no model file '.*nowhere'"),
        (lambda m, _: m.save(Path("/missing/m.safetensors")), FileNotFoundError, "missing"),
    ],
)
def test_bad_input_is_named(call, error, message, model: fp.Perceptron, flowers) -> None:
    with pytest.raises(error, match=message):
        call(model, flowers[0])


def make(**changes) -> fp.Perceptron:
    return fp.Perceptron(**{"weights": [1.0, 2.0], "bias": 0.5, "classes": ["no", "yes"], **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": [1j, 2.0]}, "weights must be real numbers"),
        ({"weights": np.array([1j, 2.0])}, "weights must be real numbers"),
        ({"weights": ["1", "2"]}, "weights must be real numbers"),
        ({"weights": [1.0, None]}, "must be finite"),
        ({"weights": [10**400, 1]}, "weights must be real numbers"),
        ({"weights": [[1.0], [1.0, 2.0], [3.0]]}, "weights must be real numbers"),
        ({"weights": np.array([np.longdouble("1e4000"), 1])}, "must be finite"),
        ({"bias": 10**400}, "bias must be real numbers"),
        ({"bias": 1j}, "bias must be real numbers"),
        ({"classes": ["no", None]}, "classes holds None"),
        ({"classes": [0.0, np.nan]}, "classes holds nan"),
        ({"classes": [1.0, np.inf]}, "classes holds inf"),
        ({"classes": ["no", "no"]}, "'no' is there twice"),
        ({"classes": [0.0, -0.0]}, "0.0 is there twice"),
        ({"feature_names": ["a", 1]}, "1 is a int"),
        ({"feature_names": ["a", "a"]}, "'a' is there twice"),
        ({"feature_names": "ab"}, "is the text 'ab'"),
        ({"target_name": 3}, "target_name must be text"),
        ({"history": None}, "history must be a History"),
    ],
)
def test_a_model_that_could_not_be_saved_compared_or_trained_on_is_not_made(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        make(**changes)


@pytest.mark.parametrize(
    "arguments",
    [
        {"costs": [1j], "steps": [1]},
        {"costs": ["a"], "steps": [1]},
        {"costs": [0.5], "steps": [1.5]},
        {"costs": [0.5], "steps": [-1]},
        {"costs": [[0.5]], "steps": [[1]]},
        *({"n_steps": value} for value in (-1, 1.5, True, None, 2**62, "1")),
        *({"n_drawn": value} for value in (-1, 1.5, 2**63)),
        *({"epoch_seed": value} for value in (-1, 1.5, 2**64, "1")),
    ],
)
def test_a_history_that_cannot_be_continued_is_not_made(arguments) -> None:
    with pytest.raises(ValueError, match=r"must|each cost"):
        History(**arguments)


@pytest.mark.parametrize("step", [np.ones((2, 2)), np.full((2, 3), np.nan), np.ones(6)], ids=["short", "NaN", "flat"])
def test_an_unfinished_step_of_another_model_is_refused(step) -> None:
    history = History()
    history._keep(step)
    with pytest.raises(ValueError, match="unfinished step must be finite"):
        make(history=history)


@pytest.mark.parametrize("labels", [*LABELS, np.array(["no", "yes"], "<U9"), np.array([1, 2], ">i4")], ids=str)
def test_one_model_is_one_file_in_any_process(tmp_path: Path, labels) -> None:
    names = ["line\nbreak = \ud800", "x" * 10_000]
    model = make(classes=labels, feature_names=names, target_name="", history=History([0.1], [1], 1))
    program = "import sys, pickle, fastperceptron; pickle.load(open(sys.argv[1], 'rb')).save(sys.argv[2])"
    (tmp_path / "pickled").write_bytes(pickle.dumps(model))
    for name in ("a", "b"):
        subprocess.run([sys.executable, "-c", program, tmp_path / "pickled", tmp_path / name], check=True)
    model.save(tmp_path / "c")
    fp.load(tmp_path / "c").save(tmp_path / "d")
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1
    assert fp.load(tmp_path / "a") == model
    assert fp.load(tmp_path / "a").classes.dtype == model.classes.dtype


def test_a_bit_flipped_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    make(feature_names=["\u00e4", "b"]).save(path)
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"m\.safetensors' is not a whole fastperceptron model"):
            fp.load(path)


OLD = {"n_steps": 0, "n_drawn": 0, "epoch_seed": None, "feature_names": None, "classes": ["no", "yes"]}
DEEP = "[" * 100_000


def write_old(path: Path, text: str, **tensors: np.ndarray) -> None:
    """Write a file as the first format has it."""
    import safetensors.numpy

    arrays = {"weights": np.array([1.0, 2.0]), "bias": np.array([0.5]), "history.costs": np.empty(0)}
    arrays |= {"history.steps": np.empty(0, np.int64), **tensors}
    safetensors.numpy.save_file(arrays, path, {"format": "fastperceptron/1", "description": text})


def test_a_file_of_the_first_format_is_loaded(tmp_path: Path) -> None:
    write_old(tmp_path / "old", json.dumps(OLD))
    assert fp.load(tmp_path / "old") == make()
    write_old(tmp_path / "old", json.dumps(OLD), **{"history.pending": np.ones((2, 3))})
    assert fp.load(tmp_path / "old").history._unfinished_step is not None


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        *((text, {}) for text in ("", "3", "[]", "null", DEEP, '{"n_steps": ' + DEEP)),
        *((json.dumps({**OLD, "classes": value}), {}) for value in (None, 3, ["a"], ["a", "a"], [["a"]], {}, ["a", 1])),
        *((json.dumps({**OLD, "feature_names": value}), {}) for value in (3, ["a"], ["a", "a"], [1, 2], [[], []])),
        *((json.dumps({**OLD, "n_steps": value}), {}) for value in (None, -1, "1", 1e400, 10**30, [])),
        *((json.dumps({**OLD, "target_name": value}), {}) for value in (3, [])),
        *((json.dumps(OLD), {"weights": value}) for value in (np.empty(0), np.ones((3, 2)), np.array([np.nan, 1]))),
        *((json.dumps(OLD), {"bias": value}) for value in (np.empty(0), np.ones(2), np.array([np.inf]))),
        *((json.dumps(OLD), {"history.costs": value}) for value in (np.ones(2), np.ones((1, 1)))),
        *((json.dumps(OLD), {"history.pending": value}) for value in (np.ones(2), np.full((2, 3), np.inf))),
    ],
)
def test_a_file_that_holds_something_else_is_refused_by_name(tmp_path: Path, text: str, tensors) -> None:
    write_old(tmp_path / "m", text, **tensors)
    with pytest.raises(ValueError, match="m' is not a whole fastperceptron model"):
        fp.load(tmp_path / "m")


@pytest.mark.slow
def test_a_mutated_file_is_refused_by_name_or_is_a_model_like_any_other(tmp_path: Path, model: fp.Perceptron) -> None:
    rng, path, copy = np.random.default_rng(0), tmp_path / "m", tmp_path / "copy"
    write_old(path, json.dumps(OLD), **{"history.pending": np.ones((2, 3))})
    content, values = path.read_bytes(), [None, -1, 2**63, 1e400, "F16", [], [[1]], {}, [2**62, 2**62], ["a", "b"]]
    size = int.from_bytes(content[:8], "little")
    for _ in range(1_000):
        damaged = bytearray(content)
        if rng.random() < 0.5:
            damaged[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
        else:
            header = json.loads(content[8 : 8 + size])
            part = header[str(rng.choice(list(header)))]
            part[str(rng.choice(list(part)))] = values[rng.integers(len(values))]
            text = json.dumps(header).encode()
            damaged = bytearray(len(text).to_bytes(8, "little") + text + content[8 + size :])
        path.write_bytes(damaged)
        try:
            loaded = fp.load(path)
        except ValueError as error:
            assert repr(str(path)) in str(error)  # noqa: PT017  # most are refused, and all by name
            continue
        loaded.save(copy)
        assert fp.load(copy) == loaded
        assert len(loaded.predict(np.ones((2, loaded.n_features)))) == 2


def test_what_is_not_a_file_is_named(tmp_path: Path, model: fp.Perceptron, monkeypatch) -> None:
    for act in (fp.load, model.save):
        with pytest.raises(IsADirectoryError, match="is a folder"):
            act(tmp_path)
        with pytest.raises(IsADirectoryError, match="names a folder"):
            act(f"{tmp_path}/m/")
        os.mkfifo(tmp_path / "fifo") if act is fp.load else None
        for other in ("/dev/null", tmp_path / "fifo"):
            with pytest.raises(FileExistsError, match="is a device, a pipe or a socket"):
                act(other)
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*nowhere': create it first"):
        model.save(tmp_path / "nowhere" / "m")
    monkeypatch.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(PermissionError("denied")))
    model.save(tmp_path / "m")
    with pytest.raises(PermissionError):
        fp.load(tmp_path / "m")


def test_saving_goes_through_links_and_keeps_the_mode(tmp_path: Path, model: fp.Perceptron, monkeypatch) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target.name)
    model.save(link)
    assert link.is_symlink()
    assert fp.load(target) == model
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "dangling").symlink_to("new")
    model.save(tmp_path / "dangling")
    assert fp.load(tmp_path / "new") == model
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("~/home", "relative", "n" * 255, "\u00e4" * 127):
        model.save(name)
        assert fp.load(name) == model
    assert (tmp_path / "home").exists()
    assert not list(tmp_path.glob("*.part"))


def test_row_numbers_in_errors_are_absolute(monkeypatch, model: fp.Perceptron, flowers) -> None:
    monkeypatch.setattr("fastperceptron.data.arrays.BLOCK_ELEMENTS", 20)
    rows = flowers[0].copy()
    rows[33, 2] = np.inf
    with pytest.raises(ValueError, match="inf in row 33, column 2"):
        model.predict(rows)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no umask")
def test_a_saved_model_has_the_usual_permissions(tmp_path: Path, model: fp.Perceptron) -> None:
    (tmp_path / "other").write_text("")
    model.save(tmp_path / "m.safetensors")
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
