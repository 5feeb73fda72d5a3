"""solver="newton": the minimum over all rows, in few reads of them.

1. A sample gives each neuron a start and a Hessian (sample.py, start.py). Where it is all rows, this is the minimum.
2. A read of all rows returns the exact loss and gradient at one point per neuron; the first also the Hessian's exact
   diagonal and the columns' exact deviations (all_rows.py).
3. L-BFGS steps lead from read to read, from the sample's inverse Hessian (neuron.py), until half the Newton decrement
   certifies the minimum (certificate.py).

Where reads gain little, the corrected loss of a second sample shows the way, or a Hessian of all rows, whichever costs
less (ways.py, turns.py). Where a first Hessian costs more than it saves (sample_size.py), steps start from the exact
diagonal.
"""

import dataclasses
import math
from functools import cached_property
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.minimise.corrected_sample import CorrectedSample
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.newton.all_rows import AllRows, Reading, consecutive
from fastperceptron.training.newton.ending import searched, solution_of
from fastperceptron.training.newton.neuron import Neuron, OwnHessian
from fastperceptron.training.newton.turns import MOST_UNPROVEN, Turns
from fastperceptron.training.newton.ways import Way
from fastperceptron.training.newton.wide_start import start_of
from fastperceptron.training.observer import NOBODY, Observer, Progress
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from fastperceptron.training.threads import MapInOrder, open_pool
from fastperceptron.training.units import solve_in_units

