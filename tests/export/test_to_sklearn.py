"""scikit-learn's own estimators predict as the model from which they were made."""

import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils.validation import check_is_fitted

import fastperceptron as fp
from exported_models import CLASSES, model_of, rows_of
from models import LABELS

# scikit-learn divides sigmoids of several classes as they are.
PLACES = [(1.0, 0.0), (20.0, 0.0), (1.0, 300.0), (1.0, -300.0)]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_predictions_are_those_of_the_model(kind: str, place) -> None:
    model = model_of(kind, *place)
    X = pd.DataFrame(rows_of(model), columns=list(model.feature_names))
    made = model.to_sklearn()
    assert isinstance(made, OneVsRestClassifier if kind in ("three", "five") else LogisticRegression)
    check_is_fitted(made)
    assert is_classifier(made)
    np.testing.assert_allclose(made.predict_proba(X), model.predict_proba(X), rtol=0, atol=1e-12)
    np.testing.assert_allclose(made.decision_function(X), model.decision_function(X), rtol=1e-12, atol=1e-12)
    assert made.predict(X).tolist() == model.predict(X).tolist()
    assert made.score(X, model.predict(X)) == 1.0
    assert made.classes_.tolist() == model.classes.tolist()
    assert made.n_features_in_ == model.n_features
    assert made.feature_names_in_.tolist() == list(model.feature_names)
    again = pickle.loads(pickle.dumps(made))
    assert again.predict(X).tolist() == model.predict(X).tolist()


@pytest.mark.parametrize("labels", [*LABELS, [0.1, 0.2, 0.5], ["b", "a", "c"], [True, False]], ids=str)
def test_labels_keep_order_and_dtype(labels) -> None:
    n = len(labels)
    model = fp.Perceptron(np.eye(3) if n > 2 else [1.0, 0.0, 0.0], np.zeros(3) if n > 2 else 0.0, labels)
    made = model.to_sklearn()
    assert made.classes_.dtype == model.classes.dtype
    assert made.predict(np.eye(3)).tolist() == model.predict(np.eye(3)).tolist()
    assert not hasattr(made, "feature_names_in_")


def test_what_is_changed_in_it_leaves_the_model_as_it_was() -> None:
    for kind in CLASSES:
        model = model_of(kind)
        made = model.to_sklearn()
        made.classes_[:] = made.classes_[::-1].copy()
        first = made.estimators_[0] if isinstance(made, OneVsRestClassifier) else made
        first.coef_[:] = 7.0
        assert model == model_of(kind)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch) -> None:
    for name in ("sklearn.linear_model", "sklearn.multiclass"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'fastperceptron\[sklearn\]'"):
        model_of("two").to_sklearn()
