"""solver="newton": the optimum of all rows for the price of about three reads of them.

1. Newton's method on a sample gives the start, and its Hessian the preconditioner (sample.py, damped_newton.py).
2. A pass over all rows gives the exact loss and gradient at a fixed point (passes.py); the first one also the columns'
   exact deviations, since the penalty must not depend on the sample, and the Hessian's exact diagonal.
3. L-BFGS steps from pass to pass (quasi_newton.py), until half the Newton decrement certifies the optimum.

Everything happens in standardised coordinates v = scale * w around the centre; the objective is in sums over rows.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros
from fastperceptron.kernels.linear_algebra import inner_product, solve
from fastperceptron.kernels.prediction import sum_in_order
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.sample import deviations_of
from fastperceptron.training.damped_newton import (
    Optimum,
    SampleObjective,
    State,
    factor_of,
    minimise,
    raised_factor_of,
)
from fastperceptron.training.options import NewtonOptions
from fastperceptron.training.passes import ExactSums, MapInOrder, pool_of
from fastperceptron.training.problem import Problem, Solution
from fastperceptron.training.quasi_newton import QuasiNewton
from fastperceptron.training.sample import Sample, draw_sample, sample_size

# A pass that shrinks the gap by less asks for a better preconditioner.
GOOD_SHRINKAGE = 20.0
GROWTH = 8
# Mean loss that no tolerance asks to improve on.
NEGLIGIBLE_LOSS = 1e-13
# A Hessian of m rows costs about as much as a read of n where m * d = 13 n (measured); this many reads it may cost.
HESSIAN_READS = 2
# Multiply-adds of a Hessian that are always affordable: 10 ms.
SMALL_HESSIAN = 1 << 27
FEWEST_ROWS_PER_PARAMETER = 4
FLOAT32_ROUNDING = 2.0**-24


def hessian_rows(n_rows: int, n_features: int, growth: int = 1) -> int:
    """Return how many rows to take the Hessian of, or 0 where its diagonal, of all rows, must do.

    The rule: what `sample_size` asks for, unless that costs more than two reads of all rows. Then as many rows as two
    reads allow, if they are four a parameter; fewer say too little of too many directions, and L-BFGS does better from
    the diagonal.
    """
    wanted, n_parameters = sample_size(n_rows, n_features, growth), n_features + 1
    if wanted * n_parameters * n_parameters // 2 + n_parameters**3 // 6 <= SMALL_HESSIAN:
        return wanted
    affordable = HESSIAN_READS * 13 * n_rows // n_parameters * growth
    allowed = min(wanted, affordable)
    return allowed if allowed >= FEWEST_ROWS_PER_PARAMETER * n_parameters else 0


def newton(problem: Problem, options: NewtonOptions, start: Array | None = None) -> Solution:
    """Return the minimum of sum(weight * loss) + |w_standardised|^2 / (2 C).

    Parameters
    ----------
    problem : Problem
    options : NewtonOptions
    start : ndarray of shape (n_neurons, n_features + 1), optional
        Weights to start from, the bias last.

    Raises
    ------
    ValueError
        If a row holds NaN or infinity, or values overflow.
    """
    with pool_of(options.n_threads) as map_in_order:
        return Newton(problem, options, map_in_order).run(start)


class Neuron:
    """One neuron on its way: where it is, what its preconditioner is made of, and when it is done."""

    def __init__(self, positive: int, optimum: Optimum, sampling_error: float) -> None:
        self.positive, self.optimum, self.sampling_error = positive, optimum, sampling_error
        self.point = optimum.state.point
        self.search: QuasiNewton | None = None
        self.diagonal = np.empty(0)
        self.is_done = False

    @property
    def trial(self) -> Array:
        """The next point to evaluate."""
        return self.point if self.search is None else self.search.trial


class Newton:
    """A fit: the sample, the exact sums, and what they have found so far."""

    def __init__(self, problem: Problem, options: NewtonOptions, map_in_order: MapInOrder[Any, Any]) -> None:
        self._problem, self._options, self._map = problem, options, map_in_order
        self._n_features = problem.rows.n_features
        self._size = padded_size(self._n_features)
        self._growth = 1
        self._reads = 0
        self._curve: list[float] = []
        self._is_single = problem.rows.dtype == np.float32

    def run(self, start: Array | None) -> Solution:
        """Return the solution."""
        n_rows = hessian_rows(self._problem.rows.n_rows, self._n_features)
        self._has_hessian = n_rows > 0
        self._sample = self._draw(n_rows or FEWEST_ROWS_PER_PARAMETER * (self._n_features + 1))
        positives = [1] if self._problem.n_classes == 2 else range(self._problem.n_classes)
        neurons = [self._start(positive, start) for positive in positives]
        if self._sample.is_all:
            return self._solution_of_sample(neurons)
        self._first_pass(neurons)
        while self._reads < self._options.max_iter and not all(neuron.is_done for neuron in neurons):
            self._pass([neuron for neuron in neurons if not neuron.is_done])
            self._record(neurons)
        return self._solution(neurons)

    def _draw(self, size: int, reference: Sample | None = None) -> Sample:
        return draw_sample(self._problem, size, self._options.fit_intercept, reference)

    # The sample

    def _start(self, positive: int, start: Array | None) -> Neuron:
        """Return a neuron at the optimum of the sample."""
        sample, options = self._sample, self._options
        penalty = self._penalty(sample.deviations)
        targets = (sample.codes == positive).astype(np.float64)
        point = aligned_zeros((self._size,), np.float64)
        if start is not None:
            row = start[0 if self._problem.n_neurons == 1 else positive]
            point[: self._n_features] = row[:-1] * sample.scale[: self._n_features]
            point[self._n_features] = row[-1] + inner_product(_padded(row[:-1], self._size), sample.centre)
        elif options.fit_intercept:
            point[self._n_features] = _rough_logit(targets, sample.weights)
        losses = ["log_loss", options.loss] if start is None and options.loss != "log_loss" else [options.loss]
        optimum = None
        for loss in losses:
            objective = SampleObjective(sample.panel, targets, sample.weights, loss, penalty, self._map)
            is_last = loss == options.loss
            budget = options.max_iter if sample.is_all else 100
            used = 0 if optimum is None else optimum.n_evaluations

            def goal(state: State, loss: str = loss) -> float:
                if sample.is_all:
                    return self._goal(self._sampling_error(state, loss), options.tol**2)
                # A tenth of the sample's own sampling error; of the squared error's, at its typical size, since that
                # vanishes where the sample, but not all rows, can be separated.
                typical = 1.0 if loss == "log_loss" else 0.2
                return self._goal((self._n_features + 1) / 2 * typical, 0.1 * self._expansion)

            optimum = minimise(
                objective, point, goal, float(loss != "log_loss"), max(budget - used, 1), sample.is_all and is_last
            )
            point = optimum.state.point
            if not np.isfinite(optimum.state.value):
                self._complain()
        return Neuron(positive, optimum, self._sampling_error(optimum.state, options.loss))

    @property
    def _expansion(self) -> float:
        """How many rows one of the sample stands for."""
        return self._problem.rows.n_rows / len(self._sample.codes)

    def _sampling_error(self, state: State, loss: str) -> float:
        """Return the expected excess of the loss that the optimum owes to the rows' being a sample themselves."""
        is_plain = self._problem.row_weights is None and self._problem.class_weights is None
        ratio = 1.0
        if not (loss == "log_loss" and is_plain) and state.curvature > 0:
            ratio = state.squared_slopes / state.curvature / self._expansion
        return (self._n_features + 1) / 2 * ratio

    def _goal(self, sampling_error: float, share: float) -> float:
        return max(share * sampling_error, NEGLIGIBLE_LOSS * self._problem.rows.n_rows)

    def _penalty(self, deviations: Array) -> Array:
        """Return the factors of v^2 / 2."""
        penalty, scale = np.zeros(self._size), self._sample.scale[: self._n_features]
        factors = np.where(deviations > 0, deviations, 1.0) if self._options.standardize else np.ones(self._n_features)
        penalty[: self._n_features] = self._options.penalty * (factors / scale) ** 2
        return penalty

    def _complain(self) -> None:
        self._problem.rows.check_finite()
        raise ValueError("the values of X overflow: scale its columns, or pass float64.")

    # The passes

    def _first_pass(self, neurons: list[Neuron]) -> None:
        exactness = min(neuron.optimum.state.exactness for neuron in neurons)
        sample = self._sample
        self._exact = ExactSums(self._problem, self._options.loss, sample.centre, exactness, self._map)
        weights, points = self._evaluable(neurons)
        sums, moments = self._exact(weights, self._positives(neurons), has_moments=True)
        self._reads += 1
        if not (np.isfinite(sums).all() and np.isfinite(moments).all()):
            self._complain()
        n, self._total = self._n_features, moments[0, self._n_features]
        deviations = np.empty(n)
        deviations_of(moments[0, :n], moments[1, :n], self._total, self._problem.rows.n_rows, sample.centre, deviations)
        self._exact_penalty = self._penalty(deviations)
        squared_scale = sample.scale**2
        self._is_void = np.zeros(self._size, bool)
        self._is_void[:n] = (deviations == 0) & self._options.fit_intercept
        for number, neuron in enumerate(neurons):
            diagonal = moments[2 + number] / squared_scale
            diagonal[self._is_void] = 0.0
            neuron.diagonal = diagonal
            value, gradient = self._objective(points[number], sums[number])
            neuron.search = QuasiNewton(points[number], value, gradient, self._preconditioner(neuron, is_first=True))
            self._judge(neuron)
        self._record(neurons)

    def _pass(self, neurons: list[Neuron]) -> None:
        weights, points = self._evaluable(neurons)
        sums, _ = self._exact(weights, self._positives(neurons), has_moments=False)
        self._reads += 1
        if not np.isfinite(sums).all():
            self._complain()
        for number, neuron in enumerate(neurons):
            search = neuron.search
            gap = search.gap
            is_accepted = search.observe(points[number], *self._objective(points[number], sums[number]))
            self._judge(neuron)
            if not neuron.is_done and (search.is_stuck or (is_accepted and search.gap * GOOD_SHRINKAGE > gap)):
                self._improve(neuron)

    def _improve(self, neuron: Neuron) -> None:
        """Sum in float64 and precondition by a larger sample, where that is possible; else give up if stuck."""
        search = neuron.search
        was_single, self._is_single = self._is_single, False
        size = hessian_rows(self._problem.rows.n_rows, self._n_features, self._growth * GROWTH)
        if self._has_hessian and size > len(self._sample.codes):
            self._growth *= GROWTH
            self._sample = self._draw(size, self._sample)
            targets = (self._sample.codes == neuron.positive).astype(np.float64)
            objective = SampleObjective(
                self._sample.panel, targets, self._sample.weights, self._options.loss, self._exact_penalty, self._map
            )
            state = objective.at(search.point, neuron.optimum.state.exactness)
            neuron.optimum = Optimum(state, neuron.optimum.factor, math.nan, 0, ())
            search.restart(self._preconditioner(neuron, is_first=False))
        elif search.is_stuck and was_single:
            search.restart(search.precondition)
        elif search.is_stuck:
            neuron.is_done = True

    def _preconditioner(self, neuron: Neuron, is_first: bool) -> Callable[[Array], Array]:
        """Return the product with the inverse of the penalised Hessian, as far as it is known."""
        diagonal, penalty = neuron.diagonal, self._exact_penalty
        if not self._has_hessian:
            return _inverse_diagonal(np.maximum(diagonal, 0.0) + penalty)
        hessian = neuron.optimum.state.hessian
        sampled = np.diag(hessian).copy()
        is_seen = (sampled > 0) & (diagonal > 0)
        factors = np.zeros(self._size)
        # The sample's correlations, but the exact diagonal: a rare column is seen by few rows of the sample, or none.
        factors[is_seen] = np.sqrt(diagonal[is_seen] / sampled[is_seen]) if is_first else 1.0
        matrix = hessian * factors[:, None] * factors
        unseen = ~is_seen & (diagonal > 0)
        matrix[unseen, unseen] = diagonal[unseen]
        penalty = np.where(matrix.diagonal() != 0, penalty, 0.0)
        factor = factor_of(matrix, penalty)
        if factor is None:
            factor = raised_factor_of(matrix, penalty)

        def precondition(vector: Array) -> Array:
            solution = vector.copy()
            solve(factor, solution)
            return solution

        return precondition

    def _judge(self, neuron: Neuron) -> None:
        neuron.is_done = neuron.search.gap <= self._goal(neuron.sampling_error, self._options.tol**2)

    def _record(self, neurons: list[Neuron]) -> None:
        self._curve.append(sum(neuron.search.value for neuron in neurons) / self._total)

    def _positives(self, neurons: list[Neuron]) -> Array:
        return np.array([neuron.positive for neuron in neurons])

    def _evaluable(self, neurons: list[Neuron]) -> tuple[Array, Array]:
        """Return weights as the kernels take them, and the points that those are once rounded."""
        trials = np.array([neuron.trial for neuron in neurons])
        is_single = self._is_single and all(self._is_float32_enough(neuron) for neuron in neurons)
        weights = aligned_zeros(trials.shape, np.float32 if is_single else np.float64)
        weights[:] = trials / self._sample.scale
        return weights, weights.astype(np.float64) * self._sample.scale

    def _is_float32_enough(self, neuron: Neuron) -> bool:
        """Whether the rounding of z in float32 is far from what the tolerance can notice."""
        point = neuron.trial
        squared_rounding = FLOAT32_ROUNDING**2 * float(inner_product(point, point))
        goal = self._goal(neuron.sampling_error, self._options.tol**2)
        return neuron.optimum.state.curvature * squared_rounding <= 0.1 * goal

    def _objective(self, point: Array, sums: Array) -> tuple[float, Array]:
        """Return the penalised objective and its gradient in standardised coordinates."""
        shrinking = self._exact_penalty * point
        gradient = sums[: self._size] / self._sample.scale + shrinking
        gradient[self._is_void] = 0.0
        if not self._options.fit_intercept:
            gradient[self._n_features] = 0.0
        return float(sums[self._size] + inner_product(shrinking, point) / 2), gradient

    # The result

    def _solution(self, neurons: list[Neuron]) -> Solution:
        gaps = [neuron.search.gap for neuron in neurons]
        distance = max(math.sqrt(gap / neuron.sampling_error) for gap, neuron in zip(gaps, neurons, strict=True))
        points = np.array([neuron.search.point for neuron in neurons])
        is_converged = all(
            neuron.search.gap <= self._goal(neuron.sampling_error, self._options.tol**2) for neuron in neurons
        )
        return self._raw(points, self._reads, np.array(self._curve), sum(gaps) / self._total, is_converged, distance)

    def _solution_of_sample(self, neurons: list[Neuron]) -> Solution:
        weights = self._problem.row_weights
        total = len(self._sample.codes) if weights is None else float(sum_in_order(weights))
        goals = [self._goal(neuron.sampling_error, self._options.tol**2) for neuron in neurons]
        optima = [neuron.optimum for neuron in neurons]
        is_converged = all(optimum.gap <= goal for optimum, goal in zip(optima, goals, strict=True))
        distance = max(
            math.sqrt(max(optimum.gap, 0.0) / neuron.sampling_error) if neuron.sampling_error else 0.0
            for optimum, neuron in zip(optima, neurons, strict=True)
        )
        reads = max(optimum.n_evaluations for optimum in optima)
        curves = [
            np.pad(optimum.values, (0, reads - len(optimum.values)), mode="edge")
            for optimum in optima
        ]
        points = np.array([optimum.state.point for optimum in optima])
        gap = sum(optimum.gap for optimum in optima) / total
        return self._raw(points, reads, sum(curves) / total, gap, is_converged, distance)

    def _raw(
        self, points: Array, reads: int, curve: Array, gap: float, is_converged: bool, distance: float
    ) -> Solution:
        """Return the solution on the scale of the rows as they came."""
        n = self._n_features
        weights = points / self._sample.scale
        bias = np.array([row[n] - inner_product(_padded(row[:n], self._size), self._sample.centre) for row in weights])
        return Solution(weights[:, :n].copy(), bias, reads, curve, gap, is_converged, distance)


def _padded(values: Array, size: int) -> Array:
    padded = np.zeros(size)
    padded[: values.size] = values
    return padded


def _inverse_diagonal(diagonal: Array) -> Callable[[Array], Array]:
    inverse = np.divide(1.0, diagonal, out=np.zeros_like(diagonal), where=diagonal > 0)
    return lambda vector: inverse * vector


def _rough_logit(targets: Array, weights: Array) -> float:
    """Return the log odds of the classes to the next power of two: exact arithmetic, where a log's bits would vary."""
    ones, all_rows = sum_in_order(targets * weights), sum_in_order(weights)
    if not 0 < ones < all_rows:
        return 0.0
    return 0.6931471805599453 * (math.frexp(ones)[1] - math.frexp(all_rows - ones)[1])
