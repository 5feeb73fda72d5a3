"""The attributes that predict: coef_, intercept_ and classes_, as they are when asked, also where a user set them.

Nothing is kept beside them: a prior correction (``intercept_ -= log(50)``), the averages of several classifiers, or
weights from a file are what predictions, warm starts, `partial_fit` and saved models go by.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from fastperceptron.checks import Array, as_numbers
from fastperceptron.data.labels import as_labels
from fastperceptron.estimator.multi_class import has_softmax
from fastperceptron.model import Perceptron

NAMES = ("coef_", "intercept_", "classes_")


class Coefficients(NamedTuple):
    """The checked values of a classifier's attributes."""

    weights: Array  # (n_neurons, n_features) float64
    bias: Array  # (n_neurons,) float64
    classes: Array  # (n_classes,)
    names: Any  # of the features: a sequence of n_features str, or None


class Learnt:
    """An attribute that is what partial_fit learnt, computed when it is asked for, unless the instance holds it.

    It is a part of the solution of the engine, `_online`.
    """

    def __init__(self, part: str) -> None:
        self.part = part

    def __set_name__(self, owner: type, name: str) -> None:
        """Take note of the attribute's name."""
        self.name = name

    def __get__(self, estimator: Any, owner: type) -> Any:
        """Return the value, and set it: a user may change it."""
        if estimator is None:
            return self
        online = vars(estimator).get("_online")
        if online is None:
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}")
        value = copy.copy(getattr(online.solution, self.part))
        setattr(estimator, self.name, value)
        return value


def forget_learnt(estimator: Any) -> None:
    """Remove what an estimator holds of the attributes that partial_fit learns."""
    for name in _learnt_of(estimator):
        estimator.__dict__.pop(name, None)


def are_as_learnt(estimator: Any) -> bool:
    """Return whether the coefficients are still those that partial_fit learnt: a user may have changed them."""
    held = {
        name: each.part for name, each in _learnt_of(estimator).items() if name in NAMES and name in vars(estimator)
    }
    return all(
        np.array_equal(getattr(estimator, name), getattr(estimator._online.solution, held[name])) for name in held
    )


def _learnt_of(estimator: Any) -> dict[str, Learnt]:
    return {name: each for kind in type(estimator).__mro__ for name, each in vars(kind).items() if type(each) is Learnt}


def are_set(estimator: Any) -> bool:
    """Return whether a classifier has coefficients, by a fit or set by a user."""
    return all(hasattr(estimator, name) for name in NAMES)


def coefficients_of(estimator: Any) -> Coefficients:
    """Return the present coefficients of a classifier.

    It raises NotFittedError if there are none; ValueError or TypeError if one has a wrong shape, is not finite or not a
    number, or if classes are missing or there twice.
    """
    if not are_set(estimator):
        check_is_fitted(estimator)  # only for its error: it looks through all attributes and tags
    classes = np.asarray(estimator.classes_)
    labels = as_labels(estimator.classes_, "classes_")
    if len(labels) < 2 or len(set(labels.tolist())) < len(labels):
        raise ValueError(f"classes_ must be two or more different labels, but is {classes.tolist()}.")
    weights, bias = (as_numbers(getattr(estimator, name), name).astype(np.float64) for name in NAMES[:2])
    n_neurons = 1 if len(labels) == 2 else len(labels)
    # As scikit-learn's linear classifiers take what is set: the weights of one neuron as 1-d, one bias for all neurons.
    weights = weights[np.newaxis] if weights.ndim == 1 and n_neurons == 1 else weights
    bias = np.full(n_neurons, bias) if bias.ndim == 0 else bias
    n_features = getattr(estimator, "n_features_in_", weights.shape[-1] if weights.ndim else 1)
    for name, values, shape in (("coef_", weights, (n_neurons, n_features)), ("intercept_", bias, (n_neurons,))):
        if values.shape != shape:
            raise ValueError(f"{name} must have shape {shape} for {len(labels)} classes, but has {values.shape}.")
        if not np.isfinite(values).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(values))[0]))
            raise ValueError(f"{name} must be finite, but {name}[{', '.join(map(str, place))}] is {values[place]}.")
    return Coefficients(weights, bias, classes, getattr(estimator, "feature_names_in_", None))


def model_of(estimator: Any, target_name: str | None) -> Perceptron:
    """Return the present coefficients and feature names of a classifier as a model; it raises as `coefficients_of`."""
    weights, bias, classes, names = coefficients_of(estimator)
    others = {"target_name": target_name, "first_column": vars(estimator).get("_first_column")}
    if len(bias) == 1:
        return Perceptron(weights[0], bias[0], classes, names, **others)
    activation = "softmax" if has_softmax(estimator) else "sigmoid"
    return Perceptron(weights, bias, classes, names, **others, activation=activation)


@contextmanager
def unchanged_by_failure(estimator: Any) -> Iterator[None]:
    """Give an estimator back the attributes that it had, if what is done inside fails or is interrupted."""
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        own = vars(estimator)
        # scikit-learn removes those of callbacks itself.
        for name in [name for name in own if name not in before and "callback" not in name]:
            del own[name]
        own.update(before)
        raise
