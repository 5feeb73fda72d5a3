"""coef_, intercept_ and classes_ are what every prediction goes by, whoever set them; a failure leaves them alone."""

import copy
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

import fastperceptron as fp
from tables import bits, classes_around_centres

X, Y = classes_around_centres(2, 20)
X3, Y3 = classes_around_centres(3, 20)
METHODS = ("decision_function", "predict_proba", "predict_log_proba", "predict")


def with_coefficients(kind: type, coef: Any, intercept: Any, classes: Any) -> Any:
    classifier = kind()
    classifier.coef_, classifier.intercept_, classifier.classes_ = coef, intercept, classes
    return classifier


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@given(data=st.data())
def test_coefficients_that_were_set_predict_as_those_of_scikit_learn(n_classes: int, data: st.DataObject) -> None:
    n_neurons = 1 if n_classes == 2 else n_classes
    numbers = st.floats(-50, 50)
    coef = data.draw(hnp.arrays(np.float64, (n_neurons, 3), elements=numbers))
    intercept = data.draw(hnp.arrays(np.float64, n_neurons, elements=numbers))
    rows = data.draw(hnp.arrays(np.float64, (4, 3), elements=st.integers(-4, 4)))
    classes = np.array(["e", "d", "c", "b", "a"])[:n_classes]  # in any order
    own, other = (
        with_coefficients(kind, coef, intercept, classes) for kind in (fp.PerceptronClassifier, LogisticRegression)
    )
    check_is_fitted(own)
    z = own.decision_function(rows)
    np.testing.assert_allclose(z, other.decision_function(rows), rtol=1e-12, atol=1e-10)
    picked = classes[(z > 0).astype(int) if n_classes == 2 else z.argmax(axis=1)]
    np.testing.assert_array_equal(own.predict(rows), picked)
    np.testing.assert_array_equal(own.predict(rows), classes[own.predict_proba(rows).argmax(axis=1)])
    assert own.predict(fp.dataset(rows)).tolist() == picked.tolist()
    np.testing.assert_array_equal(own.model_.decision_function(rows), z)


@pytest.mark.parametrize(
    ("coef", "intercept", "classes"),
    [
        ([1.0, -2.0, 0.5], [0.25], [0, 1]),
        ([1.0, -2.0, 0.5], 0.25, [0, 1]),
        ([[1.0, -2.0, 0.5]], 0.0, [0, 1]),
        ([[1.0, -2.0, 0.5], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]], 0.0, [0, 1, 2]),
    ],
    ids=["1-d", "1-d and a number", "a number", "a number for three"],
)
def test_shapes_that_scikit_learn_takes_mean_the_same(coef: Any, intercept: Any, classes: list[int]) -> None:
    own, other = (
        with_coefficients(kind, np.array(coef), intercept, np.array(classes))
        for kind in (fp.PerceptronClassifier, LogisticRegression)
    )
    np.testing.assert_allclose(own.decision_function(X[:, :3]), other.decision_function(X[:, :3]))
    assert own.predict(X[:, :3]).tolist() == other.predict(X[:, :3]).tolist()
    assert own.model_.predict(X[:, :3]).tolist() == other.predict(X[:, :3]).tolist()


@pytest.mark.parametrize(("rows", "labels"), [(X, Y), (X3, Y3)], ids=["two", "three"])
@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_changes_in_place_count_everywhere(tmp_path: Path, learn: str, rows: np.ndarray, labels: np.ndarray) -> None:
    classifier = fp.PerceptronClassifier()
    classifier.fit(rows, labels) if learn == "fit" else classifier.partial_fit(rows, labels, np.unique(labels))
    before = classifier.decision_function(rows)
    classifier.intercept_ -= np.log(50)
    classifier.coef_[:, 0] += 1
    expected = before - np.log(50) + (rows[:, 0] if before.ndim == 1 else rows[:, :1])
    classifier.save(tmp_path / "m.safetensors")
    joblib.dump(classifier, tmp_path / "m.joblib")
    others = [
        classifier,
        classifier.model_,
        fp.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(classifier)),
        copy.deepcopy(classifier),
        copy.copy(classifier),
        joblib.load(tmp_path / "m.joblib"),
        classifier.set_params(C=3.0),
    ]
    for other in others:
        np.testing.assert_allclose(other.decision_function(rows), expected)
    assert classifier.score(rows, labels) == classifier.score(fp.dataset((rows, labels)))
    assert fp.evaluate(classifier, (rows, labels)).scores["accuracy"] == classifier.score(rows, labels)
    with pytest.raises(NotFittedError):
        clone(classifier).predict(rows)


