"""Online Newton, the engine of partial_fit: each row is seen once, and all rows so far count alike.

It has coordinates that fit the rows so far (running_columns.py), some of the rows (kept_rows.py), and neurons that know
the others as a quadratic function (neuron.py). While all rows are kept (some 4000), the result is their optimum.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import standardise
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.online.kept_rows import KeptRows, kept_size
from fastperceptron.training.online.neuron import Block, Neuron, Task, corrected, is_one_sided, learn, optimum_of_all
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.problem import NewtonOptions, Problem, Solution

# Elements of a standardised block: 2 MB, in the second-level cache; and its rows at most.
ELEMENTS_OF_BLOCK, MOST_ROWS_OF_BLOCK = 1 << 18, 1 << 14
# With fewer rows per parameter, a block would cost less than the linear solve that follows it.
FEWEST_ROWS_PER_PARAMETER = 2
# Beyond this many features only the Hessian's diagonal is kept: the matrix would take 18 MB per neuron, and a second
# per block.
MOST_FEATURES = 1500
# The kept rows are consulted whenever the rows so far have grown by this factor, and where a block was surprising.
CONSULTED_EVERY = 1.25


class Knowledge(NamedTuple):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    columns: RunningColumns
    kept: KeptRows
    neurons: tuple[Neuron, ...]
    consulted_at: int = 0  # the number of rows so far when all neurons last consulted the kept rows


class OnlineNewton:
    """Neurons that learn from chunks of rows of any size.

    The result is close to the optimum of all rows so far. It is the same for any layout of the rows, but depends
    slightly on how they were cut into chunks.

    Parameters
    ----------
    n_features, n_classes : int
    options : NewtonOptions
    """

    def __init__(self, n_features: int, n_classes: int, options: NewtonOptions) -> None:
        self._options, self._n_features = options, n_features
        size = padded_size(n_features)
        height = size if n_features <= MOST_FEATURES else 1
        zeros, positives = np.zeros(size), [1] if n_classes == 2 else range(n_classes)
        self._known = Knowledge(
            RunningColumns.of_none(n_features, options.fit_intercept),
            KeptRows.empty(size, n_classes, kept_size(n_features + 1)),
            tuple(Neuron(positive, Quadratic(zeros, zeros, np.zeros((height, size)))) for positive in positives),
        )
        self._curve, self._n_updates = np.zeros(16), 0

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0.

        Raises
        ------
        ValueError
            If a row holds NaN or infinity, or values overflow; what was learnt before is then unchanged.
        """
        known, loss, weight = self._known, 0.0, 0.0
        for X, codes, own in _blocks(problem):
            columns, move = known.columns.after(X, own)
            if not columns.is_finite:
                problem.raise_not_finite()
            if move is not None:
                known = _moved(known, move, self._n_features)
            block = Block(_standardised(X, columns), codes, _in_loss(problem, codes, own))
            known, block_loss = self._after(known._replace(columns=columns), block)
            loss, weight = loss + block_loss, weight + float(sum_in_order(own))
        if not all(np.isfinite(neuron.point).all() for neuron in known.neurons):
            problem.raise_not_finite()
        self._known = known
        self._record(loss / weight)

    def _after(self, known: Knowledge, block: Block) -> tuple[Knowledge, float]:
        """Return what is known after a block of rows, and the sum of their losses before it was learnt from."""
        kept, options, coordinates = known.kept.after(*block), self._options, known.columns.coordinates
        penalty = coordinates.penalty(options.penalty, coordinates.deviations if options.standardize else None)
        task = Task(options.loss, penalty, self._n_features + 1, float(sum_in_order(kept.class_totals)))
        is_due = kept.n_seen >= CONSULTED_EVERY * known.consulted_at
        neurons = tuple(self._after_block(neuron, block, kept, task, is_due) for neuron in known.neurons)
        loss = sum(after.losses - before.losses for after, before in zip(neurons, known.neurons, strict=True))
        return Knowledge(known.columns, kept, neurons, kept.n_seen if is_due else known.consulted_at), loss

    def _after_block(self, neuron: Neuron, block: Block, kept: KeptRows, task: Task, is_due: bool) -> Neuron:
        """Return a neuron after a block of rows, which the kept rows already include."""
        if kept.is_all:
            losses = neuron.losses + neuron.loss(block, task)
            found = optimum_of_all(neuron, kept, task, is_fresh=is_due)
            return neuron.at(found, task.penalty)._replace(losses=losses)
        neuron, is_surprised = learn(neuron, block, task)
        is_sorted = is_one_sided(block, kept, neuron.positive)
        return corrected(neuron, kept, task, is_sorted=is_sorted) if is_surprised or is_due or is_sorted else neuron

    def _record(self, loss: float) -> None:
        if self._n_updates == self._curve.size:
            self._curve = np.concatenate([self._curve, np.zeros_like(self._curve)])
        self._curve[self._n_updates] = loss
        self._n_updates += 1

    @property
    def doubt(self) -> float:
        """The expected excess of the losses over their minimum, relative to them, where rows came sorted by class."""
        return max(each.doubt / each.losses if each.doubt > 0 else 0.0 for each in self._known.neurons)

    @property
    def solution(self) -> Solution:
        """The neurons after the rows so far.

        `loss_curve` has the mean loss of each chunk before it was learnt from; `n_iter` is 1, as scikit-learn counts
        for partial_fit.
        """
        points = np.array([neuron.point for neuron in self._known.neurons])
        weights, bias = self._known.columns.coordinates.to_raw(points)
        curve = read_only(self._curve[: self._n_updates])
        return Solution(weights, bias, min(self._n_updates, 1), curve, math.nan, True, math.nan)


def _blocks(problem: Problem) -> Iterator[tuple[Array, Array, Array]]:
    """Yield rows, class numbers and weights, block by block; rows of weight 0 are left out."""
    rows, own = problem.rows, problem.row_weights
    is_whole = own is None or bool(own.all())
    if not is_whole:
        rows.check_finite()
    places = np.arange(rows.n_rows) if own is None or is_whole else np.flatnonzero(own)
    size = padded_size(rows.n_features)
    largest = min(max(ELEMENTS_OF_BLOCK // size, FEWEST_ROWS_PER_PARAMETER * size), MOST_ROWS_OF_BLOCK)
    n_blocks = -(-places.size // largest)
    for block in range(n_blocks):
        start, stop = places.size * block // n_blocks, places.size * (block + 1) // n_blocks
        here = places[start:stop]
        X = rows.read(start, stop) if is_whole else read_only(rows.rows_at(here))
        yield X, read_only(problem.codes[here]), np.ones(here.size) if own is None else own[here]


def _in_loss(problem: Problem, codes: Array, own: Array) -> Array:
    return own if problem.class_weights is None else own * problem.class_weights[codes]


def _standardised(X: Array, columns: RunningColumns) -> Array:
    coordinates, n = columns.coordinates, columns.coordinates.n_features
    panel = np.zeros((X.shape[0], coordinates.scale.size))
    standardise(X, coordinates.centre, coordinates.scale[:n], float(columns.has_intercept), panel)
    return panel


def _moved(known: Knowledge, move: Move, bias: int) -> Knowledge:
    neurons = tuple(neuron.moved(move, bias) for neuron in known.neurons)
    return known._replace(kept=known.kept.moved(move), neurons=neurons)
