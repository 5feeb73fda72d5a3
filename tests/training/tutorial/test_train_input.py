"""What fp.train takes: rows of any dtype, frames, labels of any kind; and how it names what it cannot use."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

import fastperceptron as fp
from training.tutorial.test_train import example

X, Y = example(10, 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.float16, np.bool_])
def test_other_dtypes_are_read_as_their_values(dtype) -> None:
    X = np.random.default_rng(0).integers(0, 2, size=(30, 4)).astype(dtype)
    y = X[:, 0] == X[0, 0]
    exact = X.astype(np.float32 if dtype is np.float16 else np.float64)
    assert fp.train(X, y, steps=50, rng=0) == fp.train(exact, y, steps=50, rng=0)


def test_one_dimensional_rows_are_one_feature() -> None:
    X, y = example(30, 1)
    assert fp.train(X[:, 0], y, steps=50, rng=0) == fp.train(X, y, steps=50, rng=0)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_their_column_names(frame: Callable) -> None:
    X, y = example(30, 2)
    model = fp.train(frame({"length": X[:, 0], "width": X[:, 1]}), y, steps=50, rng=0)
    assert model.feature_names == ("length", "width")
    np.testing.assert_array_equal(model.weights, fp.train(X, y, steps=50, rng=0).weights)
    assert fp.train(X, y, steps=5, rng=0, initial=model).feature_names == ("length", "width")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["no", "yes"], ["no", "yes"]),
        ([False, True], [False, True]),
        ([-1, 1], [-1, 1]),
        ([0.5, 2.5], [0.5, 2.5]),
        (np.array([3, 250], np.uint8), [3, 250]),
        (np.array(["b", "a"], object), ["a", "b"]),
    ],
)
def test_two_labels_of_any_kind_are_classes(labels, classes) -> None:
    X, y = example(30, 2)
    model = fp.train(X, np.asarray(labels)[y], steps=1000, rng=0)
    assert model.classes.tolist() == classes
    assert np.mean(model.predict(X) == np.asarray(labels)[y]) > 0.7


@pytest.mark.parametrize("kind", [pd.Series, pl.Series, lambda labels: pd.Series(labels, dtype="category"), list])
def test_labels_may_come_in_any_container(kind: Callable) -> None:
    X, y = example(30, 2)
    labels = ["yes" if code else "no" for code in y]
    model = fp.train(X, kind(labels), steps=50, rng=0)
    plain = fp.train(X, np.array(labels), steps=50, rng=0)
    assert model.classes.tolist() == plain.classes.tolist() == ["no", "yes"]  # some are objects
    assert (model.weights.tolist(), model.bias, model.history) == (plain.weights.tolist(), plain.bias, plain.history)


def with_value(value: float) -> np.ndarray:
    rows = X.copy()
    rows[7, 1] = value
    return rows


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([], []), {}, ValueError, "X is empty"),
        ((np.empty((0, 3)), []), {}, ValueError, r"X is empty: its shape is \(0, 3\)"),
        ((np.empty((3, 0)), [0, 1, 0]), {}, ValueError, "X is empty"),
        ((np.zeros((2, 2, 2)), [0, 1]), {}, ValueError, "one or two dimensions"),
        (([["a", "b"], ["c", "d"]], [0, 1]), {}, TypeError, "X must hold real numbers"),
        ((np.array([[1, None], [2, 3]], object), [0, 1]), {}, TypeError, "row 0, column 1 holds None"),
        ((pd.DataFrame({"a": [1, 2], "b": ["u", "v"]}), [0, 1]), {}, TypeError, "row 0, column 1 holds 'u'"),
        (([[1, 2], [3]], [0, 1]), {}, ValueError, "not a rectangular array"),
        ((sparse.csr_matrix(with_value(np.nan)), Y), {}, ValueError, "NaN in row 7, column 1"),
        ((X, sparse.csr_matrix(Y)), {}, TypeError, "toarray"),
        ((with_value(np.nan), Y), {}, ValueError, "NaN in row 7, column 1"),
        ((with_value(-np.inf), Y), {}, ValueError, "-inf in row 7, column 1"),
        ((X, Y[:-1]), {}, ValueError, "10 rows, but y has 9 labels"),
        ((X, Y.reshape(2, 5)), {}, ValueError, "y must have one dimension"),
        ((X, np.zeros(10)), {}, ValueError, "one class only"),
        ((X, np.arange(10)), {}, ValueError, "10 classes"),
        ((X, [None, *"ababababa"]), {}, ValueError, "None in row 0"),
        ((X, [0.0, 1.0, np.nan, *[0.0] * 7]), {}, ValueError, "nan in row 2"),
        ((X, ["a", 1, *"aaaaaaaa"]), {}, TypeError, "mixes strings"),
        ((X, np.array(["a", 1, *"aaaaaaaa"], object)), {}, TypeError, "mixes strings"),
        ((X, Y), {"steps": 0}, ValueError, "steps must be at least 1, but is 0"),
        ((X, Y), {"steps": 1.5}, TypeError, "steps must be a whole number"),
        ((X, Y), {"learning_rate": 0}, ValueError, "learning_rate must be a finite number above 0, but is 0"),
        ((X, Y), {"learning_rate": float("nan")}, ValueError, "learning_rate"),
        ((X, Y), {"learning_rate": "fast"}, TypeError, "learning_rate must be a number"),
        ((X, Y), {"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ((X, Y), {"record_every": 0}, ValueError, "record_every must be at least 1"),
        ((X, Y), {"loss": "hinge"}, ValueError, "loss must be one of 'squared_error', 'log_loss', but is 'hinge'"),
        ((X, Y), {"sampling": "random"}, ValueError, "'with_replacement', 'shuffled', 'in_order'"),
        ((X, Y), {"initial": "model"}, TypeError, "initial must be a Perceptron"),
        ((X, Y), {"initial": fp.Perceptron([1.0], 0.0, [0, 1])}, ValueError, "X has 2 features, but the model"),
        ((X, Y), {"initial": fp.Perceptron([1.0, 2.0], 0.0, ["a", "b"])}, ValueError, r"the model knows \['a', 'b'\]"),
        ((X * 1e200, Y), {"learning_rate": 1e200, "loss": "log_loss"}, ValueError, "overflowed"),
    ],
)
def test_bad_input_is_named(arguments, options, error, message) -> None:
    with pytest.raises(error, match=message):
        fp.train(*arguments, **{"steps": 10, **options})


def test_bad_input_is_found_before_any_work() -> None:
    rows = with_value(np.nan)
    start = time.perf_counter()
    with pytest.raises(ValueError, match="row 7"):
        fp.train(rows, Y, steps=10**12)
    assert time.perf_counter() - start < 5


def test_going_on_with_a_frame_goes_by_column_names() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    y = np.arange(30) % 2
    first = fp.train(frame, y, steps=10, rng=0)
    same = fp.train(frame, y, steps=10, rng=1, initial=first)
    assert fp.train(frame[["b", "a"]].assign(text="x"), y, steps=10, rng=1, initial=first) == same
    assert fp.train(fp.dataset((frame, y)), steps=10, rng=1, initial=first) == same
    with pytest.raises(ValueError, match="X lacks 'b', a feature that the model was trained on"):
        fp.train(frame[["a"]], y, steps=10, initial=first)
    assert fp.train(fp.dataset((frame[["b", "a"]], y)), steps=10, rng=1, initial=first) == same
    with pytest.raises(ValueError, match="'b'"):
        fp.train(fp.dataset((frame[["a"]], y)), steps=10, initial=first)
