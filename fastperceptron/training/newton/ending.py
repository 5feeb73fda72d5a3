"""What is known where a fit ends: the weights, their distance from the optimum, and whether that distance is sure."""

import math
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.softmax_objective import without_common_part
from fastperceptron.training.newton.all_rows import AllRows
from fastperceptron.training.newton.memory import memory_of
from fastperceptron.training.newton.neuron import Neuron
from fastperceptron.training.newton.start import Searched, Start
from fastperceptron.training.newton.ways import Way
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from fastperceptron.training.separation import PERFECT, QUASI_COMPLETE, is_partly_separated, is_separated


class End(NamedTuple):
    """How a neuron's search ended, in sums over rows.

    Its gap is known where it has a Hessian of its own, or it knows too little of flat directions (gaps on digits were
    off by a factor of 40), an exact one, or it knows nothing of negative curvatures, and where the quadratic model
    holds for the step to its minimum. Without a penalty and an exact Hessian the infimum may not be attained.
    """

    gap: float
    distance: float  # in standard errors
    is_known: bool  # whether the gap is
    is_converged: bool
    separation: str = ""  # see separation.py


def searched(neuron: Neuron) -> Searched:
    """Return where a neuron's search over all rows is; where these are the sample, where it ended there."""
    found = neuron.found
    if found is not None and neuron.diagonal.size == 0:  # no search over all rows began
        return Searched(
            found.state.point, found.step, found.state.value, found.gap, found.state.exactness, is_confirmed=True
        )
    search = neuron.search
    hessian_point = neuron.hessian_point if neuron.pace.way is Way.HESSIAN else None
    return Searched(
        search.point, search.step, search.value, search.gap, neuron.exactness, search.is_confirmed, hessian_point
    )


def solution_of(
    neurons: list[Neuron],
    problem: Problem,
    options: NewtonOptions,
    start: Start,
    all_rows: AllRows,
    n_reads: int,
    curve: Array,
) -> Solution:
    """Return the solution for raw rows."""
    ends = [_end_of(neuron, problem, options, start, all_rows.penalty) for neuron in neurons]
    values = [searched(neuron).value for neuron in neurons]
    is_known = all(end.is_known for end in ends)
    coordinates = start.coordinates
    vectors = np.concatenate([neuron.point for neuron in neurons]).reshape(-1, coordinates.scale.size)
    weights, bias = coordinates.to_raw(vectors)
    if problem.is_softmax:
        weights, bias = without_common_part(weights), without_common_part(bias)
    return Solution(
        weights,
        bias,
        n_reads,
        problem.reported(curve),
        problem.reported(sum(end.gap for end in ends)) if is_known else math.nan,
        all(end.is_converged for end in ends),
        float(np.array([end.distance for end in ends]).max()),
        max((end.separation for end in ends), key=("", QUASI_COMPLETE, PERFECT).index),
        memory_of(problem, start, all_rows, neurons, values),
    )


def _end_of(neuron: Neuron, problem: Problem, options: NewtonOptions, start: Start, penalty: Array) -> End:
    """Return what is known of a neuron where its search ended."""
    end = searched(neuron)
    is_free, certificate = options.penalty == 0, neuron.certificate
    is_reached = certificate.is_reached(end.gap, options.tol) and not neuron.is_beyond
    if is_free and is_separated(problem, options.loss, end.value):
        # The infimum is 0, so that the value is the gap.
        return End(end.value, math.nan, not neuron.is_beyond, is_converged=False, separation=PERFECT)
    if not neuron.hessian.is_own:
        is_reached &= start.is_enough(neuron, end, penalty)
        return End(end.gap, math.nan, is_known=False, is_converged=is_reached)
    facts = LOSSES[options.loss]
    is_blind = not facts.IS_CONVEX and end.exactness == 0
    reach = start.reach(neuron, end, options.loss, penalty)
    is_split = is_free and facts.IS_CONVEX and is_partly_separated(problem, reach, end.gap)
    is_local = reach.is_local(end.value, end.gap, end.is_confirmed, end.is_of_all)
    is_known = (is_local or is_split) and start.is_fresh(neuron, end, reach, penalty) and not is_blind
    is_converged = is_reached and (is_known or (is_blind and not is_free))
    distance = math.nan if is_blind else certificate.distance(end.gap)
    is_known &= certificate.is_known and not neuron.is_beyond
    return End(end.gap, distance, is_known, is_converged, QUASI_COMPLETE if is_split else "")
