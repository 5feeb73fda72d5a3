"""The estimator's solvers by name: each takes the classifier's parameters to the engine. And words for what it did.

Adding a solver is adding it to SOLVERS.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from fastperceptron.checks import Array
from fastperceptron.training.newton import newton
from fastperceptron.training.observer import Observer
from fastperceptron.training.options import NewtonOptions
from fastperceptron.training.problem import Problem, Solution
from fastperceptron.workers import thread_count


def _newton_options(classifier: Any) -> NewtonOptions:
    names = ("loss", "C", "fit_intercept", "standardize", "tol", "max_iter")
    return NewtonOptions(
        **{name: getattr(classifier, name) for name in names}, n_threads=thread_count(classifier.n_jobs)
    )


def online_newton(classifier: Any, n_features: int, n_classes: int) -> Any:
    """Return the engine of partial_fit, which has seen no rows yet."""
    from fastperceptron.training.online import OnlineNewton

    return OnlineNewton(n_features, n_classes, _newton_options(classifier))


def _by_newton(classifier: Any, problem: Problem, start: Array | None, observer: Observer) -> Solution:
    return newton(problem, _newton_options(classifier), start, observer)


def _by_descent(classifier: Any, problem: Problem, start: Array | None, observer: Observer) -> Solution:
    from fastperceptron.training.options import SgdOptions
    from fastperceptron.training.sgd import descend

    names = ["loss", "C", "fit_intercept", "standardize", "tol", "max_iter", "batch_size", "shuffle", "average"]
    names += ["learning_rate", "eta0", "power_t"]
    seed = int(check_random_state(classifier.random_state).randint(np.iinfo(np.int32).max))
    if observer.journal is not None:
        seed = observer.journal.number("seed", seed)
    options = SgdOptions(**{name: getattr(classifier, name) for name in names}, seed=seed)
    return descend(problem, options, start, observer)


SOLVERS: dict[str, Callable[[Any, Problem, Array | None, Observer], Solution]] = {
    "newton": _by_newton,
    "sgd": _by_descent,
}


def reached(solution: Solution) -> str:
    """Describe how far a solver came, as far as that is known."""
    place = f"{solution.n_iter} read{'s' * (solution.n_iter != 1)} of the data"
    if len(solution.loss_curve):
        place += f": the objective is {solution.loss_curve[-1]:.6g}"
    if not math.isnan(solution.optimality_gap):
        place += f", about {solution.optimality_gap:.2g} above its minimum"
    if not math.isnan(solution.distance):
        place += f", and the weights are {solution.distance:.2g} standard errors from the optimum"
    return place


def shortfall(classifier: Any, solution: Solution) -> str:
    """Describe what was reached, what was asked, and what to do."""
    is_spent = solution.n_iter >= classifier.max_iter
    advice = "raise max_iter" if is_spent else "lower C, since a stronger penalty makes the optimum easier to find"
    end = f"{'all of ' if is_spent else 'without progress, at '}max_iter={classifier.max_iter}"
    return (
        f"solver={classifier.solver!r} stopped ({end}) after {reached(solution)}. "
        f"Asked was tol={classifier.tol:g}. To get there, {advice}; or raise tol, if this is near enough."
    )
