"""What Newton's method knows of one class's weights, or of those that share a softmax layer, while it searches.

A neuron's initial inverse Hessian for L-BFGS comes from one of two sources, of one interface: a Hessian of sampled or
all rows at a point of the neuron, or the exact diagonal alone.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.minimise.damped_newton import Found
from fastperceptron.training.minimise.inverse_hessian import (
    Inverse,
    inverse_diagonal,
    inverse_hessian,
    is_bent,
    with_unseen_columns,
)
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.search import Search
from fastperceptron.training.minimise.softmax_objective import KroneckerProduct, among_sums_of_zero, inverse_of_product
from fastperceptron.training.newton.all_rows import Reading
from fastperceptron.training.newton.certificate import Certificate
from fastperceptron.training.newton.ways import Pace


@dataclass(frozen=True)
class OwnHessian:
    """The Hessian, without the penalty, at a point of the neuron: of sampled rows, or of all."""

    hessian: Array  # (size, size) float64, whose upper triangle counts
    exactness: float  # see State
    is_own: ClassVar[bool] = True
    is_scaled: ClassVar[bool] = False

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return the Hessian of all rows, given its exact diagonal; without that (empty) the sample is all rows."""
        return with_unseen_columns(self.hessian, diagonal) if diagonal.size else self.hessian

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the initial inverse, given the Hessian's exact diagonal."""
        return inverse_hessian(self.of_all_rows(diagonal), penalty)

    def is_bent(self, diagonal: Array, penalty: Array) -> bool:
        """Return whether the Hessian is not positive definite, as far as it is known."""
        return bool((diagonal < 0).any()) or is_bent(self.of_all_rows(diagonal), penalty)

    def mismatch(self, diagonal: Array) -> float:
        """Return the largest relative error of a column's curvature, about their median."""
        known, is_seen = self.hessian.diagonal(), diagonal > 0
        if not is_seen.any():
            return 0.0
        if (known[is_seen] <= 0).any():
            return 1.0
        ratios = np.sort(diagonal[is_seen] / known[is_seen])
        usual = ratios[ratios.size // 2]
        return float(max(ratios[-1] / usual, usual / ratios[0]) - 1)


@dataclass(frozen=True)
class DiagonalOnly:
    """No Hessian, since it would cost more reads than it saves."""

    n_vectors: int = 1  # of the point
    sample_search: LBFGS | None = None  # over the sample: its pairs are a low-rank picture of the Hessian
    # Of the point's shape: how many times larger the curvature along a gradient is than the diagonal foretells.
    crowding: Array | float = 1.0
    is_own: ClassVar[bool] = False
    is_scaled: ClassVar[bool] = True

    def mismatch(self, diagonal: Array) -> float:  # noqa: ARG002 (as of OwnHessian)
        """Return 0: nothing is known of it."""
        return 0.0

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return the exact diagonal, as a matrix of one row."""
        return diagonal[None, :]

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the inverse of the exact diagonal, corrected by the pairs of the sample."""
        inverse = inverse_diagonal(diagonal * self.crowding, penalty)
        if self.n_vectors > 1:
            inverse = among_sums_of_zero(inverse, self.n_vectors)
        if self.sample_search is None:
            return inverse
        self.sample_search.initial_inverse = inverse
        return self.sample_search.inverse_hessian_times


@dataclass(frozen=True)
class KroneckerHessian:
    """A Hessian of a softmax layer as if its classes and columns were independent, where the whole is too large."""

    product: KroneckerProduct  # of the sample
    is_own: ClassVar[bool] = False  # the gap is not known by it
    is_scaled: ClassVar[bool] = True

    def mismatch(self, diagonal: Array) -> float:  # noqa: ARG002 (as of OwnHessian)
        """Return 0: nothing is known of it."""
        return 0.0

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return the exact diagonal, as a matrix of one row."""
        return diagonal[None, :]

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the inverse for all rows, given their exact diagonal."""
        return inverse_of_product(self.product, diagonal, penalty)


class Neuron:
    """What Newton's method knows of one class's weights while it searches; or of those that share a softmax layer."""

    def __init__(self, classes: tuple[int, ...], point: Array) -> None:
        # The class that the neuron separates from all others; or those of the layer.
        self.classes = classes
        # Of each class (padded size,) float64, standardised, bias last, one after another: where the search over all
        # rows starts, and finally ended.
        self.point = point
        # Where initial inverses come from.
        self.hessian: OwnHessian | DiagonalOnly | KroneckerHessian = DiagonalOnly(len(classes))
        self.found: Found | None = None  # the minimum over the sample
        self.certificate = Certificate(math.inf, 0.0)
        # As `point`: of the Hessian over all rows, exact, and the point that it was read at.
        self.diagonal, self.diagonal_point = np.empty(0), point
        self.mismatch = math.inf  # the largest relative error of a column's curvature in the first sample
        self.hessian_point: Array | None = None  # where its Hessian is of all rows
        self.has_gained = False  # whether a step was accepted
        self.n_unproven = 0  # reads after which the gap was at most the goal, but not known
        # Whether `point` is one step beyond the last read: a search that ended before any step was accepted takes it.
        self.is_beyond = False
        self.values: list[float] = []  # of the objective, at the points that the present search accepted
        self.is_done = False  # whether the goal is reached, or nothing more can be gained

    @cached_property
    def search(self) -> Search:
        """Over all rows; nothing is known before it begins."""
        return LBFGS(self.point, math.inf, np.zeros_like(self.point), np.copy)

    @cached_property
    def pace(self) -> Pace:
        """Of the search over all rows."""
        return Pace()

    @property
    def exactness(self) -> float:
        """That of the neuron's own Hessian; 0 without one."""
        return self.hessian.exactness if isinstance(self.hessian, OwnHessian) else 0.0

    def take_diagonal(self, reading: Reading) -> None:
        """Take the Hessian's diagonal from a read of all rows."""
        self.diagonal, self.diagonal_point = reading.diagonal, reading.point

    def is_bent(self, penalty: Array) -> bool:
        """Return whether its own Hessian is not positive definite, as far as it is known."""
        return isinstance(self.hessian, OwnHessian) and self.hessian.is_bent(self.diagonal, penalty)
