"""partial_fit of wide rows, whose Hessian would be too large: rows are kept, and L-BFGS goes on from the last point.

Rows stay as they came, sparse or dense, until they take `MOST_BYTES`. Until then the result is the optimum of all rows
so far. Then they are replaced by their second-order expansion at the optimum, of which only the diagonal is known: it
ignores correlations, so that what comes later moves the weights less far than it should along these.
"""

import math
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, aligned_zeros, read_only
from fastperceptron.data.sparse_arrays import CsrArray, joined, rows_of
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.losses import CONVEX_LOSS, LOSSES
from fastperceptron.kernels.online import add_model
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.inverse_hessian import diagonal_of, inverse_diagonal
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.minimise.softmax_objective import with_gauge_on_diagonal, without_common_part
from fastperceptron.training.online.online import OnlineNewton, Units
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.problem import Memory, NewtonOptions, Problem, Solution, layers_of, overflow
from fastperceptron.training.reads import SumsOverRows
from fastperceptron.training.threads import open_pool
from fastperceptron.training.units import check_weights

# Beyond this many features, or parameters of a softmax layer, a Hessian of all of them costs too much. OnlineNewton's
# kept rows, which are no more than 16 MB, are then too few as well: with 2 rows a parameter, text-like rows of 1000
# columns ended at a held-out log loss of 4.2 instead of 0.48; with 8 rows and 500 columns at that of a fit.
MOST_FEATURES, MOST_PARAMETERS = 500, 1500
# A warning is given where the first rows to be dropped are fewer than this per feature: they determine little.
FEW_ROWS = 10
# Of rows that are kept, with those that wait.
MOST_BYTES = 1 << 29
# Rows wait until there are this many for each row that is known: a search reads all rows some ten times.
WAITING_SHARE = 0.125
# Elements of dense rows at a time, from which the columns' moments are taken.
ELEMENTS_AT_A_TIME = 1 << 20
# Reads per search. From the last point some 10 to 20 do.
MOST_READS = 200
# A search ends where the expected gain of the next step is this share of the parameters' number, twice in a row: 1% of
# the standard errors.
GOAL = 0.5e-4


class Rows(NamedTuple):
    """Rows as they came, without those of weight 0."""

    X: Array | CsrArray  # (n_rows, n_features)
    codes: Array  # (n_rows,): class numbers
    own: Array  # (n_rows,) float64: weights in units

    @property
    def n_bytes(self) -> int:
        """The bytes of the rows."""
        X = self.X
        return X.indices.nbytes + X.data.nbytes if isinstance(X, CsrArray) else X.nbytes


class WideKnowledge(NamedTuple):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    columns: RunningColumns
    kept: tuple[Rows, ...]
    points: tuple[Array, ...]  # per layer: the weights, standardised, bias last, of its classes one after another
    memories: tuple[Quadratic | None, ...]  # per layer: of the rows that are not kept
    units: Units | None  # None before the first row
    n_rows: int = 0


