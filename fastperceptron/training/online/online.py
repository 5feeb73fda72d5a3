"""Online Newton, the engine of partial_fit: each row is seen once, and all rows so far count alike.

It has coordinates that fit the rows so far (running_columns.py), some of the rows (kept_rows.py), and neurons that know
the others as a quadratic function (neuron.py). While all rows are kept (some 4000), the result is their optimum.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.column_statistics import standardise
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.minimise.softmax_objective import without_common_part
from fastperceptron.training.online.kept_rows import KeptRows, kept_size
from fastperceptron.training.online.neuron import Block, Neuron, Task, corrected, is_one_sided, learn, optimum_of_all
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.problem import (
    LARGEST,
    SMALLEST,
    Memory,
    NewtonOptions,
    OutOfRangeError,
    Problem,
    Solution,
    layers_of,
    overflow,
)
from fastperceptron.training.units import check_weights, exponent_of_mean

# Elements of a standardised block: 2 MB, in the second-level cache; and its rows at most.
ELEMENTS_OF_BLOCK, MOST_ROWS_OF_BLOCK = 1 << 18, 1 << 14
# With fewer rows per parameter, a block would cost less than the linear solve that follows it.
FEWEST_ROWS_PER_PARAMETER = 2
# The kept rows are consulted whenever the rows so far have grown by this factor, and where a block was surprising.
CONSULTED_EVERY = 1.25


class Units(NamedTuple):
    """What weights are divided by, so that they are near 1; see units.py."""

    row: float = 1.0
    loss: float = 1.0  # class weights are divided by it

    @classmethod
    def near(cls, problem: Problem) -> Self:
        """Return powers of two near the mean of the row weights, and below the largest class weight."""
        own, factors = problem.row_weights, problem.class_weights
        row = 0 if own is None else exponent_of_mean(own[own > 0], float(own.max()))
        loss = 0 if factors is None else math.frexp(float(factors.max()))[1] - 1
        return cls(math.ldexp(1.0, row), math.ldexp(1.0, loss))

    def penalty(self, options: NewtonOptions) -> float:
        """Return the factor of |w|^2 / 2 in the objective in these units."""
        return 0.0 if math.isinf(options.C) else 1.0 / min(max(options.C * self.row * self.loss, SMALLEST), LARGEST)


class Knowledge(NamedTuple):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    columns: RunningColumns
    kept: KeptRows
    neurons: tuple[Neuron, ...]
    units: Units | None  # None before the first row
    earlier_weight: float = 0.0  # of the rows that the neurons' memory is of, none of which is kept
    consulted_at: int = 0  # the number of rows so far when all neurons last consulted the kept rows


class Chunk(NamedTuple):
    """Rows as they came, without those of weight 0."""

    X: Array  # (n_rows, n_features)
    codes: Array  # (n_rows,): class numbers
    own: Array  # (n_rows,) float64: weights in units
    in_loss: Array  # (n_rows,) float64: these times the class weights in units


class OnlineNewton:
    """Neurons that learn from chunks of rows of any size.

    The result is close to the optimum of all rows so far. It is the same for any layout of the rows, but depends
    slightly on how they were cut into chunks. A few rows wait for more, so that one costs O(n_features^2): a step
    solves equations in O(n_features^3). Whoever asks for the solution is told it as if they had not waited; what comes
    later does not depend on being asked.

    Parameters
    ----------
    n_features, n_classes : int
    options : NewtonOptions
    memory : Memory, optional
        What a fit left; `go_on_from` sets its weights.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        options: NewtonOptions,
        memory: Memory | None = None,
        *,
        is_softmax: bool = False,
    ) -> None:
        self._options, self._n_features, self._is_softmax = options, n_features, is_softmax
        layers = layers_of((1,) if n_classes == 2 else tuple(range(n_classes)), is_softmax=is_softmax)
        self._n_vectors = len(layers[0])
        size = padded_size(n_features)
        self._enough_rows = _enough_rows(size)
        columns, units = RunningColumns.of_none(n_features, options.fit_intercept), None
        zeros = np.zeros(size * self._n_vectors)
        nothing = Quadratic(zeros, zeros, _in_full(zeros[None]))
        neurons = [Neuron(classes, nothing) for classes in layers]
        if memory is not None:
            columns = RunningColumns.of_fit(memory, options.fit_intercept)
            units = Units(memory.row_unit, memory.loss_unit)
            parts = zip(neurons, memory.hessians, memory.curvatures, memory.losses, strict=True)
            neurons = [
                neuron._replace(quadratic=Quadratic(zeros, zeros, _in_full(hessian), curvature), losses=losses)
                for neuron, hessian, curvature, losses in parts
            ]
        kept = KeptRows.empty(size, n_classes, kept_size(n_features + 1))
        self._known = Knowledge(columns, kept, tuple(neurons), units, columns.total)
        self._waiting: tuple[Chunk, ...] = ()
        self._curve: list[float] = []
        self._solution: Solution | None = None

    def go_on_from(self, weights: Array, bias: Array) -> None:
        """Take weights, (n_neurons, n_features), and biases for the optimum of all rows so far.

        Their quadratic function is kept, about these weights, but none of the rows. If there were none, this is only
        where the search starts.
        """
        known, _ = self._after_waiting()
        penalty, n = self._penalty(known), self._n_features
        vectors = np.array([known.columns.to_standard(*neuron) for neuron in zip(weights, bias, strict=True)])
        vectors[:, n] *= self._options.fit_intercept  # without an intercept no step would change it
        vectors = without_common_part(vectors) if self._is_softmax else vectors
        points = vectors.reshape(-1, penalty.size)
        neurons = tuple(neuron.about(point, penalty) for neuron, point in zip(known.neurons, points, strict=True))
        kept = KeptRows.empty(padded_size(n), known.kept.class_totals.size, kept_size(n + 1))
        self._known = Knowledge(known.columns, kept, neurons, known.units, known.columns.total)
        self._waiting, self._curve, self._solution = (), [], None

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0.

        Raises
        ------
        ValueError
            If a row holds NaN or infinity, or values overflow; what was learnt before is then unchanged.
        """
        units = self._known.units or Units.near(problem)
        chunks: Iterable[Chunk] = _chunks_of(problem, units)
        known, waiting, curve = self._known._replace(units=units), self._waiting, self._curve
        try:
            if problem.rows.n_rows < self._enough_rows:
                few = [_copied(chunk) for chunk in chunks]
                for chunk in few:
                    _check_finite(known.columns.after(chunk.X, chunk.own)[0])
                waiting, chunks = (*waiting, *few), ()
            if chunks or sum(chunk.own.size for chunk in waiting) >= self._enough_rows:
                known, loss = self._after(known, itertools.chain(_joined(waiting), chunks))
                waiting, curve = (), [*curve, loss]
        except OutOfRangeError:
            problem.raise_not_finite()
        self._known, self._waiting, self._curve = known, waiting, curve
        self._solution = None

    def _after_waiting(self) -> tuple[Knowledge, list[float]]:
        """Return what would be known, and the losses of each step, if the rows that wait did not."""
        if not self._waiting:
            return self._known, self._curve
        known, loss = self._after(self._known, _joined(self._waiting))
        return known, [*self._curve, loss]

    def _after(self, known: Knowledge, chunks: Iterable[Chunk]) -> tuple[Knowledge, float]:
        """Return what is known after more rows, and their mean loss before they were learnt from."""
        loss, weight = 0.0, 0.0
        for chunk in chunks:
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
        n_parameters = (self._n_features + 1) * max(self._n_vectors - 1, 1)
        task = Task(self._options.loss, self._penalty(known), n_parameters, total)
        is_due = kept.n_seen >= CONSULTED_EVERY * known.consulted_at
        neurons = tuple(_learnt(neuron, block, kept, task, is_due) for neuron in known.neurons)
        loss = sum(after.losses - before.losses for after, before in zip(neurons, known.neurons, strict=True))
        consulted_at = kept.n_seen if is_due else known.consulted_at
        return known._replace(kept=kept, neurons=neurons, consulted_at=consulted_at), loss

    def _penalty(self, known: Knowledge) -> Array:
        strength = (known.units or Units()).penalty(self._options)
        return np.tile(known.columns.penalty(strength, self._options.standardize), self._n_vectors)

    @property
    def doubt(self) -> float:
        """The expected excess of the losses over their minimum, relative to them, where rows came sorted by class."""
        return max(each.doubt / each.losses if each.doubt > 0 else 0.0 for each in self._known.neurons)

    @property
    def solution(self) -> Solution:
        """The neurons after the rows so far.

        `loss_curve` has the mean loss of the rows of each step before they were learnt from; `n_iter` is 1, as
        scikit-learn counts for partial_fit.
        """
        if self._solution is None:
            known, curve = self._after_waiting()
            points = np.concatenate([neuron.point for neuron in known.neurons])
            vectors = points.reshape(-1, padded_size(self._n_features))
            weights, bias = known.columns.to_raw(without_common_part(vectors) if self._is_softmax else vectors)
            check_weights(weights)
            losses = read_only(np.array(curve))
            self._solution = Solution(weights, bias, min(len(curve), 1), losses, math.nan, True, math.nan)
        return self._solution


def _enough_rows(size: int) -> int:
    """Return how many rows a step should have: fewer wait for more."""
    return FEWEST_ROWS_PER_PARAMETER * size


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


def _chunks_of(problem: Problem, units: Units) -> Iterator[Chunk]:
    """Yield rows, class numbers and weights, block by block; rows of weight 0 are left out."""
    rows, own = problem.rows, problem.row_weights
    if own is not None:
        with np.errstate(over="ignore"):
            own = own / units.row
        if not np.isfinite(own).all():
            raise ValueError("sample_weight overflows beside that of the first rows, which is far smaller.")
    is_whole = own is None or bool(own.all())
    if not is_whole:
        rows.check_finite()
    places = np.arange(rows.n_rows) if own is None or is_whole else np.flatnonzero(own)
    size = padded_size(rows.n_features)
    largest = min(max(ELEMENTS_OF_BLOCK // size, _enough_rows(size)), MOST_ROWS_OF_BLOCK)
    n_blocks = -(-places.size // largest)
    for block in range(n_blocks):
        start, stop = places.size * block // n_blocks, places.size * (block + 1) // n_blocks
        here = places[start:stop]
        X, codes = rows.read(start, stop) if is_whole else read_only(rows.rows_at(here)), read_only(problem.codes[here])
        weights = np.ones(here.size) if own is None else own[here]
        yield Chunk(X, codes, weights, _in_loss(problem, codes, weights, units))


def _copied(chunk: Chunk) -> Chunk:
    return Chunk(read_only(chunk.X.astype(np.float64)), *chunk[1:])


def _joined(chunks: tuple[Chunk, ...]) -> list[Chunk]:
    """Return the rows of chunks as one; of none, none."""
    if not chunks:
        return []
    X, codes, own, in_loss = (np.concatenate(parts) for parts in zip(*chunks, strict=True))
    return [Chunk(read_only(X), read_only(codes), own, in_loss)]


def _check_finite(columns: RunningColumns) -> None:
    if not columns.is_finite:
        raise overflow()


def _in_loss(problem: Problem, codes: Array, own: Array, units: Units) -> Array:
    return own if problem.class_weights is None else own * (problem.class_weights / units.loss)[codes]


def _standardised(X: Array, columns: RunningColumns) -> Array:
    coordinates, n = columns.coordinates, columns.coordinates.n_features
    panel = np.zeros((X.shape[0], coordinates.scale.size))
    standardise(columns.in_units(X), coordinates.centre, coordinates.scale[:n], float(columns.has_intercept), panel)
    return panel


def _moved(known: Knowledge, move: Move, bias: int) -> Knowledge:
    neurons = tuple(neuron.moved(move, bias) for neuron in known.neurons)
    return known._replace(kept=known.kept.moved(move), neurons=neurons)
