"""What is not an array of rows is refused by a sentence that says what to pass; what NumPy reads as rows is taken."""

import array
import contextlib
import io
import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pytest
from hypothesis import given, strategies as st

import fastperceptron as fp
from fastperceptron.checks import check_is_array_like

X = np.random.default_rng(0).normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)
FRAME = pd.DataFrame(X, columns=list("abc"))
MODEL = fp.Perceptron([1.0, 2.0, 3.0], 0.5, [0, 1])


def classifier() -> Any:
    known = fp.PerceptronClassifier()
    known.coef_, known.intercept_, known.classes_ = MODEL.weights, MODEL.bias, MODEL.classes
    return known


FACES: dict[str, Callable[[Any], Any]] = {
    "fit": lambda given: fp.PerceptronClassifier().fit(given, Y),
    "fit without y": lambda given: fp.PerceptronClassifier().fit(given),
    "partial_fit": lambda given: fp.PerceptronClassifier().partial_fit(given, Y, [0, 1]),
    "predict": lambda given: classifier().predict(given),
    "predict_proba": lambda given: classifier().predict_proba(given),
    "score": lambda given: classifier().score(given, Y),
    "Perceptron.predict": MODEL.predict,
    "Perceptron.cost": lambda given: MODEL.cost(given, Y),
    "train": lambda given: fp.train(given, Y, steps=10),
}
PATHS = {
    "x.csv": "'x.csv'",
    Path("folder/x.parquet"): "'folder/x.parquet'",
    b"x.npy": "'x.npy'",
    "": "''",
    "s3://bucket/x.parquet": "'s3://bucket/x.parquet'",
    ("a.csv", Path("b.csv")): "['a.csv', 'b.csv']",
    ("a", "b", "c", "d"): "['a', 'b', 'c', ...]",
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("given", "shown"), PATHS.items(), ids=str)
def test_paths_are_for_dataset(face: str, given: Any, shown: str) -> None:
    for each in (given, list(given)) if isinstance(given, tuple) else (given,):
        with pytest.raises(TypeError, match=re.escape(f"fastperceptron.dataset({shown}, target=...)")):
            FACES[face](each)


OBJECTS: dict[str, Callable[[], Any]] = {
    "polars' LazyFrame": lambda: pl.LazyFrame({"a": [1.0], "b": [2.0], "c": [3.0]}),
    "pyarrow's dataset": lambda: pads.dataset(pa.table({"a": [1.0]})),
    "pyarrow's reader": lambda: pa.table({"a": [1.0]}).to_reader(),
    "DuckDB's relation": lambda: pytest.importorskip("duckdb").sql("select 1.0 as a, 2.0 as b, 3.0 as c"),
    "a generator": lambda: (row for row in X),
    "an iterator": lambda: iter(X.tolist()),
    "a function": lambda: lambda: iter([X]),
    "a file": lambda: io.StringIO("1,2,3"),
    "a mapping": lambda: {"a": [1.0], "b": [2.0], "c": [3.0]},
    "a set": lambda: {1.0, 2.0},
    "a class": lambda: fp.PerceptronClassifier,
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kind", OBJECTS)
def test_tables_that_are_not_arrays_are_for_dataset(face: str, kind: str) -> None:
    with pytest.raises(TypeError, match=r"X is a \w+, not an array .* fastperceptron\.dataset\(\.\.\., target=\.\.\."):
        FACES[face](OBJECTS[kind]())


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner) | st.frozensets(st.integers()),
    )
)
def test_any_object_raises_type_error_or_value_error_if_it_is_refused(given: Any) -> None:
    with contextlib.suppress(TypeError, ValueError):
        MODEL.predict(given)


@pytest.mark.filterwarnings("ignore:X has feature names")
@pytest.mark.parametrize(
    "rows",
    [X.tolist(), tuple(map(tuple, X)), list(X), memoryview(X), deque(X.tolist()), pa.Table.from_pandas(FRAME), FRAME],
    ids=lambda rows: type(rows).__name__,
)
def test_what_numpy_reads_as_rows_is_taken(rows: Any) -> None:
    assert MODEL.decision_function(rows).tolist() == MODEL.decision_function(X).tolist()
    check_is_array_like(array.array("d", [1.0, 2.0]), "X")
    check_is_array_like(range(3), "X")


ONE_D: dict[str, Any] = {
    "a row of a frame": FRAME.iloc[0],
    "a column of a frame": FRAME["a"],
    "a polars series": pl.Series([1.0, 2.0, 3.0]),
    "a row": X[0],
    "a list": [1.0, 2.0, 3.0],
    "a tuple": (1, 2, 3),
    "an arrow array": pa.array([1.0, 2.0, 3.0]),
    "chunks": pa.chunked_array([[1.0, 2.0, 3.0]]),
    "a number": 3.0,
    "None": None,
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("kind", ONE_D)
@pytest.mark.parametrize("face", ["fit", "partial_fit", "predict", "predict_proba", "score"])
def test_one_dimension_is_refused_in_the_words_of_scikit_learn(face: str, kind: str) -> None:
    message = r"(?s)Expected 2D array, got (1D|scalar) array instead.*Reshape your data either using array\.reshape\(-1"
    with pytest.raises(ValueError, match=message):
        FACES[face](ONE_D[kind])


@pytest.mark.parametrize(("y", "error", "message"), [
    ("c", TypeError, r"y must be labels, one per row, but is the text 'c'.*fastperceptron\.dataset\(X, target='c'\)"),
    (Path("y.csv"), TypeError, "but is the text 'y.csv'"),
    (3, ValueError, "y should be a 1d array"),
    (iter([0, 1]), ValueError, "y should be a 1d array"),
])  # fmt: skip
def test_labels_are_one_per_row(y: Any, error: type[Exception], message: str) -> None:
    for learn in (fp.PerceptronClassifier().fit, lambda *data: fp.PerceptronClassifier().partial_fit(*data, [0, 1])):
        with pytest.raises(error, match=message):
            learn(FRAME, y)
