"""What Newton's method knows of one class's weights, and the solution that all neurons end with.

A neuron's initial inverse Hessian for L-BFGS comes from one of three sources, of one interface: a Hessian of sampled
rows at the neuron's own point, one that all neurons share, or the exact diagonal alone.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.training.minimise.damped_newton import Found
from fastperceptron.training.minimise.inverse_hessian import (
    Inverse,
    corrected_hessian,
    inverse_diagonal,
    inverse_hessian,
    is_bent,
)
from fastperceptron.training.minimise.lbfgs import LBFGS
from fastperceptron.training.minimise.objective import State
from fastperceptron.training.newton.certificate import Certificate


@dataclass(frozen=True)
class OwnHessian:
    """The Hessian of sampled rows at the neuron's own point; each exact diagonal corrects it."""

    state: State
    n_rows: int  # of the sample
    is_own: ClassVar[bool] = True
    is_scaled: ClassVar[bool] = False

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return the Hessian of all rows, given its exact diagonal; without that (empty) the sample is all rows."""
        return corrected_hessian(self.state.hessian, diagonal) if diagonal.size else self.state.hessian

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the initial inverse, given the Hessian's exact diagonal."""
        return inverse_hessian(self.of_all_rows(diagonal), penalty)

    def is_bent(self, diagonal: Array, penalty: Array) -> bool:
        """Return whether the Hessian is not positive definite, as far as it is known."""
        corrected = corrected_hessian(self.state.hessian, diagonal)
        return bool((diagonal < 0).any()) or is_bent(corrected, penalty)


@dataclass(frozen=True)
class SharedHessian:
    """The Hessian of the sample at weights of 0, the same for all neurons: one each would cost too many reads."""

    state: State
    bias: int
    is_own: ClassVar[bool] = False
    is_scaled: ClassVar[bool] = True

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return it scaled by the sum of curvatures, which is the bias's element of the exact diagonal."""
        scaled: Array = self.state.hessian * (diagonal[self.bias] / self.state.curvature)
        return scaled

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the inverse of the scaled Hessian."""
        return inverse_hessian(self.of_all_rows(diagonal), penalty)


@dataclass(frozen=True)
class DiagonalOnly:
    """No Hessian, since it would cost more reads than it saves."""

    sample_search: LBFGS | None = None  # over the sample: its pairs are a low-rank picture of the Hessian
    is_own: ClassVar[bool] = False
    is_scaled: ClassVar[bool] = True

    def of_all_rows(self, diagonal: Array) -> Array:
        """Return the exact diagonal, as a matrix of one row."""
        return diagonal[None, :]

    def inverse(self, diagonal: Array, penalty: Array) -> Inverse:
        """Return the inverse of the exact diagonal, corrected by the pairs of the sample."""
        inverse = inverse_diagonal(diagonal, penalty)
        if self.sample_search is None:
            return inverse
        self.sample_search.initial_inverse = inverse
        return self.sample_search.inverse_hessian_times


class Neuron:
    """What Newton's method knows of one class's weights while it searches."""

    def __init__(self, positive: int, point: Array) -> None:
        self.positive = positive  # the class that the neuron separates from all others
        # (padded size,) float64, standardised, bias last: where the search over all rows starts, and finally ended.
        self.point = point
        # Where initial inverses come from.
        self.hessian: OwnHessian | SharedHessian | DiagonalOnly = DiagonalOnly()
        self.found: Found | None = None  # the minimum over the sample
        self.certificate = Certificate(math.inf, 0.0)
        self.search = LBFGS(point, math.inf, np.zeros_like(point), np.copy)  # over all rows
        # (padded size,) float64: of the Hessian over all rows, exact, at the last point that it was read at.
        self.diagonal = np.empty(0)
        self.n_reads_at_hessian = 0  # reads that were done when this search began
        self.wants_diagonal = False  # set once a step gains too little: reads then also return the diagonal
        self.has_gained = False  # whether a step was accepted
        # Whether `point` is one step beyond the last read: a search that ended before any step was accepted takes it.
        self.is_beyond = False
        self.is_done = False  # whether the goal is reached, or nothing more can be gained

    @property
    def exactness(self) -> float:
        """That of the neuron's own Hessian; 0 without one."""
        return self.hessian.state.exactness if isinstance(self.hessian, OwnHessian) else 0.0

    def is_bent(self, penalty: Array) -> bool:
        """Return whether its own Hessian is not positive definite, as far as it is known."""
        return isinstance(self.hessian, OwnHessian) and self.hessian.is_bent(self.diagonal, penalty)


class End(NamedTuple):
    """How a neuron's search ended, in sums over rows.

    Its gap is known where it has a Hessian of its own, or it knows too little of flat directions (gaps on digits were
    off by a factor of 40), an exact one, or it knows nothing of negative curvatures, and where the quadratic model
    holds for the step to its minimum. Without a penalty and an exact Hessian the infimum may not be attained.
    """

    gap: float
    distance: float  # in standard errors
    is_known: bool  # whether the gap is
    is_converged: bool
    separation: str = ""  # see separation.py
