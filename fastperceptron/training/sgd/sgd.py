"""solver="sgd": mini-batch gradient descent of the mean loss with its penalty, epoch after epoch, on one thread.

Every step goes along the mean gradient of a batch's rows, each weighted by its weight over the mean weight: on average
that is the gradient of sum(weight * loss) / sum(weight). The penalty's part is |w|^2 / (2 C sum(weight)). With
batch_size=1, raw rows as stored, a constant rate and no other option, it is the tutorial's loop, bit for bit.

After each epoch the objective is evaluated exactly, at the cost of one more read: a running mean of the batches' losses
would be free, but is too low over sorted rows and does not hold for averaged weights.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import deviations_of
from fastperceptron.kernels.gradient import scratch_shape
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.kernels.rows import padded_size
from fastperceptron.kernels.steps import (
    STEPS,
    SUMMED_ROWS,
    DescentState,
    StepRule,
    batches_kernel,
    rows_kernel,
    settle,
    single_row_kernel,
    state_shape,
    step_along_mean,
)
from fastperceptron.kernels.vectors import LANES
from fastperceptron.training.coordinates import Coordinates, coordinates_of
from fastperceptron.training.observer import NOBODY, Observer, Progress
from fastperceptron.training.problem import ROWS_AT_A_TIME, Problem, SgdOptions, Solution
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.separation import PERFECT, is_separated
from fastperceptron.training.sgd.buffers import Buffer, Buffers
from fastperceptron.training.units import check_range, solve_in_units

# Epochs that must together lower the objective by tol times its sampling error.
PATIENCE = 5
# Rows whose mean is near enough to the mean of all rows to sum exact deviations around it.
ROWS_FOR_CENTRE = 1024


def minimise_by_sgd(
    problem: Problem, options: SgdOptions, start: Array | None = None, observer: Observer = NOBODY
) -> Solution:
    """Return the weights at which the descent ended, or their average.

    It ends after `max_iter` epochs; or, converged, when the lowest objective of the last five epochs is not below the
    lowest before by `tol` times the objective's own sampling error, which is (n_features + 1) / (2 n_rows) a neuron for
    log loss, and a fifth of that for squared error.

    With `average`, the result is the mean of the weights after each step t >= 2^(k - 1), where 2^k is the last power of
    two among the steps' numbers: at least the last half of the steps, at most the last three quarters.

    Parameters
    ----------
    problem : Problem
    options : SgdOptions
    start : ndarray of shape (n_neurons, n_features + 1), optional
        Weights of raw rows to start from, the bias last; else all are 0.
    observer : Observer

    Raises
    ------
    ValueError
        If X holds NaN or infinities, or the weights overflow.

    Examples
    --------
    >>> from fastperceptron.data.arrays import ArrayRows
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> problem = Problem(ArrayRows(X), np.array([0, 0, 1, 1], np.uint8), 2)
    >>> solution = minimise_by_sgd(problem, SgdOptions(batch_size=2, seed=1))
    >>> (X @ solution.weights[0] + solution.bias > 0).tolist()
    [False, False, True, True]
    """

    def solve(problem: Problem, options: SgdOptions, start: Array | None) -> Solution:
        return _Sgd(problem, options, start, observer).run()

    return solve_in_units(solve, problem, options, start, observer)


class _Sgd:
    """A fit: one state per neuron, all of which take the same batches."""

    def __init__(self, problem: Problem, options: SgdOptions, start: Array | None, observer: Observer) -> None:
        self._problem, self._options, self._observer = problem, options, observer
        rows = problem.rows
        self._n_features, self._curve = rows.n_features, list[float]()
        self._total = _total_in_loss(problem)
        self._decay = 1.0 / max(options.C * self._total, np.finfo(np.float64).tiny)
        self._coordinates = self._exact_coordinates() if options.standardize else _raw_coordinates(rows.n_features)
        self._exact = SumsOverRows(problem, options.loss, self._coordinates.centre, 0.0, map, observer)
        self._buffers = Buffers(
            problem,
            self._total / rows.n_rows,
            self._coordinates if options.standardize else None,
            options.batch_size,
            options.seed if options.shuffle else None,
        )
        # All neurons' states, as the checkpoint keeps them and as the kernels take them.
        self._arrays = aligned_zeros(state_shape(problem.n_neurons, rows.n_features), np.float64)
        self._counts = np.zeros((problem.n_neurons, 2), np.int64)
        self._states = [
            DescentState._make([*arrays, counts]) for arrays, counts in zip(self._arrays, self._counts, strict=True)
        ]
        self._rule = StepRule(
            float(options.eta0),
            float(options.power),
            self._decay,
            bool(options.fit_intercept),
            bool(options.average),
            options.batch_size,
        )
        self._scratch = aligned_zeros(scratch_shape(rows.n_features), rows.dtype)
        if start is not None:
            self._begin_at(start)

    def run(self) -> Solution:
        """Return the solution."""
        take_steps, is_flat = self._stepper(), False
        while len(self._curve) < self._options.max_iter and not is_flat:
            self._take_epoch(take_steps)
            for state in self._states:
                if state.counts[SUMMED_ROWS]:
                    step_along_mean(state, self._n_features, self._rule)
            self._curve.append(self._objective(self._points()))
            self._observer.read_done(Progress(len(self._curve), self._reported(self._curve[-1]), np.nan))
            is_flat = self._is_flat()
        weights, bias = self._coordinates.to_raw(self._points())
        curve = self._reported(np.array(self._curve))
        is_free = self._options.penalty == 0
        if is_free and is_separated(self._problem, self._options.loss, self._curve[-1] * self._total):
            return Solution(weights, bias, len(self._curve), curve, float(curve[-1]), False, np.nan, PERFECT)
        return Solution(weights, bias, len(self._curve), curve, np.nan, is_flat, np.nan)

    def _reported(self, mean: Any) -> Any:
        """Return a mean of losses over the rows' weight in the loss as it is reported: over the sum of their own."""
        return mean * (self._total / self._problem.total_weight * self._problem.loss_unit)

    def _take_epoch(self, take_steps: Callable[[Buffer, int], None]) -> None:
        """Take all neurons through all buffers, except those that the checkpoint of an earlier run already has."""
        checkpoint, key, n_done = self._observer.checkpoint, f"epoch {len(self._curve)}", 0
        answer = None
        if checkpoint is not None:
            checkpoint.hash_rest()  # raw rows are not read before the first epoch
            like = {"states": self._arrays, "counts": self._counts, "buffers": np.zeros(1, np.int64)}
            answer = checkpoint.recall(key, like)
        if answer is not None:
            self._arrays[:], self._counts[:] = answer["states"], answer["counts"]
            n_done = int(answer["buffers"][0])
        for number, buffer in enumerate(self._buffers.epoch(len(self._curve)), start=1):
            if number <= n_done:
                continue
            for neuron in range(self._problem.n_neurons):
                take_steps(buffer, neuron)
            self._observer.rows_read(buffer.order.size)
            if checkpoint is not None:
                answer = {"states": self._arrays, "counts": self._counts, "buffers": np.array([number])}
                checkpoint.note(key, answer, is_complete=number == self._buffers.count)

    def _exact_coordinates(self) -> Coordinates:
        """Return centre and scale of the columns, from one read of all rows."""
        rows, n = self._problem.rows, self._n_features
        places = np.arange(min(rows.n_rows, ROWS_FOR_CENTRE)) * rows.n_rows // min(rows.n_rows, ROWS_FOR_CENTRE)
        centre = coordinates_of(rows.rows_at(places), np.ones(places.size), has_intercept=True).centre
        exact = SumsOverRows(self._problem, self._options.loss, centre, 0.0, map, self._observer)
        moments = exact(aligned_zeros((1, centre.size), np.float64), np.array([0]), has_moments=True)[1]
        if not np.isfinite(moments).all():
            self._problem.raise_not_finite()
        deviations = np.empty(n)
        (sums, squares), total = moments[:2, :n], float(moments[0, n])
        deviations_of(sums, squares, total, rows.n_rows, centre, deviations)
        check_range(self._problem, np.where((squares == 0) & (sums != 0), np.inf, deviations))
        scale = np.ones(centre.size)
        if self._options.fit_intercept:
            # With an intercept, a constant column carries no information, only rounding: its values become 0.
            scale[:n] = np.where(deviations > 0, deviations, np.inf)
            centre[:n] = (centre[:n] + sums / total).astype(rows.dtype)
        else:
            scale[:n] = np.where(deviations > 0, deviations, 1.0)
            centre[:] = 0.0
        return Coordinates(n, centre, scale, deviations)

    def _begin_at(self, start: Array) -> None:
        for state, row in zip(self._states, start, strict=True):
            with np.errstate(invalid="ignore"):
                point = self._coordinates.to_standard(row)
            point[np.isinf(self._coordinates.scale)] = 0.0
            point[self._n_features] *= self._options.fit_intercept
            state.weights[:] = point

    def _stepper(self) -> Callable[[Buffer, int], None]:
        """Return the function that takes a neuron through a buffer."""
        loss, problem, rule = self._options.loss, self._problem, self._rule
        is_weighted = not problem.is_plain
        if rule.batch_size > 1:
            kernel = batches_kernel(loss, is_weighted, self._n_features < LANES)
        elif rule == StepRule(rule.learning_rate) and not is_weighted:
            kernel = single_row_kernel(loss)
        else:
            kernel = rows_kernel(loss, is_weighted)

        def take_steps(buffer: Buffer, neuron: int) -> None:
            targets = buffer.codes
            if problem.n_classes > 2:
                targets = read_only((targets == problem.positives[neuron]).view(np.uint8))
            y = targets if buffer.weights is None else (targets, buffer.weights)
            kernel(buffer.X, y, buffer.order, self._states[neuron], rule, self._scratch)

        return take_steps

    def _points(self) -> Array:
        """Return each neuron's weights, bias last, in standard coordinates: the current ones or their average."""
        points = np.zeros((self._problem.n_neurons, padded_size(self._n_features)))
        for point, state in zip(points, self._states, strict=True):
            if self._options.average:
                last = int(state.counts[STEPS])
                first = max(1, 1 << last.bit_length() - 2) if last > 1 else 1
                point[:] = (state.earlier_sum + state.recent_sum) / (last - first + 1)
            else:
                settle(state, point)
        return points

    def _objective(self, points: Array) -> float:
        """Return the objective over the sum of the rows' weights, summed over neurons; raise if it is not finite."""
        n = self._n_features
        if not np.isfinite(points).all():
            self._raise_not_finite()
        weights = aligned_zeros(points.shape, self._problem.rows.dtype)
        with np.errstate(over="ignore"):
            weights[:] = points / self._coordinates.scale
        sums, _ = self._exact(weights, np.array(self._problem.positives), has_moments=False)
        losses = sums[:, points.shape[1]]
        points[:, n] = 0.0
        squares = sum(inner_product(point, point) for point in points)
        objective = sum(losses.tolist()) / self._total + self._decay * squares / 2
        if not np.isfinite(objective):
            self._raise_not_finite()
        return float(objective)

    def _is_flat(self) -> bool:
        """Return whether the last epochs gained less than `tol` asks for."""
        if len(self._curve) <= PATIENCE:
            return False
        sampling_error = (
            LOSSES[self._options.loss].TYPICAL_RATIO * (self._n_features + 1) / (2 * self._problem.rows.n_rows)
        )
        gain = min(self._curve[:-PATIENCE]) - min(self._curve[-PATIENCE:])
        return bool(gain < self._options.tol * sampling_error * self._problem.n_neurons)

    def _raise_not_finite(self) -> None:
        self._problem.rows.check_finite()
        raise ValueError("the weights overflowed: lower eta0, or standardize.")


def _total_in_loss(problem: Problem) -> float:
    """Return the sum of the rows' weights in the loss: their own times those of their classes."""
    if problem.class_weights is None:
        return problem.total_weight
    total = 0.0
    for start in range(0, problem.rows.n_rows, ROWS_AT_A_TIME):
        part = slice(start, min(start + ROWS_AT_A_TIME, problem.rows.n_rows))
        own = 1.0 if problem.row_weights is None else problem.row_weights[part]
        total += float(sum_in_order(own * problem.class_weights[problem.codes[part]]))
    return total


def _raw_coordinates(n_features: int) -> Coordinates:
    size = padded_size(n_features)
    return Coordinates(n_features, np.zeros(size), np.ones(size), np.ones(n_features))
