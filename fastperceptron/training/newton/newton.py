"""solver="newton": the minimum over all rows, in few reads of them.

1. A sample gives each neuron a start and a Hessian (sample.py, start.py). Where it is all rows, this is the minimum.
2. A read of all rows returns the exact loss and gradient at one point per neuron; the first also the Hessian's exact
   diagonal and the columns' exact deviations (all_rows.py).
3. L-BFGS steps lead from read to read, from the sample's inverse Hessian (neuron.py), until half the Newton decrement
   certifies the minimum (certificate.py).

After a read that gains little, later reads also return the Hessian's diagonal; after several, the sample grows. Where a
Hessian costs more reads than it saves (sample_size.py), the steps start from the exact diagonal.
"""

import math
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.newton.all_rows import AllRows, Reading
from fastperceptron.training.newton.memory import memory_of
from fastperceptron.training.newton.neuron import End, Neuron, OwnHessian
from fastperceptron.training.newton.sample_size import GROWTH, hessian_rows, is_growth_due
from fastperceptron.training.newton.start import Searched, Start, stages
from fastperceptron.training.observer import NOBODY, Observer, Progress
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from fastperceptron.training.separation import PERFECT, QUASI_COMPLETE, is_partly_separated, is_separated
from fastperceptron.training.threads import MapInOrder, open_pool
from fastperceptron.training.units import solve_in_units

# A read is slow, and asks for a better inverse Hessian, if it divides the gap by less than this.
GOOD_SHRINKAGE = 20.0
FLOAT32_ROUNDING = 2.0**-24
# Rejected steps in a row that are blamed on float32 sums.
FLOAT32_REJECTIONS = 3


def minimise_by_newton(
    problem: Problem, options: NewtonOptions, start: Array | None = None, observer: Observer = NOBODY
) -> Solution:
    """Return the minimum of sum(weight * loss) + |w_standardised|^2 / (2 C).

    Parameters
    ----------
    problem : Problem
    options : NewtonOptions
    start : ndarray of shape (n_neurons, n_features + 1), optional
        Weights to start from, bias last.
    observer : Observer

    Raises
    ------
    ValueError
        If a row holds NaN or infinity, or values overflow.
    """
    with open_pool(options.n_threads) as map_in_order:

        def solve(problem: Problem, options: NewtonOptions, start: Array | None) -> Solution:
            return Newton(problem, options, map_in_order, observer).run(start)

        return solve_in_units(solve, problem, options, start, observer)


