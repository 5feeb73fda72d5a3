"""The estimator's solvers by name, the threads that they may take, and messages about how they ended.

To add a solver, edit three files: its own in training/; this one, with a function from (classifier, problem, start,
observer) to a `Solution` in SOLVERS; and the docstring of classifier.py. A test then asks for its name in the command's
help. It finds its options with `options_of`; an options class of its own joins RULES; a new option is a new parameter,
see classifier.py.
"""

import dataclasses
import math
import multiprocessing
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from sklearn.utils import check_random_state

from fastperceptron.checks import Array, Rule, one_of
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.observer import Observer
from fastperceptron.training.problem import NewtonOptions, ObjectiveOptions, Problem, SgdOptions, Solution

Options = TypeVar("Options", bound=ObjectiveOptions)


def options_of(classifier: Any, kind: type[Options], **others: Any) -> Options:
    """Return the options of a solver: the classifier's parameters with a rule, by name, and others."""
    return kind(**{name: getattr(classifier, name) for name in _RULES_OF[kind]}, **others)


def _rules_of(kind: type[ObjectiveOptions]) -> dict[str, Rule]:
    return {each.name: each.metadata["rule"] for each in dataclasses.fields(kind) if "rule" in each.metadata}


def _solve_by_newton(classifier: Any, problem: Problem, start: Array | None, observer: Observer) -> Solution:
    options = options_of(classifier, NewtonOptions, n_threads=thread_count(classifier.n_jobs))
    return minimise_by_newton(problem, options, start, observer)


def _solve_by_sgd(classifier: Any, problem: Problem, start: Array | None, observer: Observer) -> Solution:
    from fastperceptron.training.sgd.sgd import minimise_by_sgd

    seed = int(check_random_state(classifier.random_state).randint(np.iinfo(np.int32).max))
    if observer.checkpoint is not None:
        seed = observer.checkpoint.number("seed", seed)
    return minimise_by_sgd(problem, options_of(classifier, SgdOptions, seed=seed), start, observer)


SOLVERS: dict[str, Callable[[Any, Problem, Array | None, Observer], Solution]] = {
    "newton": _solve_by_newton,
    "sgd": _solve_by_sgd,
}
# The rules for the parameters that solvers use.
_RULES_OF: dict[type[ObjectiveOptions], dict[str, Rule]] = {
    kind: _rules_of(kind) for kind in (NewtonOptions, SgdOptions)
}
RULES = {"solver": one_of(SOLVERS), **_RULES_OF[NewtonOptions], **_RULES_OF[SgdOptions]}


def describe_shortfall(classifier: Any, solution: Solution) -> str:
    """Return the text of a ConvergenceWarning: where the solver stopped, which tol was asked for, and what to do."""
    place = f"{solution.n_iter} read{'s' * (solution.n_iter != 1)} of the data"
    if solution.separation:
        return (
            f"the classes are separated {solution.separation}, so that without a penalty there is no finite optimum: "
            f"the longer the fit, the larger the weights. solver={classifier.solver!r} stopped after {place}. "
            "Lower C from infinity for finite weights that are determined by the data."
        )
    if len(solution.loss_curve):
        place += f": the objective is {solution.loss_curve[-1]:.6g}"
    if not math.isnan(solution.optimality_gap):
        place += f", about {solution.optimality_gap:.2g} above its minimum"
    if not (math.isnan(solution.optimality_gap) or math.isnan(solution.distance)):
        place += f", and the weights are {solution.distance:.2g} standard errors from the optimum"
    is_spent = solution.n_iter >= classifier.max_iter
    advice = "raise max_iter" if is_spent else "lower C, since a stronger penalty makes the optimum easier to find"
    how = f"after max_iter={place}" if is_spent else f"without progress after {place}"
    return (
        f"solver={classifier.solver!r} stopped {how}. "
        f"It did not reach tol={classifier.tol:g}: {advice}; or raise tol, if this is close enough."
    )


def thread_count(n_jobs: int | None) -> int:
    """Return the number of threads that `n_jobs` asks for: -1 means all available cores, -2 all but one.

    None means what `joblib.parallel_config` sets, else all; inside a worker (of joblib, Dask or multiprocessing) one.
    """
    if n_jobs is None:
        level, configured = _joblib_context()
        if level > 0 or multiprocessing.parent_process() is not None or _is_in_dask_worker():
            return 1
        n_jobs = -1 if configured is None else configured
    return n_jobs if n_jobs > 0 else max(1, _available_cores() + 1 + n_jobs)


def _joblib_context() -> tuple[int, int | None]:
    """Return the nesting level of this thread in joblib's workers, and its configured n_jobs."""
    joblib: Any = sys.modules.get("joblib.parallel")
    if joblib is None:
        return 0, None
    backend, n_jobs = joblib.get_active_backend()
    # Processes of loky also have a parent process; threads of the threading backend show by this level only.
    return backend.nesting_level or 0, n_jobs


def _is_in_dask_worker() -> bool:
    # Workers may be threads of this process: LocalCluster(processes=False).
    distributed: Any = sys.modules.get("distributed")
    try:
        return distributed is not None and distributed.get_worker() is not None
    except (ValueError, AttributeError):  # not in a worker; or the package is still being imported
        return False


def _available_cores() -> int:
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(affinity, _allowed_cores(affinity))


@lru_cache(1)
def _allowed_cores(affinity: int) -> int:
    """Return the number of cores that the container's quota allows; reading its files takes 80 us, so it is cached."""
    joblib: Any = sys.modules.get("joblib")
    return affinity if joblib is None else max(1, joblib.cpu_count())
