"""Wrong input of PerceptronClassifier: each error names what, where and what to do, with scikit-learn's messages."""

import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError

import fastperceptron as fp

X = np.random.default_rng(0).normal(size=(30, 3))
Y = np.arange(30) % 2
Y3 = np.arange(30) % 3


def fit(X: Any = X, y: Any = Y, sample_weight: Any = None, **parameters: Any) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(**parameters).fit(X, y, sample_weight=sample_weight)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("C", 0, "a float in the range [1e-300, 1e+300], or inf. Got 0 instead."),
        ("C", -1.0, "a float in the range [1e-300, 1e+300], or inf. Got -1.0 instead."),
        ("C", float("nan"), "a float in the range [1e-300, 1e+300], or inf. Got nan instead."),
        ("C", 1e-301, "a float in the range [1e-300, 1e+300], or inf. Got 1e-301 instead."),
        ("C", 1e301, "a float in the range [1e-300, 1e+300], or inf. Got 1e+301 instead."),
        ("C", "1", "a float in the range [1e-300, 1e+300], or inf. Got '1' instead."),
        ("tol", 0.0, "a float in the range [1e-300, 1e+300]. Got 0.0 instead."),
        ("tol", float("inf"), "a float in the range [1e-300, 1e+300]. Got inf instead."),
        ("solver", "lbfgs", "a str among {'newton', 'sgd'}. Got 'lbfgs' instead."),
        ("loss", "hinge", "a str among {'squared_error', 'log_loss'}. Got 'hinge' instead."),
        ("max_iter", 0, "an int in the range [1, 2**53]. Got 0 instead."),
        ("max_iter", 10.0, "an int in the range [1, 2**53]. Got 10.0 instead."),
        ("fit_intercept", "yes", "an instance of 'bool'. Got 'yes' instead."),
        ("standardize", None, "an instance of 'bool'. Got None instead."),
        ("class_weight", "even", "an instance of 'dict', a str among {'balanced'} or None. Got 'even' instead."),
        ("learning_rate", 0.1, "a str among {'constant', 'invscaling'}. Got 0.1 instead."),
        ("eta0", 0.0, "a float in the range [1e-300, 1e+300]. Got 0.0 instead."),
        ("power_t", -1.0, "a float in the range [0.0, 1e+300]. Got -1.0 instead."),
        ("batch_size", True, "an int in the range [1, 2**53]. Got True instead."),
        ("shuffle", 1, "an instance of 'bool'. Got 1 instead."),
        ("average", 10, "an instance of 'bool'. Got 10 instead."),
        ("warm_start", "no", "an instance of 'bool'. Got 'no' instead."),
        ("n_jobs", 0, "None, or an int of 32 bits other than 0 (-1 means all cores). Got 0 instead."),
        ("n_jobs", 1.5, "None, or an int of 32 bits other than 0 (-1 means all cores). Got 1.5 instead."),
        ("verbose", -1, "an int in the range [0, inf) or an instance of 'bool'. Got -1 instead."),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_parameter_out_of_range(method: str, name: str, value: Any, expected: str) -> None:
    classifier = fp.PerceptronClassifier(**{name: value})
    arguments = (X, Y) if method == "fit" else (X, Y, [0, 1])
    message = re.escape(f"The {name!r} parameter of PerceptronClassifier must be {expected}")
    with pytest.raises(ValueError, match=message):
        getattr(classifier, method)(*arguments)