class WideOnline:
    """Neurons that learn from chunks of wide rows; to be used as OnlineNewton is."""

    doubt = 0.0

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        options: NewtonOptions,
        memory: Memory | None = None,
        *,
        is_softmax: bool = False,
    ) -> None:
        self._options, self._n_features, self._n_classes, self._is_softmax = options, n_features, n_classes, is_softmax
        self._layers = layers_of((1,) if n_classes == 2 else tuple(range(n_classes)), is_softmax=is_softmax)
        self._n_vectors = len(self._layers[0])
        zeros = np.zeros(padded_size(n_features) * self._n_vectors)
        columns, units = RunningColumns.of_none(n_features, options.fit_intercept), None
        memories: list[Quadratic | None] = [None] * len(self._layers)
        if memory is not None:
            columns = RunningColumns.of_fit(memory, options.fit_intercept)
            units = Units(memory.row_unit, memory.loss_unit)
            memories = [
                Quadratic(zeros, zeros, hessian, curvature)
                for hessian, curvature in zip(memory.hessians, memory.curvatures, strict=True)
            ]
        points = (zeros,) * len(self._layers)
        self._known = WideKnowledge(columns, (), points, tuple(memories), units, columns.n_rows)
        self._waiting: tuple[Rows, ...] = ()
        self._class_weights: Array | None = None
        self._curve: list[float] = []
        self._solution: Solution | None = None

    def go_on_from(self, weights: Array, bias: Array) -> None:
        """Take weights, (n_neurons, n_features), and biases for the optimum of all rows so far, which are dropped."""
        known, _ = self._after_waiting()
        n, penalty = self._n_features, self._penalty(known)
        vectors = np.array([known.columns.to_standard(*neuron) for neuron in zip(weights, bias, strict=True)])
        vectors[:, n] *= self._options.fit_intercept
        vectors = without_common_part(vectors) if self._is_softmax else vectors
        points = tuple(vectors.reshape(-1, penalty.size))
        known = _forgetting(known, [self._hessian(known, layer) for layer in range(len(points))], penalty, points)
        self._known, self._waiting, self._curve, self._solution = known, (), [], None

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0; see OnlineNewton.update."""
        problem.rows.check_finite()
        known, curve = self._known, self._curve
        units = known.units or Units.near(problem)
        known = known._replace(units=units)
        class_weights = None if problem.class_weights is None else read_only(problem.class_weights / units.loss)
        waiting = (*self._waiting, _rows_of(problem, units))
        columns = known.columns
        for part in _dense_parts(waiting[-1]):
            columns = columns.after(*part)[0]
        if not columns.is_finite or columns.exponents.max(initial=0) > 0:
            raise overflow()
        before, self._class_weights = self._class_weights, class_weights
        try:
            if sum(rows.own.size for rows in waiting) >= WAITING_SHARE * known.n_rows:
                known, loss = self._after(known, waiting)
                waiting, curve = (), [*curve, loss]
        except BaseException:
            self._class_weights = before
            raise
        self._known, self._waiting, self._curve, self._solution = known, waiting, curve, None

    def _after_waiting(self) -> tuple[WideKnowledge, list[float]]:
        """Return what would be known, and the losses of each step, if the rows that wait did not."""
        if not self._waiting:
            return self._known, self._curve
        known, loss = self._after(self._known, self._waiting)
        return known, [*self._curve, loss]

    def _after(self, known: WideKnowledge, more: tuple[Rows, ...]) -> tuple[WideKnowledge, float]:
        """Return what is known after more rows, and their mean loss before they were learnt from."""
        n, new = self._n_features, _joined(more)
        columns = known.columns
        for part in _dense_parts(new):
            columns, move = columns.after(*part)
            known = known if move is None else _moved(known, move, n)
        known = known._replace(columns=columns, n_rows=known.n_rows + new.own.size)
        loss = sum(
            self._objective(known, layer, (new,), self._options.loss).loss_at(point)
            for layer, point in enumerate(known.points)
        )
        known = known._replace(kept=(_joined((*known.kept, new)),))
        found = [self._minimum(known, layer) for layer in range(len(self._layers))]
        known = known._replace(points=tuple(found))
        if not all(np.isfinite(point).all() for point in found):
            raise overflow()
        if known.kept[0].n_bytes > MOST_BYTES:
            self._warn_of_few_rows(known)
            hessians = [self._hessian(known, layer) for layer in range(len(found))]
            known = _forgetting(known, hessians, self._penalty(known), known.points)
        unit = (known.units or Units()).loss
        return known, loss / float(sum_in_order(new.own)) * unit

    def _warn_of_few_rows(self, known: WideKnowledge) -> None:
        is_first = all(memory is None for memory in known.memories)
        if is_first and known.n_rows < FEW_ROWS * self._n_features:
            warnings.warn(
                f"partial_fit keeps at most {MOST_BYTES >> 20} MB of rows. It now drops {known.n_rows:,} rows of "
                f"{self._n_features:,} features, which are too few to remember them well without their correlations: "
                "the loss will be above that of fit on all rows. Use fit, or fewer features.",
                stacklevel=5,
            )

    def _objective(self, known: WideKnowledge, layer: int, rows: tuple[Rows, ...], loss: str) -> "KeptObjective":
        return KeptObjective(self._problem(rows[0]), loss, known, self._layers[layer], self._penalty(known), layer)

    def _problem(self, rows: Rows) -> Problem:
        own = None if (rows.own == 1.0).all() else read_only(rows.own)
        kinds: ArrayRows | SparseRows = rows_of(rows.X)
        return Problem(
            kinds, read_only(rows.codes), self._n_classes, own, self._class_weights, is_softmax=self._is_softmax
        )

    def _minimum(self, known: WideKnowledge, layer: int) -> Array:
        start, loss = known.points[layer], self._options.loss
        n_parameters = (self._n_features + 1) * max(self._n_vectors - 1, 1)
        objective = self._objective(known, layer, known.kept, loss)
        if not start.any() and not LOSSES[loss].IS_CONVEX:
            convex = self._objective(known, layer, known.kept, CONVEX_LOSS)
            start = minimum_of(convex, start, GOAL * n_parameters)
        return minimum_of(objective, start, GOAL * n_parameters)

    def _hessian(self, known: WideKnowledge, layer: int) -> Array:
        """Return what is known of the Hessian of all rows so far, without the penalty."""
        if known.kept:
            return self._objective(known, layer, known.kept, self._options.loss).hessian_at(known.points[layer])
        memory = known.memories[layer]
        return np.zeros((1, known.points[layer].size)) if memory is None else memory.hessian

    def _penalty(self, known: WideKnowledge) -> Array:
        strength = (known.units or Units()).penalty(self._options)
        return np.tile(known.columns.penalty(strength, self._options.standardize), self._n_vectors)

    @property
    def solution(self) -> Solution:
        """The neurons after the rows so far; see OnlineNewton.solution."""
        if self._solution is None:
            known, curve = self._after_waiting()
            vectors = np.concatenate(known.points).reshape(-1, padded_size(self._n_features))
            weights, bias = known.columns.to_raw(without_common_part(vectors) if self._is_softmax else vectors)
            check_weights(weights)
            losses = read_only(np.array(curve))
            self._solution = Solution(weights, bias, min(len(curve), 1), losses, math.nan, True, math.nan)
        return self._solution


class KeptObjective:
    """The penalised loss of a layer over kept rows, plus the quadratic function for others."""

    def __init__(
        self,
        problem: Problem,
        loss: str,
        known: WideKnowledge,
        classes: tuple[int, ...],
        penalty: Array,
        layer: int,
    ) -> None:
        coordinates = known.columns.coordinates
        self._coordinates, self._classes, self.penalty = coordinates, np.array(classes), penalty
        zeros = np.zeros(penalty.size)
        self._others = known.memories[layer] or Quadratic(zeros, zeros, zeros[None])
        self._has_intercept = known.columns.has_intercept
        self._is_constant = np.zeros(coordinates.scale.size, bool)
        n = coordinates.n_features
        self._is_constant[:n] = (coordinates.deviations == 0) & self._has_intercept
        with open_pool(1) as pool:
            self._sums = SumsOverRows(problem, loss, coordinates.centre, 0.0, pool)

    def _read(self, point: Array, has_moments: bool) -> tuple[Array, Array]:
        vectors = point.reshape(-1, self._coordinates.scale.size)
        weights = aligned_zeros(vectors.shape, np.float64)
        weights[:] = vectors / self._coordinates.scale
        return self._sums(weights, self._classes, has_moments)

    def loss_at(self, point: Array) -> float:
        """Return the sum of the rows' losses."""
        return float(self._read(point, False)[0][0, self._coordinates.scale.size])

    def at(self, point: Array) -> tuple[float, Array]:
        """Return the objective and its gradient."""
        (sums, _), size, n = self._read(point, False), self._coordinates.scale.size, self._coordinates.n_features
        by_class = sums[:, :size] / self._coordinates.scale
        by_class[:, self._is_constant] = 0.0
        by_class[:, n] *= self._has_intercept
        gradient = by_class.reshape(-1)
        others = add_model(self._others[:3], self.penalty, point, gradient, np.empty((2, point.size)))
        return float(sums[0, size]) + float(others), gradient

    def hessian_at(self, point: Array) -> Array:
        """Return what is known of the Hessian, without the penalty: of the rows, the diagonal."""
        diagonals = self._read(point, True)[1][2:] / self._coordinates.scale**2
        diagonals[:, self._is_constant] = 0.0
        hessian = self._others.hessian.copy()
        hessian.reshape(-1)[:: 1 if hessian.shape[0] == 1 else point.size + 1] += diagonals.reshape(-1)
        return hessian

    def inverse_at(self, point: Array) -> Array:
        """Return the Hessian's diagonal for the first step of a search."""
        diagonal = diagonal_of(self.hessian_at(point))
        return with_gauge_on_diagonal(diagonal, self._classes.size) if self._classes.size > 1 else diagonal