def test_a_warm_start_begins_at_coefficients_that_were_set() -> None:
    fitted = fp.PerceptronClassifier(tol=1e-6).fit(X, Y)
    cold = fp.PerceptronClassifier(tol=1e-6, warm_start=True).fit(X, Y)
    warm = with_coefficients(fp.PerceptronClassifier, fitted.coef_.tolist(), fitted.intercept_.tolist(), [0, 1])
    warm.set_params(tol=1e-6, warm_start=True)
    assert warm.fit(X, Y).n_iter_ < cold.n_iter_
    warm.coef_ = warm.coef_.T
    with pytest.raises(ValueError, match="coef_ must have shape"):
        warm.fit(X, Y)


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_partial_fit_goes_on_from_changed_coefficients(learn: str) -> None:
    classifier = fp.PerceptronClassifier(loss="squared_error")
    classifier.fit(X, Y) if learn == "fit" else classifier.partial_fit(X, Y, [0, 1])
    before = classifier.coef_.copy(), classifier.intercept_ + 1
    classifier.intercept_ += 1
    classifier.partial_fit(X[:1], Y[:1])  # one row changes little of what many taught
    np.testing.assert_allclose(classifier.coef_, before[0], atol=0.05)
    np.testing.assert_allclose(classifier.intercept_, before[1], atol=0.05)
    classifier.classes_ = np.array(["no", "yes"])  # other names of the same classes
    assert classifier.partial_fit(X, np.array(["no", "yes"])[Y]).predict(X).dtype.kind == "U"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"coef_": [1.0] * 3}, ValueError, "coef_ must have shape (1, 4) for 2 classes, but has (1, 3)"),
        ({"coef_": np.ones((1, 3))}, ValueError, "coef_ must have shape (1, 4) for 2 classes, but has (1, 3)"),
        ({"coef_": np.ones((2, 4))}, ValueError, "coef_ must have shape (1, 4) for 2 classes, but has (2, 4)"),
        ({"coef_": 1.0}, ValueError, "coef_ must have shape (1, 4) for 2 classes, but has ()"),
        ({"coef_": [[1.0], [1.0, 2.0]]}, ValueError, "coef_ is not a rectangular array"),
        ({"coef_": None}, TypeError, "coef_ must hold real numbers"),
        ({"coef_": [["a"] * 4]}, TypeError, "coef_ must hold real numbers"),
        ({"coef_": [[1.0, 2.0, np.nan, 4.0]]}, ValueError, "coef_ must be finite, but coef_[0, 2] is nan"),
        ({"intercept_": [[0.5]]}, ValueError, "intercept_ must have shape (1,) for 2 classes, but has (1, 1)"),
        ({"intercept_": [0.5, 1]}, ValueError, "intercept_ must have shape (1,) for 2 classes, but has (2,)"),
        ({"intercept_": [-np.inf]}, ValueError, "intercept_ must be finite, but intercept_[0] is -inf"),
        ({"classes_": [0, 1, 2]}, ValueError, "coef_ must have shape (3, 4) for 3 classes, but has (1, 4)"),
        ({"classes_": [1]}, ValueError, "classes_ must be two or more different labels"),
        ({"classes_": [1, 1]}, ValueError, "classes_ must be two or more different labels"),
        ({"classes_": [[0, 1], [2, 3]]}, ValueError, "classes_ must have one dimension"),
        ({"classes_": ["a", None]}, ValueError, "classes_ holds None in row 1"),
    ],
)
@pytest.mark.parametrize("method", [*METHODS, "score", "model_", "save", "partial_fit"])
def test_unfit_coefficients_are_named(
    tmp_path: Path, method: str, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    classifier = fp.PerceptronClassifier().fit(X, Y)
    vars(classifier).update(changes)
    call: dict[str, Callable[[], Any]] = {
        "score": lambda: classifier.score(X, Y),
        "model_": lambda: classifier.model_,
        "save": lambda: classifier.save(tmp_path / "m.safetensors"),
        "partial_fit": lambda: classifier.partial_fit(X, Y),
    }
    with pytest.raises(error, match=re.escape(message)):
        call.get(method, lambda: getattr(classifier, method)(X))()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("learn", ["fit", "partial_fit", "partial_fit of a data set"])
@pytest.mark.parametrize("cause", ["a wrong row", "Ctrl-C"])
def test_a_failure_leaves_the_classifier_as_it_was(learn: str, cause: str) -> None:
    frame, classifier = pd.DataFrame(X, columns=list("abcd")), fp.PerceptronClassifier()
    classifier.partial_fit(frame, Y, [0, 1])
    attributes = lambda: pickle.dumps(sorted(vars(classifier).items()))  # noqa: E731
    before, expected = attributes(), bits(copy.deepcopy(classifier).partial_fit(frame, Y))

    def chunks() -> Any:
        yield X, Y
        if cause == "Ctrl-C":
            raise KeyboardInterrupt
        yield np.full((2, 4), np.nan), [0, 1]

    spoilt = frame.copy()
    spoilt.iloc[-1, 0] = np.nan
    refit = (fp.dataset(chunks), None) if cause == "Ctrl-C" else (spoilt[["a", "b"]], Y)
    call: dict[str, Callable[[], Any]] = {
        "fit": lambda: classifier.fit(*refit),
        "partial_fit": lambda: classifier.partial_fit(spoilt, Y),
        "partial_fit of a data set": lambda: classifier.partial_fit(fp.dataset(chunks)),
    }
    with pytest.raises((ValueError, KeyboardInterrupt)):
        call[learn]()
    assert attributes() == before
    assert bits(classifier.partial_fit(frame, Y)) == expected


def test_partial_fit_takes_classes_of_a_data_set() -> None:
    data = fp.synthetic(200, 3, rng=0)
    assert data.classes is not None
    assert fp.PerceptronClassifier().partial_fit(data).classes_.tolist() == data.classes.tolist()


def test_names_of_features_and_labels_are_in_the_model(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(bought=Y)
    data = fp.dataset(frame, target="bought")
    for classifier in (
        fp.PerceptronClassifier().fit(data),
        fp.PerceptronClassifier().fit(frame[list("abcd")], frame["bought"]),
        fp.PerceptronClassifier().partial_fit(data, classes=[0, 1]).partial_fit(data),
        pickle.loads(pickle.dumps(fp.PerceptronClassifier().fit(data))),
    ):
        classifier.save(tmp_path / "m.safetensors")
        model = fp.load(tmp_path / "m.safetensors")
        assert (model.feature_names, model.target_name) == (tuple("abcd"), "bought")
    assert classifier.fit(X, Y).model_.target_name is None
    trained = fp.train(data, steps=10)
    assert fp.train(X, Y, steps=10, initial=trained).target_name == trained.target_name == "bought"


def test_without_an_intercept_a_warm_start_drops_the_one_that_was_set() -> None:
    X, y = classes_around_centres()
    classifier = fp.PerceptronClassifier(fit_intercept=False, warm_start=True).fit(X, y)
    classifier.intercept_ += 3.0
    assert classifier.fit(X, y).intercept_ == 0
