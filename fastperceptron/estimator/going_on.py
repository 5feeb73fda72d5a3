"""The engine of partial_fit where it goes on: from its own coefficients, from a fit's, or from what a user set."""

import copy
import warnings
from typing import Any

import numpy as np

from fastperceptron.estimator.coefficients import are_as_learnt, coefficients_of
from fastperceptron.estimator.multi_class import has_softmax
from fastperceptron.estimator.solvers import options_of
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.problem import NewtonOptions


def engine_to_go_on_with(estimator: Any) -> Any:
    """Return a copy of the engine of partial_fit that goes on from the present coefficients.

    It warns if the rows behind them cannot be counted, and raises ValueError if they do not fit each other.
    """
    from fastperceptron.training.online.wide import online_engine

    online, memory = copy.copy(vars(estimator).get("_online")), vars(estimator).get("_memory")
    if online is not None and are_as_learnt(estimator):
        if not np.array_equal(estimator.classes_, estimator._classes_learnt):
            coefficients_of(estimator)  # classes of other names must fit, too
        return online
    now = coefficients_of(estimator)
    if online is None:
        (n_neurons, n_features), n_classes = now.weights.shape, len(now.classes)
        is_softmax = has_softmax(estimator) and n_classes > 2
        n_layers = 1 if is_softmax else n_neurons
        if memory is not None and (
            (len(memory.hessians), memory.means.size) != (n_layers, n_features)
            or memory.hessians[0].shape[1] != padded_size(n_features) * (n_neurons // n_layers)
        ):
            memory = None
        if memory is None:
            warnings.warn(
                "partial_fit starts at the present coefficients, but cannot count the rows behind them: their Hessian "
                "is not known, as after a fit by solver='sgd' or where coef_ was set by hand. It learns from the rows "
                "that partial_fit is given alone.",
                stacklevel=3,
            )
        online = online_engine(
            n_features, n_classes, options_of(estimator, NewtonOptions), memory, is_softmax=is_softmax
        )
    online.go_on_from(now.weights, now.bias)
    return online