def online_engine(
    n_features: int, n_classes: int, options: NewtonOptions, memory: Memory | None = None, *, is_softmax: bool = False
) -> OnlineNewton | WideOnline:
    """Return the engine of partial_fit for so many features and classes."""
    n_vectors = n_classes if is_softmax else 1
    is_wide = n_features > MOST_FEATURES or n_features * n_vectors > MOST_PARAMETERS
    engine = WideOnline if is_wide else OnlineNewton
    return engine(n_features, n_classes, options, memory, is_softmax=is_softmax)


def minimum_of(objective: KeptObjective, start: Array, goal: float) -> Array:
    """Return the minimum of an objective to within the goal, or the best point after MOST_READS."""
    search = LBFGS(start, *objective.at(start), inverse_diagonal(objective.inverse_at(start), objective.penalty), True)
    n_near = 0
    for _ in range(MOST_READS):
        n_near = n_near + 1 if search.gap <= goal else 0
        if n_near > 1 or search.is_stuck or not math.isfinite(search.value):
            break
        trial = search.trial
        search.observe(trial, *objective.at(trial))
    return search.point


def _rows_of(problem: Problem, units: Units) -> Rows:
    """Return copies of a problem's rows of positive weight."""
    rows, own = problem.rows, problem.row_weights
    weights = np.ones(rows.n_rows) if own is None else np.asarray(own, float) / units.row
    places = np.flatnonzero(weights)
    if isinstance(rows, SparseRows):
        X: Array | CsrArray = CsrArray(rows.indptr, rows.indices, rows.values, rows.n_features)[places]
    else:
        X = np.array(rows.read(0, rows.n_rows))[places]
    return Rows(X, np.asarray(problem.codes[:])[places], weights[places])


