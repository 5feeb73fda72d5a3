"""The engine of partial_fit where it goes on: from its own coefficients, from a fit's, or from what a user set.

It goes on with what is minimised: rows that are gone cannot be learnt from again with another loss, penalty or layer.
"""

import copy
import warnings
from typing import Any

import numpy as np

from fastperceptron.estimator.coefficients import are_as_learnt, coefficients_of
from fastperceptron.estimator.multi_class import asks_for_softmax, has_softmax
from fastperceptron.estimator.solvers import options_of
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.problem import NewtonOptions

# The parameters that say what is minimised. The others have no effect on partial_fit.
OBJECTIVE = ("loss", "C", "fit_intercept", "standardize", "class_weight")
LAYER = ("multi_class", "solver")  # multi_class="auto" goes by the solver, too


def objective_of(estimator: Any) -> dict[str, Any]:
    """Return the parameters that rows are learnt with, to be compared when more rows come."""
    return {name: copy.copy(getattr(estimator, name)) for name in (*OBJECTIVE, *LAYER)}


def check_objective(estimator: Any) -> None:
    """Raise ValueError if a parameter that says what is minimised was changed since rows were learnt from.

    Only the layer counts where nothing is kept of these rows. A dict of class weights may follow "balanced", which
    partial_fit cannot continue.
    """
    own = vars(estimator)
    known = own.get("_learnt_with")
    if known is None:
        return
    are_kept = own.get("_online") is not None or own.get("_memory") is not None
    names = [name for name in OBJECTIVE if are_kept and not (name == "class_weight" and isinstance(known[name], str))]
    if len(estimator.classes_) > 2 and own["_is_softmax"] != asks_for_softmax(estimator):
        names += LAYER
    for name in names:
        value = getattr(estimator, name)
        if value != known[name]:
            raise ValueError(
                f"{name}={value!r}, but the rows so far were learnt with {name}={known[name]!r}, which partial_fit "
                "cannot change afterwards. Set it back, or begin again: with fit, or with a new classifier."
            )


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
