"""The penalised loss of one neuron over rows in memory, with its gradient and Hessian, in float64 and in a fixed order.

Rows are panels: standardised, then 1 for the bias (0 without an intercept), then zeros up to a multiple of LANES, as
points are. Rows that are no longer in memory may be part of the objective as a quadratic function.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.hessian import curvatures_kernel, newton_kernel, scratch_shapes
from fastperceptron.kernels.linear_algebra import inner_product
from fastperceptron.kernels.online import add_model, diagonal_kernel
from fastperceptron.kernels.raking import BLOCK, rake
from fastperceptron.kernels.reach import SCRATCH_SHAPE, reach_kernel
from fastperceptron.training.threads import MapInOrder

# Multiply-adds of a Hessian from which threads share it: below, handing out parts cost more than it saved (6700 rows of
# 24 columns took 1.5 ms instead of 1). The parts are fixed, so that the sums do not depend on the threads.
PARALLEL_WORK, N_PARTS = 1 << 24, 4

# The upper bound, relative to the quadratic model, and the ratio of what a sample and all rows say, up to which a gap
# is trusted. Rows that a step moves by 1, where the loss is exponential, have a bound of 1.44 and a gap of 2 times the
# model's.
MOST_GROWTH, MOST_EXCESS = 1.3, 1.5
# The upper bound, likewise, of a curvature that hardly changes.
SMALL_GROWTH = 1.02
# The upper bound, likewise, up to which a Hessian still holds where the search went on from it: rows whose z has
# changed by 1, and their curvature by a factor of e, have a bound of 1.44.
MOST_DRIFT = 1.44
# The share of a gap that a sample has to see along a step, to say whether a Hessian of all rows still holds there.
LEAST_SEEN = 0.2
# A gap below this share of the objective is the rounding error of its sum.
ROUNDING = 1e-14
# A step is safe if the bound leaves a quarter of the decrease that the slope foretells, and z changes by no more.
SAFE_SHARE, MOST_CHANGE, MAXIMUM_SAFE_HALVINGS = 0.75, 2.0, 40

Goal = Callable[["State"], float]
"""The excess of the objective over its minimum at which a search may end, given the state it is in."""


class State(NamedTuple):
    """The objective at a point. The penalty is part of value and gradient, not of the Hessian."""

    point: Array  # (size,) float64, standardised, bias last, zero-padded to a multiple of LANES
    value: float  # the sum over rows of weight * loss, plus the penalty
    gradient: Array  # as `point`
    hessian: Array  # (size, size), whose upper triangle counts; (1, size), the diagonal alone; (size, 0), not asked for
    curvature: float  # the sum over rows of weight * d2loss/dz2
    squared_slopes: float  # the sum over rows of (weight * dloss/dz)^2
    exactness: float  # 1: second derivatives; 0: the part of them that is never negative (see kernels/losses.py)


class NeuronRows(NamedTuple):
    """Rows as one neuron reads them."""

    panel: Array  # (n_rows, size) float64
    targets: Array  # (n_rows,) float64: 1 for the rows of the neuron's class, 0 for all others; see SoftmaxObjective
    weights: Array  # (n_rows,) float64, in the loss


def rows_of(panel: Array, codes: Array, weights: Array, positive: int) -> NeuronRows:
    """Return rows with class numbers as the neuron of one class reads them."""
    return NeuronRows(panel, (codes == positive).astype(np.float64), weights)


class Quadratic(NamedTuple):
    """The second-order expansion of the loss of rows that are no longer in memory, without the penalty."""

    point: Array  # (size,) float64: where it was expanded
    gradient: Array  # (size,) float64, there
    hessian: Array  # (size, size) or (1, size), float64
    curvature: float = 0.0  # the sum over those rows of weight * d2loss/dz2


class Reach(NamedTuple):
    """By how much the objective may exceed its tangent at the end of a step; see kernels/reach.py."""

    quadratic: float  # by the quadratic model
    lower: float
    upper: float
    change: float  # the mean change of z, each row counted by its part of the quadratic model
    value: float  # of the objective where the step begins

    def is_local(self, value: float, gap: float, is_confirmed: bool = False, is_of_all: bool = False) -> bool:
        """Whether the quadratic model holds, so that the gap is known within a factor of 3.

        `value` and `gap` are of all rows, where these are a sample. Of a sample, two of three proofs are asked for: its
        gap agrees, the last step over all rows gained what was foretold (`is_confirmed`; true where the rows are all),
        and the curvature changes little. All three are, if its loss differs: of classes that hardly overlap, a sample
        has few rows that count. Where the gap is from a Hessian of all rows (`is_of_all`), there is nothing to agree
        with, but that has to hold here still, see `is_fresh`.
        """
        if gap <= ROUNDING * abs(value):
            return True
        is_small = self.upper <= SMALL_GROWTH * self.quadratic
        is_alike = is_of_all or are_alike(self.quadratic, gap)
        asked = 2 if is_of_all or are_alike(self.value, value) else 3
        return self.upper <= MOST_GROWTH * self.quadratic and is_small + is_confirmed + is_alike >= asked

    def is_fresh(self, gap: float, then: "Reach", moved: "Reach") -> bool:
        """Whether a Hessian that was taken at an earlier point holds at the present one, as the sample says.

        `then` is the reach of the same step from the earlier point, `moved` that of what the search moved since. A gap
        from the Hessian before nearly separated rows moved on was told 14 times too small: L-BFGS does not learn flat
        directions in few steps.
        """
        is_seen = self.quadratic >= LEAST_SEEN * gap
        is_near = moved.upper <= MOST_DRIFT * moved.quadratic
        return is_seen and is_near and are_alike(then.quadratic, self.quadratic)


def are_alike(one: float, other: float) -> bool:
    """Return whether two values of a gap, or of an objective, agree as far as a gap needs to be known."""
    return one <= MOST_EXCESS * other and other <= MOST_EXCESS * one


class Objective:
    """The penalised loss over rows, plus a quadratic function for others.

    The penalty is penalty . point^2 / 2, with `penalty` of shape (size,). If `is_diagonal`, Hessians are their
    diagonals alone. `map_in_order` is as `open_pool` gives it.
    """

    def __init__(
        self,
        rows: NeuronRows,
        loss: str,
        penalty: Array,
        quadratic: Quadratic | None = None,
        is_diagonal: bool = False,
        map_in_order: MapInOrder[Any, Any] = map,
    ) -> None:
        self.rows, self.loss, self.penalty, self.is_diagonal = rows, loss, penalty, is_diagonal
        self._quadratic, self._map = quadratic, map_in_order
        self._last_reach: tuple[Array, Array, float, Reach] | None = None

    @property
    def n_vectors(self) -> int:
        """How many classes' weights a point holds: one neuron's, or all of a softmax layer's."""
        return int(self.penalty.size // self.rows.panel.shape[1])

    @property
    def work(self) -> int:
        """The multiply-adds of a Hessian."""
        return len(self.rows.targets) * self.penalty.size**2

    def at(self, point: Array, exactness: float, has_hessian: bool = True) -> State:
        """Return the objective at a point; exactness is that of the Hessian, see `State`."""
        size, others = point.size, self._quadratic
        sums, hessian = self._add_up(point, exactness, has_hessian)
        curvature, gradient = float(sums[size + 1]), sums[:size]
        if others is None:
            shrinking = self.penalty * point
            gradient = gradient + shrinking
            value = sums[size] + inner_product(shrinking, point) / 2
        else:
            value = sums[size] + add_model(others[:3], self.penalty, point, gradient, np.empty((2, size)))
            curvature += others.curvature
        return State(point, float(value), gradient, hessian, curvature, float(sums[size + 2]), exactness)

    def _add_up(self, point: Array, exactness: float, has_hessian: bool) -> tuple[Array, Array]:
        """Return the sums over the rows, see `newton_kernel`, and the Hessian, of the quadratic function too."""
        if self.work < PARALLEL_WORK:
            return self._add_rows(self.rows, point, exactness, self._first_hessian(has_hessian))
        edges = [len(self.rows.targets) * part // N_PARTS for part in range(N_PARTS + 1)]
        parts = [NeuronRows(*(each[start:stop] for each in self.rows)) for start, stop in itertools.pairwise(edges)]
        sums, hessian = np.zeros(point.size + 3), self._first_hessian(has_hessian)

        def add_rows(rows: NeuronRows) -> tuple[Array, Array]:
            return self._add_rows(rows, point, exactness, np.zeros_like(hessian))

        for more_sums, more_hessian in self._map(add_rows, parts):
            sums += more_sums
            hessian += more_hessian
        return sums, hessian

    def _first_hessian(self, has_hessian: bool) -> Array:
        if has_hessian and self._quadratic is not None:
            return self._quadratic.hessian.copy()
        size = self.penalty.size
        return np.zeros((1 if self.is_diagonal and has_hessian else size, size if has_hessian else 0))

    def _add_rows(self, rows: NeuronRows, point: Array, exactness: float, hessian: Array) -> tuple[Array, Array]:
        sums, labels, shapes = np.zeros(point.size + 3), (rows.targets, rows.weights), scratch_shapes(point.size)
        is_diagonal = hessian.shape[0] == 1
        whole = hessian[:, :0] if is_diagonal else hessian
        kernel = newton_kernel(self.loss)
        kernel(rows.panel, labels, point, exactness, sums, whole, (np.empty(shapes[0]), np.empty(shapes[1])))
        if is_diagonal:
            diagonal_kernel(self.loss)(rows.panel, labels, point, exactness, hessian[0])
        return sums, hessian

    def reach(self, point: Array, step: Array, exactness: float = 0.0) -> "Reach":
        """Return what bounds the objective at the end of a step; exactness is that of the Hessian it is from.

        The test of a search's end and what is told of the end ask for the same one: it is kept for the same arrays.
        """
        if self._last_reach is not None:
            last_point, last_step, last_exactness, reach = self._last_reach
            if last_point is point and last_step is step and last_exactness == exactness:
                return reach
        sums = np.zeros(5)
        self._add_reach(point, step, exactness, sums)
        others = float(inner_product(self.penalty * step, step)) / 2
        quadratic, lower, upper, cubic, cost = sums.tolist()
        change = cubic / quadratic if quadratic > 0 else 0.0
        value = cost + float(inner_product(self.penalty * point, point)) / 2
        reach = Reach(quadratic + others, lower + others, upper + others, change, value)
        self._last_reach = point, step, exactness, reach
        return reach

    def _add_reach(self, point: Array, step: Array, exactness: float, sums: Array) -> None:
        labels = self.rows.targets, self.rows.weights
        reach_kernel(self.loss)(self.rows.panel, labels, point, step, exactness, sums, np.empty(SCRATCH_SHAPE))

    def safe_step(self, point: Array, step: Array, gap: float) -> Array:
        """Return a step, halved until the objective at its end is sure to be lower, whatever was not evaluated there.

        `gap` is half the Newton decrement, -gradient . step / 2. Sure it is for the log loss over these rows.
        """
        for halvings in range(MAXIMUM_SAFE_HALVINGS):
            length = 0.5**halvings
            reach = self.reach(point, length * step)
            if reach.upper <= SAFE_SHARE * 2 * length * gap and reach.change <= MOST_CHANGE:
                return length * step
        return np.zeros_like(step)

    def weighted(self, weights: Array) -> Self:
        """Return the objective with other weights of the rows, (n_rows,) float64."""
        rows = self.rows._replace(weights=weights)
        return type(self)(rows, self.loss, self.penalty, self._quadratic, self.is_diagonal, self._map)

    def of(self, loss: str, penalty: Array) -> Self:
        """Return the objective with another loss and penalty."""
        return type(self)(self.rows, loss, penalty, self._quadratic, self.is_diagonal, self._map)

    def plus(self, quadratic: Quadratic) -> Self:
        """Return the objective plus a quadratic function."""
        return type(self)(self.rows, self.loss, self.penalty, quadratic, self.is_diagonal, self._map)

    def curvatures(self, point: Array, exactness: float) -> Array:
        """Return the second derivative of each row's loss with respect to z, without its weight."""
        curvatures = np.empty(len(self.rows.targets))
        curvatures_kernel(self.loss)(self.rows.panel, self.rows.targets, point, exactness, curvatures)
        return curvatures

    def rake(self, curvatures: Array, coordinates: tuple[Array, Array], weights: Array) -> Array:
        """Change the rows' weights as kernels/raking.py says; return the Hessian's diagonal with them."""
        sums = np.zeros(self.penalty.size)
        scratch = np.empty((BLOCK, self.rows.panel.shape[1])), np.empty(BLOCK)
        rake(self.rows.panel, curvatures, coordinates, weights, scratch, sums)
        return sums

    def every(self, step: int, first: int = 0) -> Self:
        """Return the objective over every step-th row from a row on, each weighted by the step."""
        panel, targets, weights = (np.ascontiguousarray(each[first::step]) for each in self.rows)
        return type(self)(NeuronRows(panel, targets, step * weights), self.loss, self.penalty, map_in_order=self._map)
