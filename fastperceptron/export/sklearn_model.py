"""A model as scikit-learn's own estimators, for tools that know only those."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.export.kinds import kind_of


def to_sklearn(model: Any) -> Any:
    """Return a fitted estimator; see `Exports.to_sklearn`."""
    try:
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.preprocessing import LabelBinarizer
    except ModuleNotFoundError as error:
        message = "to_sklearn needs scikit-learn: pip install 'fastperceptron[sklearn]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    if kind_of(model) != "one_vs_rest":  # one neuron, or one softmax over several
        return _regression(model, model.weights, model.bias, model.classes)
    members = zip(model.weights, model.bias, strict=True)
    whole = OneVsRestClassifier(LogisticRegression())
    whole.estimators_ = [_regression(model, weights, bias, np.array([0, 1])) for weights, bias in members]
    # What `fit` learns of labels; it would refuse classes that are fractions, and sort them.
    whole.label_binarizer_ = LabelBinarizer(sparse_output=True)
    whole.label_binarizer_.classes_ = model.classes.copy()
    whole.label_binarizer_.y_type_, whole.label_binarizer_.sparse_input_ = "multiclass", False
    vars(whole)["classes_"] = model.classes.copy()  # before scikit-learn 1.9 a property, which hides this
    return _with_features(whole, model)


def _regression(model: Any, weights: Array, bias: Any, classes: Array) -> Any:
    from sklearn.linear_model import LogisticRegression

    made = LogisticRegression()
    made.coef_, made.intercept_ = np.array(weights, ndmin=2), np.array(bias, ndmin=1)
    made.classes_, made.n_iter_ = classes.copy(), np.zeros(1, np.int32)
    return _with_features(made, model)


def _with_features(estimator: Any, model: Any) -> Any:
    estimator.n_features_in_ = model.n_features
    if model.feature_names is not None:
        estimator.feature_names_in_ = np.array(model.feature_names, object)
    return estimator
