"""Online Newton, the engine of partial_fit: rows come in chunks and are not kept, and all rows so far count alike.

Coordinates that fit the rows so far (running.py), a memory of some of them (memory.py), and neurons that know the rest
as a quadratic model (online_neuron.py). Up to some 2000 rows the memory holds all, and the result is their optimum.
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
from fastperceptron.training.online.kept_rows import Memory, memory_size
from fastperceptron.training.online.neuron import Neuron, Rows, Task, corrected, learn, optimum_of_all
from fastperceptron.training.online.running_columns import Move, RunningColumns
from fastperceptron.training.problem import NewtonOptions, Problem, Solution

# Elements of a block, standardised: 2 MB, in the second-level cache; and its rows at most.
BLOCK_ELEMENTS, MOST_ROWS = 1 << 18, 1 << 14
# Fewer rows than this times the parameters would cost less than the solve that goes with each block.
FEWEST_ROWS_PER_PARAMETER = 2
# Beyond these a model has the Hessian's diagonal only: the matrix would take 18 MB a neuron, and a second a block.
MOST_FEATURES = 1500
# The memory is asked whenever the rows have grown by this, besides where a block was a surprise.
GROWTH = 1.25


class Learnt(NamedTuple):
    """All that is known after some rows. Nothing in it changes: a chunk that is refused halfway leaves no trace."""

    running: RunningColumns
    memory: Memory
    neurons: tuple[Neuron, ...]
    asked_at: int = 0


class OnlineNewton:
    """Neurons that learn from chunks of rows of any size.

    The result is close to the optimum of all rows so far, and the same for any layout of the rows; but it depends a
    little, and in its last bits always, on how they were cut into chunks.

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
        self._learnt = Learnt(
            RunningColumns.of_none(n_features, options.fit_intercept),
            Memory.empty(size, n_classes, memory_size(n_features + 1)),
            tuple(Neuron(positive, zeros, zeros, np.zeros((height, size))) for positive in positives),
        )
        self._curve, self._n_updates = np.zeros(16), 0

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0.

        Raises
        ------
        ValueError
            If a row holds NaN or infinity, or values overflow; what was learnt before is then as it was.
        """
        learnt, loss, weight = self._learnt, 0.0, 0.0
        for X, codes, own in _blocks(problem):
            running, move = learnt.running.after(X, own)
            if not running.is_finite:
                problem.raise_not_finite()
            if move is not None:
                learnt = _moved(learnt, move, self._n_features)
            rows = Rows(_standardised(X, running), codes, _in_loss(problem, codes, own))
            learnt, block_loss = self._after(learnt._replace(running=running), rows)
            loss, weight = loss + block_loss, weight + float(sum_in_order(own))
        if not all(np.isfinite(neuron.point).all() for neuron in learnt.neurons):
            problem.raise_not_finite()
        self._learnt = learnt
        self._record(loss / weight)

    def _after(self, learnt: Learnt, rows: Rows) -> tuple[Learnt, float]:
        """Return what is known after a block of rows, and the sum of their losses before."""
        memory = learnt.memory.after(*rows)
        penalty, total_weight = learnt.running.penalty(self._options), float(sum_in_order(memory.class_totals))
        task = Task(self._options.loss, penalty, self._n_features + 1, total_weight)
        is_due = memory.n_seen >= GROWTH * learnt.asked_at
        asked_at = memory.n_seen if is_due else learnt.asked_at
        neurons = tuple(self._taught(neuron, rows, memory, task, is_due) for neuron in learnt.neurons)
        loss = sum(after.losses - before.losses for after, before in zip(neurons, learnt.neurons, strict=True))
        return Learnt(learnt.running, memory, neurons, asked_at), loss

    def _taught(self, neuron: Neuron, rows: Rows, memory: Memory, task: Task, is_due: bool) -> Neuron:
        """Return a neuron after a block of rows that the memory has taken in already."""
        if memory.is_all:
            losses = neuron.losses + neuron.loss(rows, task.loss)
            found = optimum_of_all(neuron, memory, task, is_fresh=is_due)
            return neuron.at(found, task.penalty)._replace(losses=losses)
        neuron, is_surprised = learn(neuron, rows, task)
        return corrected(neuron, memory, task) if is_surprised or is_due else neuron

    def _record(self, loss: float) -> None:
        if self._n_updates == self._curve.size:
            self._curve = np.concatenate([self._curve, np.zeros_like(self._curve)])
        self._curve[self._n_updates] = loss
        self._n_updates += 1

    @property
    def solution(self) -> Solution:
        """What was learnt so far.

        `loss_curve` has the mean loss of each chunk before it was learnt from; `n_iter` is 1, as scikit-learn counts
        for partial_fit.
        """
        points = np.array([neuron.point for neuron in self._learnt.neurons])
        weights, bias = self._learnt.running.coordinates.to_raw(points)
        curve = read_only(self._curve[: self._n_updates])
        return Solution(weights, bias, min(self._n_updates, 1), curve, math.nan, True, math.nan)


def _blocks(problem: Problem) -> Iterator[tuple[Array, Array, Array]]:
    """Yield rows, class numbers and weights, block by block; rows of weight 0 are left out, as if they were none."""
    rows, own = problem.rows, problem.row_weights
    is_whole = own is None or bool(own.all())
    if not is_whole:
        rows.check_finite()
    places = np.arange(rows.n_rows) if own is None or is_whole else np.flatnonzero(own)
    size = padded_size(rows.n_features)
    largest = min(max(BLOCK_ELEMENTS // size, FEWEST_ROWS_PER_PARAMETER * size), MOST_ROWS)
    n_blocks = -(-places.size // largest)
    for block in range(n_blocks):
        start, stop = places.size * block // n_blocks, places.size * (block + 1) // n_blocks
        here = places[start:stop]
        X = rows.read(start, stop) if is_whole else read_only(rows.rows_at(here))
        yield X, read_only(problem.codes[here]), np.ones(here.size) if own is None else own[here]


def _in_loss(problem: Problem, codes: Array, own: Array) -> Array:
    return own if problem.class_weights is None else own * problem.class_weights[codes]


def _standardised(X: Array, running: RunningColumns) -> Array:
    coordinates, n = running.coordinates, running.coordinates.n_features
    panel = np.zeros((X.shape[0], coordinates.scale.size))
    standardise(X, coordinates.centre, coordinates.scale[:n], float(running.has_intercept), panel)
    return panel


def _moved(learnt: Learnt, move: Move, bias: int) -> Learnt:
    neurons = tuple(neuron.moved(move, bias) for neuron in learnt.neurons)
    return learnt._replace(memory=learnt.memory.moved(move), neurons=neurons)
