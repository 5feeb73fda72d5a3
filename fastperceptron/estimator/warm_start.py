"""Where `fit` starts with warm_start=True: at the coefficients that the classifier has, matched by feature name."""

import warnings
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.estimator.callbacks import FIT_DEPTH
from fastperceptron.estimator.coefficients import Coefficients, are_set, coefficients_of


def coefficients_to_start_from(estimator: Any) -> Coefficients | None:
    """Return the coefficients that a warm start uses, or None; to be asked before `fit` sets the names of X."""
    return coefficients_of(estimator) if estimator.warm_start and are_set(estimator) else None


def as_start(known: Coefficients | None, estimator: Any, classes: Array) -> Array | None:
    """Return known coefficients as (n_neurons, n_features + 1) for the features of X, bias last.

    Names decide where both the coefficients and X have them, else positions. Without coefficients, or if these have
    other classes or another number of features, it returns None; so also if they have other names, but then it warns,
    since scikit-learn would start from them.
    """
    if known is None or not np.array_equal(known.classes, classes):
        return None
    n_features, names = known.weights.shape[1], getattr(estimator, "feature_names_in_", None)
    if estimator.n_features_in_ != n_features:
        return None
    order = list(range(n_features)) if known.names is None or names is None else _order(known.names, names)
    if order is None:
        message = "warm_start has no effect, since the present coefficients are those of features with other names."
        warnings.warn(message, stacklevel=FIT_DEPTH + 1)
        return None
    # Without an intercept no step would change the one that a user set.
    bias = known.bias if estimator.fit_intercept else np.zeros_like(known.bias)
    return np.column_stack([known.weights[:, order], bias])


def _order(known: Any, names: Any) -> list[int] | None:
    """Return the place of each name among the known ones, or None if they are others."""
    place = {name: number for number, name in enumerate(known)}
    return [place[name] for name in names] if set(names) == set(place) else None