class Newton:
    """A fit: the sample, the objective over all rows, and what was found so far."""

    def __init__(
        self, problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any], observer: Observer
    ) -> None:
        self._problem, self._options, self._observer = problem, options, observer
        self._start = Start(problem, options, map_in_order)
        self._all_rows = AllRows(problem, options, self._start.sample.coordinates, map_in_order, observer)
        self._is_float32 = problem.rows.dtype == np.float32 and problem.is_float32_enough
        self._growth = 1
        self._curve: list[float] = []
        self._n_reported = 0

    def run(self, weights: Array | None) -> Solution:
        """Return the solution; `weights` are those to start from."""
        loss = self._options.loss
        positives = self._problem.positives
        given = [None] * len(positives) if weights is None else list(weights)
        points = map(self._start.first_point, positives, given)
        neurons = [Neuron(positive, point) for positive, point in zip(positives, points, strict=True)]
        self._start.prepare(neurons, self._all_rows.penalty, weights is not None)
        if self._start.is_all:
            return self._solution_of_sample(neurons)
        is_close = weights is not None or self._start.has_hessian
        for stage in [loss] if is_close else stages(loss):
            self._minimise(neurons, stage, self._options.tol if stage == loss else 1.0)
        return self._solution(neurons, self._all_rows.n_reads, np.array(self._curve))

    def _minimise(self, neurons: list[Neuron], loss: str, tol: float) -> None:
        """Read all rows until all neurons are within `tol` of the minimum, or max_iter reads are done."""
        self._all_rows.choose(loss, min(neuron.exactness for neuron in neurons))
        self._begin(neurons, [neuron.point for neuron in neurons], tol)
        self._curve = []
        self._record(neurons)
        self._follow(neurons, tol)
        is_blind = not LOSSES[loss].IS_CONVEX and self._all_rows.exactness == 0
        if is_blind and self._start.has_hessian and not self._is_spent:
            # The loss may have been bent at the start and not at the end: there the gap can be known.
            self._all_rows.choose(loss, 1.0)
            points = [neuron.search.point for neuron in neurons]
            self._take_hessians(neurons, points)
            self._begin(neurons, points, tol)
            self._record(neurons)
            self._follow(neurons, tol)
        for neuron in neurons:
            neuron.point = neuron.search.point
            if self._is_spent and loss == self._options.loss and not (neuron.is_done or neuron.has_gained):
                objective = self._start.objective(neuron, loss, self._all_rows.penalty)
                neuron.point = neuron.point + objective.safe_step(neuron.point, neuron.search.step, neuron.search.gap)
                neuron.is_beyond = True

    @property
    def _is_spent(self) -> bool:
        return self._all_rows.n_reads >= self._options.max_iter

    def _follow(self, neurons: list[Neuron], tol: float) -> None:
        while not self._is_spent and not all(neuron.is_done for neuron in neurons):
            self._step([neuron for neuron in neurons if not neuron.is_done], tol)
            self._record(neurons)

    def _begin(self, neurons: list[Neuron], points: list[Array], tol: float) -> None:
        """Begin searches at points, with a read that also returns the Hessian's diagonal."""
        readings = self._read(neurons, points, has_moments=True)
        loss, penalty = self._all_rows.loss, self._all_rows.penalty
        for neuron, reading in zip(neurons, readings, strict=True):
            neuron.diagonal = reading.diagonal
        if self._all_rows.exactness > 0 and any(neuron.is_bent(penalty) for neuron in neurons):
            # The loss is not convex here; the part of its Hessian that is never negative still leads down.
            self._all_rows.choose(loss, 0.0)
            self._take_hessians(neurons, points)
            self._begin(neurons, points, tol)
            return
        for neuron, reading in zip(neurons, readings, strict=True):
            if not neuron.hessian.is_own:
                state = self._start.objective(neuron, loss, penalty).at(reading.point, 0.0, has_hessian=False)
                neuron.certificate = self._start.certificate(state, loss)
            inverse = neuron.hessian.inverse(neuron.diagonal, penalty)
            neuron.search = LBFGS(reading.point, reading.value, reading.gradient, inverse, neuron.hessian.is_scaled)
            neuron.is_done = self._is_at_goal(neuron, tol)
            neuron.n_reads_at_hessian = self._all_rows.n_reads

    def _take_hessians(self, neurons: list[Neuron], points: list[Array]) -> None:
        loss, exactness, penalty = self._all_rows.loss, self._all_rows.exactness, self._all_rows.penalty
        for neuron, point in zip(neurons, points, strict=True):
            neuron.hessian = self._start.hessian_at(neuron, point, loss, exactness, penalty)

    def _read(self, neurons: list[Neuron], points: list[Array], has_moments: bool = False) -> list[Reading]:
        is_float32 = self._is_float32 and all(map(self._is_float32_enough, neurons, points))
        return self._all_rows.read(points, [neuron.positive for neuron in neurons], is_float32, has_moments)

    def _is_float32_enough(self, neuron: Neuron, point: Array) -> bool:
        """Return whether float32 rounding of z changes the objective by far less than the tolerance."""
        curvature = neuron.diagonal[self._problem.rows.n_features] if neuron.diagonal.size else 0.0
        squared_rounding = FLOAT32_ROUNDING**2 * float(inner_product(point, point))
        return bool(curvature * squared_rounding <= 0.1 * neuron.certificate.goal(self._options.tol))

    def _step(self, neurons: list[Neuron], tol: float) -> None:
        """Read all rows at each neuron's trial point, and improve the Hessians of those that gain little."""
        slow = []
        trials, has_moments = [each.search.trial for each in neurons], any(each.wants_diagonal for each in neurons)
        for neuron, reading in zip(neurons, self._read(neurons, trials, has_moments), strict=True):
            search, gap = neuron.search, neuron.search.gap
            is_accepted = search.observe(reading.point, reading.value, reading.gradient)
            if is_accepted and neuron.wants_diagonal:
                self._correct_hessian(neuron, reading.diagonal)
            neuron.has_gained |= is_accepted
            neuron.is_done = self._is_at_goal(neuron, tol)
            is_slow = not neuron.is_done and is_accepted and search.gap * GOOD_SHRINKAGE > gap
            neuron.wants_diagonal |= is_slow and neuron.hessian.is_own
            if self._is_stuck(neuron) or (is_slow and self._is_better_hessian_due(neuron)):
                slow.append(neuron)
        if slow and not self._is_spent:
            self._improve(slow, tol)

    def _is_at_goal(self, neuron: Neuron, tol: float) -> bool:
        """Return whether the gap is at most the goal and, where it can be known, is known."""
        search, is_last = neuron.search, self._all_rows.loss == self._options.loss
        if search.gap > neuron.certificate.goal(tol) or not (is_last and neuron.hessian.is_own):
            return search.gap <= neuron.certificate.goal(tol)
        return self._start.is_enough(neuron, searched(neuron), self._all_rows.penalty)

    def _is_stuck(self, neuron: Neuron) -> bool:
        """Return whether steps gain nothing, as far as the precision shows."""
        return neuron.search.is_stuck or (self._is_float32 and neuron.search.n_rejections >= FLOAT32_REJECTIONS)

    def _is_better_hessian_due(self, neuron: Neuron) -> bool:
        if not isinstance(neuron.hessian, OwnHessian):
            return True
        reads = self._all_rows.n_reads - neuron.n_reads_at_hessian
        return is_growth_due(self._problem.rows.n_rows, self._problem.rows.n_features, neuron.hessian.n_rows, reads)

    def _correct_hessian(self, neuron: Neuron, diagonal: Array) -> None:
        """Correct the sample's Hessian by the exact diagonal at the current point, which may be far from the start.

        The curvature of columns that are rare in the sample changes most: 9 reads and Newton steps became 5 (diamonds).
        """
        before, neuron.diagonal = neuron.diagonal, diagonal
        if self._all_rows.exactness > 0 and neuron.is_bent(self._all_rows.penalty):
            neuron.diagonal = before
        else:
            neuron.search.recondition(neuron.hessian.inverse(diagonal, self._all_rows.penalty))

    def _improve(self, neurons: list[Neuron], tol: float) -> None:
        """Compute in float64 and take new Hessians, of more rows where affordable; else end searches that are stuck."""
        was_float32, stuck = self._is_float32, [neuron for neuron in neurons if self._is_stuck(neuron)]
        self._is_float32 = was_float32 and not (self._start.has_hessian or stuck)
        self._grow_sample()
        if self._start.has_hessian:
            # One read more, for the exact diagonal here: columns that are rare in the sample make steps too long.
            points = [neuron.search.point for neuron in neurons]
            self._take_hessians(neurons, points)
            self._begin(neurons, points, tol)
            return
        for neuron in stuck:
            neuron.search.restart(neuron.search.initial_inverse)
            neuron.is_done = not was_float32

    def _grow_sample(self) -> None:
        """Draw a larger sample, or one for the first Hessians, if that is worth its price."""
        rows, start = self._problem.rows, self._start
        growth = self._growth * GROWTH if start.has_hessian else 1
        size = 0 if start.is_shared else hessian_rows(rows.n_rows, rows.n_features, growth, self._all_rows.n_reads)
        if size >= 2 * start.sample.n_rows or (size > 0 and not start.has_hessian):
            self._growth = growth
            start.grow(size)

    def _record(self, neurons: list[Neuron]) -> None:
        self._curve.append(sum(neuron.search.value for neuron in neurons))
        gap, reported = sum(neuron.search.gap for neuron in neurons), self._problem.reported
        while self._n_reported < self._all_rows.n_reads:
            self._n_reported += 1
            self._observer.read_done(Progress(self._n_reported, reported(self._curve[-1]), reported(gap)))

    def _solution_of_sample(self, neurons: list[Neuron]) -> Solution:
        """Return the solution of neurons whose sample is all rows."""
        all_found = [neuron.found for neuron in neurons if neuron.found]
        curve = np.zeros(max(len(found.values) for found in all_found))
        for found in all_found:
            curve += np.array([*found.values, *[found.values[-1]] * (curve.size - len(found.values))])
        n_reads = max(found.n_evaluations for found in all_found)
        solution = self._solution(neurons, n_reads, curve)
        for read in range(n_reads):
            is_last = read == n_reads - 1
            value = solution.loss_curve[-1 if is_last else min(read, curve.size - 1)]
            self._observer.read_done(Progress(read + 1, value, solution.optimality_gap if is_last else math.nan))
        return solution

    def _solution(self, neurons: list[Neuron], n_reads: int, curve: Array) -> Solution:
        """Return the solution for raw rows."""
        problem, ends = self._problem, [self._end_of(neuron) for neuron in neurons]
        is_known = all(end.is_known for end in ends)
        weights, bias = self._start.sample.coordinates.to_raw(np.array([neuron.point for neuron in neurons]))
        return Solution(
            weights,
            bias,
            n_reads,
            problem.reported(curve),
            problem.reported(sum(end.gap for end in ends)) if is_known else math.nan,
            all(end.is_converged for end in ends),
            float(np.max([end.distance for end in ends])),
            max((end.separation for end in ends), key=("", QUASI_COMPLETE, PERFECT).index),
            memory_of(
                problem, self._start.sample, self._all_rows, neurons, [end.value for end in map(searched, neurons)]
            ),
        )

    def _end_of(self, neuron: Neuron) -> End:
        """Return what is known of a neuron where its search ended."""
        options, end, penalty = self._options, searched(neuron), self._all_rows.penalty
        is_free, certificate = options.penalty == 0, neuron.certificate
        is_reached = certificate.is_reached(end.gap, options.tol) and not neuron.is_beyond
        if is_free and is_separated(self._problem, options.loss, end.value):
            # The infimum is 0, so that the value is the gap.
            return End(end.value, math.nan, not neuron.is_beyond, is_converged=False, separation=PERFECT)
        if not neuron.hessian.is_own:
            return End(end.gap, math.nan, is_known=False, is_converged=is_reached)
        facts = LOSSES[options.loss]
        is_blind = not facts.IS_CONVEX and end.exactness == 0
        reach = self._start.objective(neuron, options.loss, penalty).reach(end.point, end.step, end.exactness)
        is_split = is_free and facts.IS_CONVEX and is_partly_separated(self._problem, reach, end.gap)
        is_known = (reach.is_local(end.value, end.gap, end.is_confirmed) or is_split) and not is_blind
        is_converged = is_reached and (is_known or (is_blind and not is_free))
        distance = math.nan if is_blind else certificate.distance(end.gap)
        is_known &= certificate.is_known and not neuron.is_beyond
        return End(end.gap, distance, is_known, is_converged, QUASI_COMPLETE if is_split else "")


def searched(neuron: Neuron) -> Searched:
    """Return where a neuron's search over all rows is; where these are the sample, where it ended there."""
    found, search = neuron.found, neuron.search
    if math.isinf(search.value) and found is not None:
        return Searched(
            found.state.point, found.step, found.state.value, found.gap, found.state.exactness, is_confirmed=True
        )
    return Searched(search.point, search.step, search.value, search.gap, neuron.exactness, search.is_confirmed)