FLOAT32_ROUNDING = 2.0**-24
# Rejected steps in a row that are blamed on float32 sums; one is enough where the gap is at the goal.
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
    rows = problem.rows.for_many_reads()
    if rows is not problem.rows:
        problem = dataclasses.replace(problem, rows=rows)
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
        self._start = start_of(problem, options, map_in_order)
        self._all_rows = AllRows(problem, options, self._start.coordinates, map_in_order, observer)
        self._is_float32 = problem.rows.dtype == np.float32 and problem.is_float32_enough
        self._map = map_in_order
        self._curve: list[float] = []
        self._n_reported = 0

    @cached_property
    def _turns(self) -> Turns:
        return Turns(self._problem, self._options, self._start, self._all_rows, self._map)

    def run(self, weights: Array | None) -> Solution:
        """Return the solution; `weights` are those to start from."""
        loss = self._options.loss
        layers = self._problem.layers
        parts = consecutive(map(len, layers))
        given = [None] * len(layers) if weights is None else [weights[part] for part in parts]
        points = map(self._start.first_point, layers, given)
        neurons = [Neuron(classes, point) for classes, point in zip(layers, points, strict=True)]
        losses = self._start.prepare(neurons, self._all_rows.penalty, weights is not None)
        if self._start.is_all:
            return self._solution_of_sample(neurons)
        for stage in losses:
            self._minimise(neurons, stage, self._options.tol if stage == loss else 1.0)
        return self._solution(neurons, self._all_rows.n_reads, np.array(self._curve))

    def _minimise(self, neurons: list[Neuron], loss: str, tol: float) -> None:
        """Read all rows until all neurons are within `tol` of the minimum, or max_iter reads are done."""
        self._all_rows.choose(loss, min(neuron.exactness for neuron in neurons))
        if self._curve and self._start.has_hessian:
            # Their Hessians are of the loss before.
            self._all_rows.choose(loss, 1.0)
            self._take_hessians(neurons, [neuron.point for neuron in neurons])
        self._begin(neurons, [neuron.point for neuron in neurons], tol)
        self._curve = []
        self._record(neurons)
        self._follow(neurons, tol)
        is_blind = not LOSSES[loss].IS_CONVEX and self._all_rows.exactness == 0
        if is_blind and self._start.has_hessian and not self._is_spent:
            # The loss may have been bent at the start and not at the end: there the gap can be known.
            self._begin_exactly(neurons, tol)
            self._record(neurons)
            self._follow(neurons, tol)
        for neuron in neurons:
            neuron.point = neuron.search.point
            if self._is_spent and loss == self._options.loss and not (neuron.is_done or neuron.has_gained):
                neuron.point = neuron.point + self._start.safe_step(neuron, loss, self._all_rows.penalty)
                neuron.is_beyond = True

    def _begin_exactly(self, neurons: list[Neuron], tol: float) -> None:
        """Begin again where searches ended, with all of the second derivatives: of the sample, or else of all rows."""
        all_rows, points = self._all_rows, [neuron.search.point for neuron in neurons]
        all_rows.choose(all_rows.loss, 1.0)
        self._take_hessians(neurons, points)
        if not any(neuron.is_bent(all_rows.penalty) for neuron in neurons):
            self._begin(neurons, points, tol)
            return
        for neuron in neurons:
            if not self._is_spent:
                self._take_hessian_of_all(neuron, tol)

    def _take_hessian_of_all(self, neuron: Neuron, tol: float) -> None:
        """Go on from a Hessian of all rows, unless that shows that the goal is reached."""
        self._turns.take_hessian(neuron)
        neuron.is_done = self._is_at_goal(neuron, tol)

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
            neuron.take_diagonal(reading)
        if self._all_rows.exactness > 0 and any(neuron.is_bent(penalty) for neuron in neurons):
            # The loss is not convex here; the part of its Hessian that is never negative still leads down.
            self._all_rows.choose(loss, 0.0)
            self._take_hessians(neurons, points)
            self._begin(neurons, points, tol)
            return
        for neuron, reading in zip(neurons, readings, strict=True):
            if not neuron.hessian.is_own:
                neuron.certificate = self._start.certificate_at(neuron, reading, loss, penalty)
            self._turns.steps_from(neuron, reading)
            neuron.values = [reading.value]
            neuron.is_done = self._is_at_goal(neuron, tol)
        self._turn([neuron for neuron in neurons if not neuron.is_done], tol)

    def _take_hessians(self, neurons: list[Neuron], points: list[Array]) -> None:
        loss, exactness, penalty = self._all_rows.loss, self._all_rows.exactness, self._all_rows.penalty
        for neuron, point in zip(neurons, points, strict=True):
            neuron.hessian = self._start.hessian_at(neuron, point, loss, exactness, penalty)

    def _read(self, neurons: list[Neuron], points: list[Array], has_moments: bool = False) -> list[Reading]:
        is_float32 = self._is_float32 and all(map(self._is_float32_enough, neurons, points))
        return self._all_rows.read(points, [neuron.classes for neuron in neurons], is_float32, has_moments)

    def _is_float32_enough(self, neuron: Neuron, point: Array) -> bool:
        """Return whether float32 rounding of z changes the objective by far less than the tolerance."""
        curvature = neuron.diagonal[self._problem.rows.n_features] if neuron.diagonal.size else 0.0
        squared_rounding = FLOAT32_ROUNDING**2 * float(inner_product(point, point))
        return bool(curvature * squared_rounding <= 0.1 * neuron.certificate.goal(self._options.tol))

    def _step(self, neurons: list[Neuron], tol: float) -> None:
        """Read all rows at each neuron's trial point, and let those that gain little go on in another way."""
        trials = [neuron.search.trial for neuron in neurons]
        has_moments = any(
            isinstance(neuron.search, CorrectedSample) or self._start.renews_diagonal(neuron) for neuron in neurons
        )
        for neuron, reading in zip(neurons, self._read(neurons, trials, has_moments), strict=True):
            is_accepted = neuron.search.observe(reading.point, reading.value, reading.gradient)
            neuron.has_gained |= is_accepted
            neuron.values += [reading.value] * is_accepted
            if is_accepted and isinstance(neuron.search, CorrectedSample):
                self._renew(neuron, neuron.search, reading)
            elif is_accepted and has_moments and not neuron.hessian.is_own and isinstance(neuron.search, LBFGS):
                self._renew_diagonal(neuron, neuron.search, reading)
            neuron.is_done = self._is_at_goal(neuron, tol)
            neuron.pace.note(neuron.search.gap, is_accepted)
        self._turn([neuron for neuron in neurons if not neuron.is_done], tol)

    def _renew(self, neuron: Neuron, search: CorrectedSample, reading: Reading) -> None:
        """Weigh the sample for the point that was accepted."""
        neuron.take_diagonal(reading)
        search.renew(reading.diagonal, reading.point)
        neuron.hessian = OwnHessian(search.hessian, search.exactness)

    def _renew_diagonal(self, neuron: Neuron, search: LBFGS, reading: Reading) -> None:
        """Go on from the diagonal at the point that was accepted, where that is a better one."""
        if self._start.is_better_diagonal(neuron, reading):
            neuron.take_diagonal(reading)
            search.begin_from(neuron.hessian.inverse(neuron.diagonal, self._all_rows.penalty))

    def _is_at_goal(self, neuron: Neuron, tol: float) -> bool:
        """Return whether the gap is at most the goal and, where it can be known, is known."""
        search, is_last = neuron.search, self._all_rows.loss == self._options.loss
        if search.gap > neuron.certificate.goal(tol) or not is_last:
            return search.gap <= neuron.certificate.goal(tol)
        is_known = self._start.is_enough(neuron, searched(neuron), self._all_rows.penalty)
        # Without a Hessian the gap is never known, and more reads may be needed.
        neuron.n_unproven += neuron.hessian.is_own and not is_known
        return is_known

    def _is_stuck(self, neuron: Neuron) -> bool:
        """Return whether steps gain nothing, as far as the precision shows."""
        is_lost = neuron.search.n_rejections >= (1 if neuron.n_unproven else FLOAT32_REJECTIONS)
        return neuron.search.is_stuck or (self._is_float32 and is_lost)

    def _turn(self, neurons: list[Neuron], tol: float) -> None:
        """Let each neuron go on in the cheapest way; first in float64, where float32 hides what steps gain."""
        stuck = [neuron for neuron in neurons if self._is_stuck(neuron)]
        if stuck and self._is_float32 and not self._is_spent:
            self._is_float32 = False
            self._begin(stuck, [neuron.search.point for neuron in stuck], tol)
            return
        for neuron in neurons:
            way = self._turns.way_of(neuron, tol)
            if way is Way.STEPS or self._is_spent:
                neuron.is_done = neuron.search.is_stuck or neuron.n_unproven > MOST_UNPROVEN
            elif way is Way.HESSIAN:
                self._take_hessian_of_all(neuron, tol)
            elif way is Way.DRAW and self._turns.draw(neuron) and not self._is_spent:
                self._turns.correct_sample(neuron, *self._read([neuron], [neuron.point], has_moments=True))
            else:
                self._turns.correct_sample(neuron, None)

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
        values = solution.loss_curve.tolist()
        for read in range(n_reads):
            is_last = read == n_reads - 1
            value = values[-1 if is_last else min(read, len(values) - 1)]
            self._observer.read_done(Progress(read + 1, value, solution.optimality_gap if is_last else math.nan))
        return solution

    def _solution(self, neurons: list[Neuron], n_reads: int, curve: Array) -> Solution:
        return solution_of(neurons, self._problem, self._options, self._start, self._all_rows, n_reads, curve)