def _joined(parts: tuple[Rows, ...]) -> Rows:
    """Return rows as one. Dense rows beside sparse ones become sparse."""
    if len(parts) == 1:
        return parts[0]
    X, codes, own = zip(*parts, strict=True)
    if any(isinstance(each, CsrArray) for each in X):
        X = tuple(_sparse(each) for each in X)
    return Rows(joined(X), np.concatenate(codes), np.concatenate(own))


def _sparse(X: Array | CsrArray) -> CsrArray:
    if isinstance(X, CsrArray):
        return X
    row, column = np.nonzero(X)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(row, minlength=len(X)))])
    return CsrArray(indptr, column.astype(np.int32), X[row, column], X.shape[1])


def _dense_parts(rows: Rows) -> Iterator[tuple[Array, Array]]:
    """Return rows and weights, some rows at a time, dense."""
    size = max(1, ELEMENTS_AT_A_TIME // rows.X.shape[1])
    kind = rows_of(rows.X)
    return (
        (kind.read(start, min(start + size, rows.own.size)), rows.own[start : start + size])
        for start in range(0, rows.own.size, size)
    )


def _forgetting(
    known: WideKnowledge, hessians: list[Array], penalty: Array, points: tuple[Array, ...]
) -> WideKnowledge:
    """Return what is known with the rows so far replaced by quadratic functions, of which points are the minima."""
    memories = tuple(
        Quadratic(point, -penalty * point, hessian) if hessian.any() else None
        for point, hessian in zip(points, hessians, strict=True)
    )
    return known._replace(kept=(), points=points, memories=memories)


def _moved(known: WideKnowledge, move: Move, bias: int) -> WideKnowledge:
    memories = tuple(
        memory
        and Quadratic(
            move.of_point(memory.point, bias),
            move.of_gradient(memory.gradient, bias),
            move.of_hessian(memory.hessian, bias),
            memory.curvature,
        )
        for memory in known.memories
    )
    return known._replace(points=tuple(move.of_point(point, bias) for point in known.points), memories=memories)
