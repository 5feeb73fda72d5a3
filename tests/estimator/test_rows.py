"""Rows that PerceptronClassifier refuses, with scikit-learn's messages, and those of other libraries that it takes."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn

import fastperceptron as fp

X = np.random.default_rng(0).normal(size=(30, 3))


Y = np.arange(30) % 2


def fit(X: Any = X, y: Any = Y, sample_weight: Any = None, **parameters: Any) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(**parameters).fit(X, y, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (X[:, 0], ValueError, "Expected 2D array, got 1D array instead(.|\n)*Reshape your data"),
        (np.float64(3.0), ValueError, "Expected 2D array, got scalar array instead"),
        (X[:, :, None], ValueError, "Found array with dim 3, while dim <= 2 is required by PerceptronClassifier"),
        (X[:0], ValueError, r"Found array with 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required"),
        (X[:, :0], ValueError, r"Found array with 0 feature\(s\) \(shape=\(30, 0\)\) while a minimum of 1 is required"),
        (X + 1j, ValueError, "Complex data not supported"),
        (X.astype("U3"), ValueError, "not compatible with arrays of bytes/strings"),
        (np.where(X > 2, "tall", X.astype(object)), ValueError, "could not convert string to float: 'tall'"),
        (np.full((30, 3), {}), TypeError, "argument must be a string or a real number, not 'dict'"),
        (X.astype("M8[s]"), ValueError, r"X must hold real numbers, but its dtype is datetime64\[s\]"),
        (pd.DataFrame({"a": X[:, 0], 1: X[:, 1]}), TypeError, "Feature names are only supported if all input features"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "predict"])
def test_unfit_rows(method: str, rows: Any, kind: type[Exception], message: str) -> None:
    call = fit if method == "fit" else fit().predict
    with pytest.raises(kind, match=message):
        call(rows)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "predict", "partial_fit"])
def test_a_value_that_is_not_finite_is_named_by_row_and_column(method: str, value: float) -> None:
    spoilt, classifier = X.copy(), fp.PerceptronClassifier()
    spoilt[17, 2] = value
    call = {
        "fit": lambda: classifier.fit(spoilt, Y),
        "predict": lambda: classifier.fit(X, Y).predict(spoilt),
        "partial_fit": lambda: classifier.partial_fit(spoilt, Y, [0, 1]),
    }[method]
    with pytest.raises(ValueError, match="row 17, column 2"):
        call()


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_rows_that_differ_from_those_of_the_fit(method: str) -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    call, named = getattr(fit(), method), getattr(fit(frame), method)
    with pytest.raises(ValueError, match="X has 2 features, but PerceptronClassifier is expecting 3 features as input"):
        call(X[:, :2])
    with pytest.raises(ValueError, match=r"should match those that were passed during fit(.|\n)*unseen at fit time"):
        named(frame.rename(columns={"c": "d"}))
    with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
        named(frame[["b", "a", "c"]])
    with pytest.raises(ValueError, match="names should match those that were passed during fit"):
        named(pl.DataFrame(X, schema=["a", "b", "d"]))
    with pytest.warns(UserWarning, match="X does not have valid feature names, but PerceptronClassifier was fitted"):
        named(X)
    with pytest.warns(UserWarning, match="X has feature names, but PerceptronClassifier was fitted without"):
        call(frame)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (["a", "b"] * 15, "str"),
        (["1.5", "2"] * 15, "str"),  # scikit-learn would read it as numbers
        (pd.Categorical(Y), "category"),
        (pd.Categorical(["a", "b"] * 15), "category"),
        (pd.date_range("2020", periods=30), "datetime64"),
        (pd.to_timedelta(np.arange(30), "s"), "timedelta64"),
        (pd.array(["a", "b"] * 15, "string"), "string"),
        (np.array(["a", 1.0] * 15, object), "str"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "predict", "partial_fit"])
def test_columns_that_are_not_numbers_are_named_with_what_to_do(method: str, column: Any, kind: str) -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "region": np.zeros(30)})
    classifier = fp.PerceptronClassifier().partial_fit(frame, Y, [0, 1])
    before = classifier.predict(frame)
    spoilt = frame.assign(region=column)
    arguments = (spoilt,) if method == "predict" else (spoilt, Y)
    message = (
        rf"X has columns that are not numbers: 'region' \({kind}.*fastperceptron.dataset\(frame.*categorical=\[...\]"
    )
    with pytest.raises(ValueError, match=message):
        getattr(classifier, method)(*arguments)
    np.testing.assert_array_equal(before, classifier.predict(frame))  # the classifier is as it was


def test_columns_of_polars_and_pyarrow_that_are_not_numbers_are_named() -> None:
    columns = {"a": X[:, 0], "text": ["a", "b"] * 15, "day": pd.date_range("2020", periods=30)}
    for frame, kinds in (
        (pl.DataFrame(columns), r"'text' \(String\), 'day' \(Datetime"),
        (pa.table(columns), r"'text' \(string\), 'day' \(timestamp"),
    ):
        with pytest.raises(ValueError, match=f"X has columns that are not numbers: {kinds}"):
            fit(frame)
    numbers = {"a": X[:, 0], "b": X[:, 1].astype(np.float32), "c": Y, "d": Y == 1}
    expected = fit(pd.DataFrame(numbers)).decision_function(pd.DataFrame(numbers))
    for frame in (pl.DataFrame(numbers), pa.table(numbers), pd.DataFrame(numbers).astype(object)):
        np.testing.assert_allclose(fit(frame).decision_function(frame), expected)


class ForeignArray:
    """An array of another library, which only DLPack reads."""

    def __init__(self, values: Any) -> None:
        self.values, self.shape, self.ndim = np.asarray(values), np.shape(values), np.ndim(values)

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        raise AssertionError("NumPy computes")

    def __len__(self) -> int:
        return len(self.values)

    def __dlpack__(self, **options: Any) -> Any:
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.values.__dlpack_device__()


@pytest.mark.parametrize("is_dispatched", [False, True])
def test_arrays_of_other_libraries_are_computed_in_numpy(monkeypatch: pytest.MonkeyPatch, is_dispatched: bool) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=is_dispatched):
        classifier = fit(ForeignArray(X), ForeignArray(Y), ForeignArray(np.ones(30)))
        assert isinstance(classifier.coef_, np.ndarray)
        for method in ("decision_function", "predict_proba", "predict_log_proba", "predict"):
            found = getattr(classifier, method)(ForeignArray(X))
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, getattr(fit(), method)(X))
        assert classifier.score(ForeignArray(X), ForeignArray(Y)) == fit().score(X, Y)
        with pytest.raises(TypeError, match=r"X is a .*, which NumPy cannot read: copy it to the CPU"):
            fit(type("OnDevice", (ForeignArray,), {"__dlpack__": None})(X))


@pytest.mark.parametrize("names", [["a", "a", "b"], [0, 1, 0]], ids=str)
def test_two_columns_of_one_name_are_refused(names: list[Any]) -> None:
    frame = pd.DataFrame(X).set_axis(names, axis=1)
    for learn in (fp.PerceptronClassifier().fit, lambda *data: fp.PerceptronClassifier().partial_fit(*data, [0, 1])):
        with pytest.raises(ValueError, match=f"X has two columns called {names[0]!r}: rename or drop one"):
            learn(frame, Y)
