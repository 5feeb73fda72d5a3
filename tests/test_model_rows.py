"""What a Perceptron takes for rows: frames by column name, arrays of other libraries; what it names in errors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import fastperceptron as fp
from models import random_model


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


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_a_row_that_is_not_finite_is_named_by_every_method(n_classes: int, value: float, name: str) -> None:
    X = np.zeros((200, 5), np.float32)
    X[137, 3] = value
    model = random_model(n_classes, 5)
    for method in (model.predict, model.predict_proba, model.decision_function, lambda X: model.cost(X, np.zeros(200))):
        with pytest.raises(ValueError, match=f"X holds {name} in row 137, column 3"):
            method(X)


def test_row_numbers_in_errors_are_absolute(monkeypatch, model: fp.Perceptron, flowers) -> None:
    monkeypatch.setattr("fastperceptron.data.arrays.BLOCK_ELEMENTS", 20)
    rows = flowers[0].copy()
    rows[33, 2] = np.inf
    with pytest.raises(ValueError, match="inf in row 33, column 2"):
        model.predict(rows)
