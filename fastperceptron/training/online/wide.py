"""partial_fit of wide rows, whose Hessian would be too large: rows are kept, and L-BFGS goes on from the last point.

Rows stay as they came, sparse or dense, until they take `MOST_BYTES`. Until then the result is the optimum of all rows
so far. Then they are replaced by their second-order expansion at the optimum, of which only the diagonal is known: it
ignores correlations, so that what comes later moves the weights less far than it should along these.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only
from fastperceptron.data.sparse_arrays import rows_of
from fastperceptron.kernels.arithmetic import sum_in_order
from fastperceptron.kernels.losses import CONVEX_LOSS, LOSSES
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.coordinates import Move
from fastperceptron.training.minimise.objective import Quadratic
from fastperceptron.training.online.engine import OnlineEngine
from fastperceptron.training.online.neuron import moved_quadratic
from fastperceptron.training.online.online import OnlineNewton
from fastperceptron.training.online.running_columns import RunningColumns
from fastperceptron.training.online.weight_units import Units
from fastperceptron.training.online.wide_objective import WideObjective, minimum_of
from fastperceptron.training.online.wide_rows import WideRows, joined_rows, wide_rows_of
from fastperceptron.training.problem import Memory, NewtonOptions, Problem, overflow

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
# A search ends where the expected gain of the next step is this share of the parameters' number, twice in a row: 1% of
# the standard errors.
GOAL = 0.5e-4
# Rows came sorted by class if the odds of a class differ by this factor between rows that were dropped and later ones,
# and by this many standard errors more. 20,000 rows of 600 columns, half of them dropped, ended 0.1 to 0.2% above the
# least loss in random order, 0.3% at a factor of 1.5, 0.7% at 2.2, 2% at 5, and 20 to 30% at one class after the other.
UNLIKE, STANDARD_ERRORS = 1.5, 4.0


class WideKnowledge(NamedTuple):
    """What is known after some rows. It is immutable, so that a chunk refused halfway leaves no trace."""

    columns: RunningColumns
    kept: WideRows | None
    points: tuple[Array, ...]  # per layer: the weights, standardised, bias last, of its classes one after another
    memories: tuple[Quadratic | None, ...]  # per layer: of the rows that are not kept
    units: Units | None  # None before the first row
    n_rows: int
    n_dropped: Array  # (n_classes,): the numbers of rows of partial_fit that are not kept
    is_sorted: bool = False  # whether those that were dropped last differ in their classes from those before
    class_weights: Array | None = None  # (n_classes,) float64, in units: those of the last chunk

    @property
    def n_kept(self) -> Array:
        """The number of kept rows of each class, (n_classes,)."""
        codes = self.n_dropped[:0] if self.kept is None else self.kept.codes
        return np.bincount(codes, minlength=self.n_dropped.size)

    @property
    def came_sorted(self) -> bool:
        """Whether rows that were dropped differ in their classes from later ones, by more than chance."""
        return self.is_sorted or _are_unlike(self.n_dropped, self.n_kept)


class WideOnline(OnlineEngine[WideKnowledge, WideRows]):
    """The engine of rows too wide for a Hessian. A step costs some ten reads of the rows that are kept."""

    def _before_rows(self, columns: RunningColumns, units: Units | None, memory: Memory | None) -> WideKnowledge:
        zeros = np.zeros(padded_size(self._n_features) * self._n_vectors)
        memories: list[Quadratic | None] = [None] * len(self._layers)
        if memory is not None:
            memories = [
                Quadratic(zeros, zeros, hessian, curvature)
                for hessian, curvature in zip(memory.hessians, memory.curvatures, strict=True)
            ]
        points, none = (zeros,) * len(self._layers), np.zeros(self._n_classes, np.int64)
        return WideKnowledge(columns, None, points, tuple(memories), units, columns.n_rows, none)

    def _about(self, known: WideKnowledge, points: tuple[Array, ...], penalty: Array) -> WideKnowledge:
        """Return what is known with the rows so far replaced by quadratic functions, of which points are the minima."""
        hessians = [self._hessian(known, layer) for layer in range(len(points))]
        memories = tuple(
            Quadratic(point, -penalty * point, hessian) if hessian.any() else None
            for point, hessian in zip(points, hessians, strict=True)
        )
        known = known._replace(n_dropped=known.n_dropped + known.n_kept, is_sorted=known.came_sorted)
        return known._replace(kept=None, points=points, memories=memories)

    def update(self, problem: Problem) -> None:
        """Learn from a chunk of rows, not all of weight 0; see OnlineEngine.update."""
        problem.rows.check_finite()
        known, curve = self._known, self._curve
        units = known.units or Units.near(problem)
        class_weights = None if problem.class_weights is None else read_only(problem.class_weights / units.loss)
        known = known._replace(units=units, class_weights=class_weights)
        waiting = (*self._waiting, wide_rows_of(problem, units))
        columns = known.columns
        for part in waiting[-1].dense_parts():
            columns = columns.after(*part)[0]
        if not columns.is_finite or columns.exponents.max(initial=0) > 0:
            raise overflow()
        if sum(rows.own.size for rows in waiting) >= WAITING_SHARE * known.n_rows:
            known, loss = self._after(known, waiting)
            waiting, curve = (), [*curve, loss]
        self._set(known, waiting, curve)

    def _after(self, known: WideKnowledge, waiting: tuple[WideRows, ...]) -> tuple[WideKnowledge, float]:
        """Return what is known after more rows, and their mean loss before they were learnt from."""
        new, columns = joined_rows(waiting), known.columns
        for part in new.dense_parts():
            columns, move = columns.after(*part)
            known = known if move is None else _moved(known, move, self._n_features)
        known = known._replace(columns=columns, n_rows=known.n_rows + new.own.size)
        loss = sum(
            self._objective(known, layer, new, self._options.loss).loss_at(point)
            for layer, point in enumerate(known.points)
        )
        kept = new if known.kept is None else joined_rows((known.kept, new))
        found = tuple(self._minimum(known, layer, kept) for layer in range(len(self._layers)))
        known = known._replace(kept=kept, points=found)
        if not all(np.isfinite(point).all() for point in found):
            raise overflow()
        if kept.n_bytes > MOST_BYTES:
            self._warn_of_few_rows(known)
            known = self._about(known, found, self._penalty(known))
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

    def _objective(self, known: WideKnowledge, layer: int, rows: WideRows, loss: str) -> WideObjective:
        own = None if (rows.own == 1.0).all() else read_only(rows.own)
        problem = Problem(
            rows_of(rows.X),
            read_only(rows.codes),
            self._n_classes,
            own,
            known.class_weights,
            is_softmax=self._is_softmax,
        )
        penalty, others = self._penalty(known), known.memories[layer]
        return WideObjective(problem, loss, known.columns, self._layers[layer], penalty, others)

    def _minimum(self, known: WideKnowledge, layer: int, rows: WideRows) -> Array:
        start, loss, goal = known.points[layer], self._options.loss, GOAL * self._n_parameters
        if not start.any() and not LOSSES[loss].IS_CONVEX:
            start = minimum_of(self._objective(known, layer, rows, CONVEX_LOSS), start, goal)
        return minimum_of(self._objective(known, layer, rows, loss), start, goal)

    def _hessian(self, known: WideKnowledge, layer: int) -> Array:
        """Return what is known of the Hessian of all rows so far, without the penalty."""
        point, memory = known.points[layer], known.memories[layer]
        if known.kept is not None:
            return self._objective(known, layer, known.kept, self._options.loss).hessian_at(point)
        return np.zeros((1, point.size)) if memory is None else memory.hessian

    @property
    def doubt(self) -> float:
        """NaN where rows were dropped and came sorted by class: the loss is above its minimum, unknown by how much."""
        return math.nan if self._known.came_sorted else 0.0


def online_engine(
    n_features: int, n_classes: int, options: NewtonOptions, memory: Memory | None = None, *, is_softmax: bool = False
) -> OnlineNewton | WideOnline:
    """Return the engine of partial_fit that suits the numbers of features and classes."""
    n_vectors = n_classes if is_softmax else 1
    is_wide = n_features > MOST_FEATURES or n_features * n_vectors > MOST_PARAMETERS
    engine = WideOnline if is_wide else OnlineNewton
    return engine(n_features, n_classes, options, memory, is_softmax=is_softmax)


def _moved(known: WideKnowledge, move: Move, bias: int) -> WideKnowledge:
    memories = tuple(memory and moved_quadratic(memory, move, bias) for memory in known.memories)
    return known._replace(points=tuple(move.of_point(point, bias) for point in known.points), memories=memories)


def _are_unlike(before: Array, later: Array) -> bool:
    """Return whether the odds of a class differ between rows, of which these are the numbers per class, (n_classes,).

    Half a row is added to each number, so that odds and their standard errors (Woolf 1955) are finite.
    """
    own = np.stack([before, later]) + 0.5
    others = own.sum(axis=1, keepdims=True) - own
    odds, variance = np.log(own / others), (1 / own + 1 / others).sum(axis=0)
    return bool((np.abs(odds[1] - odds[0]) > math.log(UNLIKE) + STANDARD_ERRORS * np.sqrt(variance)).any())