def test_a_random_state_that_is_none() -> None:
    with pytest.raises(ValueError, match="cannot be used to seed"):
        fit(random_state="zero")


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.where(np.arange(30) == 7, -0.5, 1.0), r"Negative values in .* `sample_weight`: -0.5 in row 7\."),
        (np.where(np.arange(30) == 7, np.nan, 1.0), r"Input sample_weight contains NaN, in row 7\."),
        (np.where(np.arange(30) == 7, np.inf, 1.0), r"Input sample_weight contains infinity, in row 7\."),
        (np.zeros(30), r"Sample weights must contain at least one non-zero number\."),
        (np.ones(29), r"sample_weight.shape == \(29,\), expected \(30,\)!"),
        (np.ones((30, 1)), "Sample weights must be 1D array or scalar, got 2D array"),
        (["much"] * 30, "sample_weight must hold real numbers, but its dtype is <U4"),
    ],
)
def test_unfit_sample_weights(weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(sample_weight=weight)


HUGE = [2**70, -(2**70), 10**400, -(10**400)]


@pytest.mark.parametrize("value", HUGE)
@pytest.mark.parametrize("name", ["C", "tol", "max_iter", "eta0", "power_t", "batch_size", "n_jobs"])
def test_an_integer_beyond_64_bits_is_out_of_range_or_a_number(name: str, value: int) -> None:
    if value == 2**70 and name in ("C", "tol", "eta0", "power_t"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit(**{name: value})
        return
    with pytest.raises(ValueError, match=f"The '{name}' parameter of PerceptronClassifier must be"):
        fit(**{name: value})


@pytest.mark.parametrize("C", [1e-300, 1e300])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize("solver", ["newton", "sgd"])
def test_the_ends_of_the_range_of_c_fit(solver: str, loss: str, standardize: bool, C: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        classifier = fit(solver=solver, loss=loss, standardize=standardize, C=C, random_state=0)
        free = fit(solver=solver, loss=loss, standardize=standardize, C=float("inf"), random_state=0)
    assert np.isfinite(classifier.coef_).all()
    if C < 1:
        assert np.abs(classifier.coef_).max() < 1e-250
    else:
        np.testing.assert_allclose(classifier.coef_, free.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: 1.0, 7: 2.0}, r"The classes, \[1\], are not in class_weight"),
        ({0: 1.0, 1: -2.0}, r"class_weight must hold numbers from 0 to 1e\+300, but that of class 1 is -2\.0\."),
        ({0: 1.0, 1: 10**400}, r"class_weight must hold numbers from 0 to 1e\+300, but that of class 1 is 1000"),
        ({0: 0, 1: 0}, r"class_weight must hold at least one number above 0"),
    ],
)
def test_unfit_class_weights(class_weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(class_weight=class_weight)


@pytest.mark.parametrize(
    ("rows", "kind", "message"),
    [
        (sparse.csr_array(X), TypeError, r"sparse input is not supported yet. Pass X.toarray\(\) if that fits"),
        (sparse.csc_matrix(X), TypeError, r"sparse input is not supported yet"),
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


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (None, ValueError, "requires y to be passed, but the target y is None"),
        (Y[:29], ValueError, r"Found input variables with inconsistent numbers of samples: \[30, 29\]"),
        (np.zeros(30), ValueError, r"one class only \(0\.0\)"),
        (X[:, 0], ValueError, "Unknown label type: continuous"),
        (np.column_stack([Y, Y]), ValueError, r"y should be a 1d array, got an array of shape \(30, 2\) instead"),
        (np.where(Y, np.nan, 0.0), ValueError, "y holds nan in row 1"),
        (np.where(Y, None, "a"), ValueError, "y holds None in row 1"),
        (np.where(Y, 1, np.array("a", object)), TypeError, "y mixes strings"),
    ],
)
def test_unfit_labels(labels: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        fit(y=labels)


def test_labels_in_a_column_are_taken_with_a_warning() -> None:
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        classifier = fit(y=Y[:, None])
    np.testing.assert_array_equal(classifier.coef_, fit().coef_)


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


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_nothing_is_predicted_before_a_fit_that_succeeded(method: str) -> None:
    classifier = fp.PerceptronClassifier()
    with pytest.raises(NotFittedError, match="This PerceptronClassifier instance is not fitted yet"):
        getattr(classifier, method)(X)
    with pytest.raises(ValueError, match="one class only"):
        classifier.fit(X, np.zeros(30))
    with pytest.raises(NotFittedError, match="This PerceptronClassifier instance is not fitted yet"):
        getattr(classifier, method)(X)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({}, None, r"classes must be passed on the first call to partial_fit\."),
        ({"classes": [1, 1]}, None, r"classes holds one class only \(1\): two or more are needed"),
        ({"classes": [0.5, 1]}, None, "Unknown label type: continuous"),
        ({"classes": [0, 2]}, None, "y holds 1 in row 1"),
        ({"classes": [0, 1]}, {"classes": [0, 2]}, r"`classes=\[0, 2\]` is not the same as on last call to"),
        ({"classes": [0, 1]}, {"X": X[:, :2]}, "X has 2 features, but PerceptronClassifier is expecting 3"),
        ({"classes": [0, 1]}, {"y": Y3}, "y holds 2 in row 2"),
        ({"classes": [0, 1], "class_weight": "balanced"}, None, "'balanced' is not supported for partial_fit"),
        ({"classes": [0, 1], "class_weight": {0: 1, 2: 1}}, None, r"The classes, \[1\], are not in class_weight"),
    ],
)
def test_unfit_input_of_partial_fit(first: dict[str, Any], second: dict[str, Any] | None, message: str) -> None:
    calls = [dict(first)] if second is None else [dict(first), second]
    classifier = fp.PerceptronClassifier(class_weight=calls[0].pop("class_weight", None))
    for call in calls[:-1]:
        classifier.partial_fit(**{"X": X, "y": Y, **call})
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(**{"X": X, "y": Y, **calls[-1]})


def test_without_scikit_learn_the_error_says_what_to_install() -> None:
    program = "import sys; sys.modules['sklearn'] = None; import fastperceptron as fp; fp.PerceptronClassifier"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (
        "ModuleNotFoundError: PerceptronClassifier needs scikit-learn: pip install fastperceptron[sklearn]"
        in done.stderr
    )


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
