"""solver="newton": the optimum of all rows for the price of about three reads of them.

1. Newton's method on a sample gives the start, and its Hessian the preconditioner (sample.py, sample_newton.py).
2. A read of all rows gives the exact loss and gradient at a point (full_objective.py); the first one also the columns'
   exact deviations and the Hessian's exact diagonal.
3. L-BFGS steps from read to read (quasi_newton.py), until half the Newton decrement certifies the optimum
   (certificate.py).

Where a read gains little, those after it tell the diagonal, too, and where many gain little the sample grows. Where
rows are few, the sample is all of them, and 1 is all there is. Where a Hessian costs too much (plan.py), steps start
from the exact diagonal and what gradients of the sample say; where many neurons share one, from that.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.training.minimise.damped_newton import LARGE_WORK, Optimum, follow_gradients
from fastperceptron.training.minimise.inverse_hessian import (
    Precondition,
    corrected_hessian,
    inverse_diagonal,
    inverse_hessian,
    is_bent,
)
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.newton.all_rows import AllRowsObjective, Reading
from fastperceptron.training.newton.neuron import Found, Neuron, result_of_sample, solution_of
from fastperceptron.training.newton.sample import Sample
from fastperceptron.training.newton.sample_size import PRICE_OF_GROWTH, hessian_price, hessian_rows, sample_size
from fastperceptron.training.newton.start import OnSample
from fastperceptron.training.observer import NOBODY, Observer, Progress
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from fastperceptron.training.threads import MapInOrder, pool_of

# A read that shrinks the gap by less asks for a better preconditioner.
GOOD_SHRINKAGE, GROWTH = 20.0, 8
# A larger sample is worth so many times its price: with exact diagonals, reads get faster by themselves.
PATIENCE, FLOAT32_ROUNDING = 3, 2.0**-24
# Rejected steps in a row that float32 sums may be to blame for.
SINGLE_REJECTIONS = 3


def minimise_by_newton(
    problem: Problem, options: NewtonOptions, start: Array | None = None, observer: Observer = NOBODY
) -> Solution:
    """Return the minimum of sum(weight * loss) + |w_standardised|^2 / (2 C).

    Parameters
    ----------
    problem : Problem
    options : NewtonOptions
    start : ndarray of shape (n_neurons, n_features + 1), optional
        Weights to start from, the bias last.
    observer : Observer

    Raises
    ------
    ValueError
        If a row holds NaN or infinity, or values overflow.
    """
    with pool_of(options.n_threads) as map_in_order:
        return Newton(problem, options, map_in_order, observer).run(start)


class Newton:
    """A fit: the sample, the objective over all rows, and what they have found so far."""

    def __init__(
        self, problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any], observer: Observer
    ) -> None:
        self._observer = observer
        self._problem, self._options = problem, options
        self._n_features, self._n_rows = problem.rows.n_features, problem.rows.n_rows
        size = hessian_rows(self._n_rows, self._n_features, n_neurons=problem.n_neurons)
        self._has_hessian, self._growth = size > 0, 1
        size = size or min(sample_size(self._n_rows, self._n_features), 4 * self._n_features)
        self._on_sample = OnSample(problem, options, size, map_in_order)
        self._full = AllRowsObjective(problem, options, self._sample.coordinates, map_in_order, observer)
        self._is_single = problem.rows.dtype == np.float32
        self._curve: list[float] = []
        # One Hessian, taken where all neurons are alike, serves all: each of its own would cost more than the reads.
        work = self._sample.n_rows * self._full.penalty.size**2
        self._is_shared = problem.n_neurons > 1 and work >= LARGE_WORK and not self._sample.is_all and self._has_hessian

    def run(self, start: Array | None) -> Solution:
        """Return the solution."""
        loss = self._options.loss
        neurons = [Neuron(positive, self._start(positive, start)) for positive in self._problem.positives]
        # The squared error has more than one minimum: the one beside the log loss's is meant.
        losses = [loss] if start is not None or loss == "log_loss" else ["log_loss", loss]
        if self._is_shared:
            self._shared = self._on_sample.objective(neurons[0], loss, self._full.penalty).at(
                np.zeros(self._full.penalty.size), 0.0
            )
            self._has_hessian = False
        elif self._has_hessian:
            for neuron in neurons:
                for each in losses:
                    self._on_sample.minimise(neuron, each, self._full.penalty)
            if self._sample.is_all:
                solution = self._solution_of_sample(neurons)
                self._observer.read_done(Progress(solution.n_iter, solution.loss_curve[-1], solution.optimality_gap))
                return solution
            losses = [loss]
        elif start is None:
            for neuron in neurons:
                objective = self._on_sample.objective(neuron, losses[0], self._full.penalty)
                neuron.point, neuron.memory = follow_gradients(objective, neuron.point)
        for each in losses:
            self._descend(neurons, each, self._options.tol if each == loss else 1.0)
        return self._solution(neurons)

    @property
    def _sample(self) -> Sample:
        return self._on_sample.sample

    def _start(self, positive: int, start: Array | None) -> Array:
        if start is not None:
            return self._sample.coordinates.to_standard(start[0 if self._problem.n_neurons == 1 else positive])
        point = aligned_zeros(self._full.penalty.shape, np.float64)
        if self._options.fit_intercept:
            point[self._n_features] = self._sample.rough_logit(positive)
        return point

    # All rows

    def _descend(self, neurons: list[Neuron], loss: str, tol: float) -> None:
        """Read all rows until all neurons are within `tol` of the optimum, or max_iter reads are done."""
        self._full.choose(loss, min(neuron.optimum.state.exactness if neuron.optimum else 0.0 for neuron in neurons))
        self._set_out(neurons, [neuron.point for neuron in neurons], tol)
        self._curve = []
        self._record(neurons)
        self._follow(neurons, tol)
        if loss != "log_loss" and self._full.exactness == 0 and self._has_hessian and not self._is_at_end:
            # Where it started the loss may have been bent, and where it ended not: there the gap can be known.
            self._full.choose(loss, 1.0)
            for neuron in neurons:
                neuron.optimum = self._optimum_at(neuron, neuron.search.point)
            self._set_out(neurons, [neuron.search.point for neuron in neurons], tol)
            self._record(neurons)
            self._follow(neurons, tol)
        for neuron in neurons:
            neuron.point = neuron.search.point

    @property
    def _is_at_end(self) -> bool:
        return self._full.n_reads >= self._options.max_iter

    def _follow(self, neurons: list[Neuron], tol: float) -> None:
        while not self._is_at_end and not all(neuron.is_done for neuron in neurons):
            self._step([neuron for neuron in neurons if not neuron.is_done], tol)
            self._record(neurons)

    def _set_out(self, neurons: list[Neuron], points: list[Array], tol: float) -> None:
        """Start searches at points, of which a read tells the Hessian's diagonal, too."""
        readings, loss = self._read(neurons, points, has_moments=True), self._full.loss
        for neuron, reading in zip(neurons, readings, strict=True):
            neuron.diagonal = reading.diagonal
        if self._full.exactness > 0 and any(map(self._is_bent, neurons)):
            # The squared error bends the wrong way here: its Gauss-Newton part never does.
            self._full.choose(loss, 0.0)
            for neuron, point in zip(neurons, points, strict=True):
                neuron.optimum = self._optimum_at(neuron, point)
            self._set_out(neurons, points, tol)
            return
        for neuron, reading in zip(neurons, readings, strict=True):
            if neuron.optimum is None:
                objective = self._on_sample.objective(neuron, loss, self._full.penalty)
                state = objective.at(reading.point, 0.0, has_hessian=False)
                neuron.certificate = self._on_sample.certificate(state, loss)
            precondition, is_scaled = self._preconditioner(neuron), not self._has_hessian
            neuron.search = LBFGS(reading.point, reading.value, reading.gradient, precondition, is_scaled)
            neuron.is_done = neuron.search.gap <= neuron.certificate.goal(tol)
            neuron.reads_before = self._full.n_reads

    def _is_bent(self, neuron: Neuron) -> bool:
        """Whether the Hessian, as far as it is known, is not positive definite."""
        if neuron.optimum is None:
            return False
        hessian = corrected_hessian(neuron.optimum.state.hessian, neuron.diagonal)
        return bool((neuron.diagonal < 0).any()) or is_bent(hessian, self._full.penalty)

    def _optimum_at(self, neuron: Neuron, point: Array) -> Optimum:
        """Return a point with the sample's Hessian there."""
        objective = self._on_sample.objective(neuron, self._full.loss, self._full.penalty)
        return self._on_sample.optimum_at(objective, point, self._full.exactness)

    def _read(self, neurons: list[Neuron], points: list[Array], has_moments: bool = False) -> list[Reading]:
        is_single = self._is_single and all(map(self._is_float32_enough, neurons, points))
        return self._full.read(points, [neuron.positive for neuron in neurons], is_single, has_moments)

    def _is_float32_enough(self, neuron: Neuron, point: Array) -> bool:
        """Whether the rounding of z in float32 is far from what the tolerance can notice."""
        curvature = neuron.diagonal[self._n_features] if neuron.diagonal.size else 0.0
        squared_rounding = FLOAT32_ROUNDING**2 * float(inner_product(point, point))
        return bool(curvature * squared_rounding <= 0.1 * neuron.certificate.goal(self._options.tol))

    def _step(self, neurons: list[Neuron], tol: float) -> None:
        slow = []
        trials, has_moments = [each.search.trial for each in neurons], any(each.is_refreshed for each in neurons)
        for neuron, reading in zip(neurons, self._read(neurons, trials, has_moments), strict=True):
            search, gap = neuron.search, neuron.search.gap
            is_accepted = search.observe(reading.point, reading.value, reading.gradient)
            if is_accepted and neuron.is_refreshed:
                self._refresh(neuron, reading.diagonal)
            neuron.is_done = search.gap <= neuron.certificate.goal(tol)
            is_slow = not neuron.is_done and is_accepted and search.gap * GOOD_SHRINKAGE > gap
            neuron.is_refreshed |= is_slow and neuron.optimum is not None
            if self._is_stuck(neuron) or (is_slow and self._is_better_hessian_due(neuron)):
                slow.append(neuron)
        if slow and self._full.n_reads < self._options.max_iter:
            self._improve(slow, tol)

    def _is_stuck(self, neuron: Neuron) -> bool:
        """Whether steps gain nothing, as far as the precision can tell."""
        return neuron.search.is_stuck or (self._is_single and neuron.search.n_rejections >= SINGLE_REJECTIONS)

    def _refresh(self, neuron: Neuron, diagonal: Array) -> None:
        """Correct the sample's Hessian by the diagonal where the search is, which it may have left far behind.

        That of columns rare in the sample changes the most: 9 reads and steps of Newton's became 5 reads (diamonds).
        """
        before, neuron.diagonal = neuron.diagonal, diagonal
        if self._full.exactness > 0 and self._is_bent(neuron):
            neuron.diagonal = before
        else:
            neuron.search.recondition(self._preconditioner(neuron))

    def _preconditioner(self, neuron: Neuron) -> Precondition:
        penalty = self._full.penalty
        if self._is_shared:
            ratio = neuron.diagonal[self._n_features] / self._shared.curvature
            return inverse_hessian(self._shared.hessian * ratio, penalty)
        if neuron.optimum is not None:
            return inverse_hessian(corrected_hessian(neuron.optimum.state.hessian, neuron.diagonal), penalty)
        diagonal = inverse_diagonal(neuron.diagonal, penalty)
        if neuron.memory is None:
            return diagonal
        neuron.memory.precondition = diagonal
        return neuron.memory.inverse_hessian_times

    def _improve(self, neurons: list[Neuron], tol: float) -> None:
        """Sum in float64 and take Hessians anew, of more rows, where that can be had; else give up what is stuck."""
        was_single, stuck = self._is_single, [neuron for neuron in neurons if self._is_stuck(neuron)]
        self._is_single = was_single and not (self._has_hessian or stuck)
        growth = self._growth * GROWTH if self._has_hessian else 1
        size = 0 if self._is_shared else hessian_rows(self._n_rows, self._n_features, growth, self._full.n_reads)
        if size >= 2 * self._sample.n_rows or (size > 0 and not self._has_hessian):
            self._growth, self._has_hessian = growth, True
            self._on_sample.grow(size)
        due = neurons if self._has_hessian else []
        for neuron in due:
            neuron.optimum = self._optimum_at(neuron, neuron.search.point)
        if due:
            # A read more, for the exact diagonal here: columns that are rare in the sample make steps too long.
            self._set_out(due, [neuron.search.point for neuron in due], tol)
            return
        for neuron in stuck:
            neuron.search.restart(neuron.search.precondition)
            neuron.is_done = not was_single

    def _is_better_hessian_due(self, neuron: Neuron) -> bool:
        """Whether reads since the neuron's Hessian have cost as much as one of more rows would (rent or buy)."""
        if neuron.optimum is None:
            return True
        size = min(GROWTH * neuron.optimum.n_rows, self._n_rows)
        price = hessian_price(self._n_rows, self._n_features, size) + PRICE_OF_GROWTH
        return self._full.n_reads - neuron.reads_before >= PATIENCE * price

    def _record(self, neurons: list[Neuron]) -> None:
        self._curve.append(sum(neuron.search.value for neuron in neurons) / self._full.total)
        gap = sum(neuron.search.gap for neuron in neurons) / self._full.total
        self._observer.read_done(Progress(self._full.n_reads, self._curve[-1], gap))

    def _solution(self, neurons: list[Neuron]) -> Solution:
        gaps = [neuron.search.gap for neuron in neurons]
        return self._solution_at(neurons, gaps, self._full.n_reads, np.array(self._curve), self._full.total)

    def _solution_of_sample(self, neurons: list[Neuron]) -> Solution:
        weights = self._problem.row_weights
        total = float(self._n_rows if weights is None else sum_in_order(weights))
        gaps, reads, curve = result_of_sample(neurons)
        return self._solution_at(neurons, gaps, reads, curve / total, total)

    def _solution_at(
        self, neurons: list[Neuron], gaps: list[float], reads: int, curve: Array, total: float
    ) -> Solution:
        # All that is known of the squared error's Hessian may be its Gauss-Newton part, blind to how it bends.
        optima = [neuron.optimum for neuron in neurons if neuron.optimum]
        is_blind = self._options.loss != "log_loss" and any(optimum.state.exactness == 0 for optimum in optima)
        is_endless = is_blind and self._options.penalty == 0
        found = Found(gaps, reads, curve, total, self._has_hessian and not is_blind, is_endless)
        return solution_of(neurons, found, self._sample.coordinates, self._options.tol)
