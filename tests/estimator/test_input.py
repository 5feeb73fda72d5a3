"""Wrong input of PerceptronClassifier: each error names what, where and what to do, with scikit-learn's messages."""

import re
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest
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
