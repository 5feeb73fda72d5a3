"""Online Newton, the engine of partial_fit: each row is seen once, and all rows so far count alike.

It has coordinates that fit the rows so far (running_columns.py), some of the rows (kept_rows.py), and neurons that know
the others as a quadratic function (neuron.py). While all rows are kept (some 4000), the result is their optimum.
"""

import itertools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import standardise
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.online.chunks import Chunk, chunks_of, enough_rows, joined
from fastperceptron.training.online.engine import OnlineEngine
from fastperceptron.training.online.kept_rows import KeptRows, kept_size
from fastperceptron.training.online.neuron import Block, Neuron, Task, corrected, is_one_sided, learn, optimum_of_all
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.online.weight_units import Units
from fastperceptron.training.problem import Memory, OutOfRangeError, Problem, overflow

# The kept rows are consulted whenever the rows so far have grown by this factor, and where a block was surprising.
CONSULTED_EVERY = 1.25


class Knowledge(NamedTuple):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    columns: RunningColumns
    kept: KeptRows
    neurons: tuple[Neuron, ...]
    units: Units | None  # None before the first row
    earlier_weight: float = 0.0  # of the rows that the neurons' memory is of, none of which is kept
    consulted_at: int = 0  # the number of rows so far when all neurons last consulted the kept rows

    @property
    def points(self) -> tuple[Array, ...]:
        """Per layer the weights, standardised, bias last, of its classes one after another."""
        return tuple(neuron.point for neuron in self.neurons)


class OnlineNewton(OnlineEngine[Knowledge, Chunk]):
    """The engine of rows narrow enough for a Hessian.

    A step solves equations in O(n_features^3). As a few rows wait for more, one row costs O(n_features^2).
    """

    def _before_rows(self, columns: RunningColumns, units: Units | None, memory: Memory | None) -> Knowledge:
        zeros = np.zeros(padded_size(self._n_features) * self._n_vectors)
        nothing = Quadratic(zeros, zeros, _in_full(zeros[None]))
        neurons = [Neuron(classes, nothing) for classes in self._layers]
        if memory is not None:
            parts = zip(neurons, memory.hessians, memory.curvatures, memory.losses, strict=True)
            neurons = [
                neuron._replace(quadratic=Quadratic(zeros, zeros, _in_full(hessian), curvature), losses=losses)
                for neuron, hessian, curvature, losses in parts
            ]
        return Knowledge(columns, self._no_rows(), tuple(neurons), units, columns.total)

    def _no_rows(self) -> KeptRows:
        n = self._n_features
        return KeptRows.empty(padded_size(n), self._n_classes, kept_size(n + 1))

    def _about(self, known: Knowledge, points: tuple[Array, ...], penalty: Array) -> Knowledge:
        neurons = tuple(neuron.about(point, penalty) for neuron, point in zip(known.neurons, points, strict=True))
        return Knowledge(known.columns, self._no_rows(), neurons, known.units, known.columns.total)

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0; see OnlineEngine.update."""
        units = self._known.units or Units.near(problem)
        chunks: Iterable[Chunk] = chunks_of(problem, units)
        known, waiting, curve = self._known._replace(units=units), self._waiting, self._curve
        enough = enough_rows(self._n_features)
        try:
            if problem.rows.n_rows < enough:
                few = [chunk.copied() for chunk in chunks]
                for chunk in few:
                    _check_finite(known.columns.after(chunk.X, chunk.own)[0])
                waiting, chunks = (*waiting, *few), ()
            if chunks or sum(chunk.own.size for chunk in waiting) >= enough:
                known, loss = self._after(known, waiting, chunks)
                waiting, curve = (), [*curve, loss]
        except OutOfRangeError:
            problem.raise_not_finite()
        self._set(known, waiting, curve)

    def _after(
        self, known: Knowledge, waiting: tuple[Chunk, ...], chunks: Iterable[Chunk] = ()
    ) -> tuple[Knowledge, float]:
        """Return what is known after more rows, and their mean loss before they were learnt from."""
        loss, weight = 0.0, 0.0
        for chunk in itertools.chain(joined(waiting), chunks):
            columns, move = known.columns.after(chunk.X, chunk.own)
            _check_finite(columns)
            if move is not None:
                known = _moved(known, move, self._n_features)
            block = Block(_standardised(chunk.X, columns), chunk.codes, chunk.in_loss)
            known, block_loss = self._after_block(known._replace(columns=columns), block)
            loss, weight = loss + block_loss, weight + float(sum_in_order(chunk.own))
        if not all(np.isfinite(neuron.point).all() for neuron in known.neurons):
            raise overflow()
        return known, loss / weight * (known.units or Units()).loss

    def _after_block(self, known: Knowledge, block: Block) -> tuple[Knowledge, float]:
        """Return what is known after a block of rows, and the sum of their losses before it was learnt from."""
        kept = known.kept.after(*block)
        total = known.earlier_weight + float(sum_in_order(kept.class_totals))
        task = Task(self._options.loss, self._penalty(known), self._n_parameters, total)
        is_due = kept.n_seen >= CONSULTED_EVERY * known.consulted_at
        neurons = tuple(_learnt(neuron, block, kept, task, is_due) for neuron in known.neurons)
        loss = sum(after.losses - before.losses for after, before in zip(neurons, known.neurons, strict=True))
        consulted_at = kept.n_seen if is_due else known.consulted_at
        return known._replace(kept=kept, neurons=neurons, consulted_at=consulted_at), loss

    @property
    def doubt(self) -> float:
        """The expected excess of the losses over their minimum, relative to them, where rows came sorted by class."""
        return max(each.doubt / each.losses if each.doubt > 0 else 0.0 for each in self._known.neurons)


def _learnt(neuron: Neuron, block: Block, kept: KeptRows, task: Task, is_due: bool) -> Neuron:
    """Return a neuron after a block of rows, which the kept rows already include."""
    if kept.is_all and not kept.is_sorted:
        losses = neuron.losses + neuron.loss(block, task)
        found = optimum_of_all(neuron, kept, task, is_fresh=is_due)
        return neuron.at(found, task.penalty)._replace(losses=losses)
    neuron, is_surprised = learn(neuron, block, task)
    is_sorted = is_one_sided(block, kept, neuron.classes)
    return corrected(neuron, kept, task, is_sorted=is_sorted) if is_surprised or is_due or is_sorted else neuron


def _in_full(hessian: Array) -> Array:
    """Return a Hessian of which maybe only the diagonal is known as a matrix."""
    return hessian if hessian.shape[0] > 1 else np.diag(hessian[0])


def _check_finite(columns: RunningColumns) -> None:
    if not columns.is_finite:
        raise overflow()


def _standardised(X: Array, columns: RunningColumns) -> Array:
    coordinates, n = columns.coordinates, columns.coordinates.n_features
    panel = np.zeros((X.shape[0], coordinates.scale.size))
    standardise(columns.in_units(X), coordinates.centre, coordinates.scale[:n], float(columns.has_intercept), panel)
    return panel


def _moved(known: Knowledge, move: Move, bias: int) -> Knowledge:
    neurons = tuple(neuron.moved(move, bias) for neuron in known.neurons)
    return known._replace(kept=known.kept.moved(move), neurons=neurons)
