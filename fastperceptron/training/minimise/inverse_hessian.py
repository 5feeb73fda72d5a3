"""Products with the inverse of a Hessian: for Newton steps, and to start L-BFGS from.

A Hessian is a matrix of which the upper triangle counts, or its diagonal alone as a matrix of one row. The penalty, a
vector, is added to the diagonal. A parameter whose diagonal and penalty are 0, as in the padding, stays where it is.
"""

from collections.abc import Callable

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import factorise, solve
from fastperceptron.training.problem import overflow

# The first raise of a singular Hessian's diagonal, relative; each further one is 100 times as large.
SMALLEST_RAISE = 1e-10
# A diagonal element below this share of the largest is raised as if it were that share.
SMALLEST_DIAGONAL = 1e-15
# Eigenvalues of collinear columns are 0, or rounding of this size relative to the diagonal.
EIGENVALUE_ROUNDING = 1e-8

Inverse = Callable[[Array], Array]
"""A function from a vector to the product of the inverse Hessian with it."""


def diagonal_of(hessian: Array) -> Array:
    """Return the diagonal."""
    return hessian[0] if hessian.shape[0] == 1 else hessian.diagonal()


def exact_inverse(hessian: Array, penalty: Array) -> Inverse | None:
    """Return the inverse of the penalised Hessian, or None where that is not positive definite."""
    if hessian.shape[0] == 1:
        return None if (hessian[0] < 0).any() else inverse_diagonal(hessian[0], penalty)
    factor = _factor_of(hessian, penalty)
    if factor is None:
        return None

    def solve_for(vector: Array) -> Array:
        solution = vector.copy()
        solve(factor, solution)
        return solution

    return solve_for


def raised_inverse(hessian: Array, penalty: Array) -> Inverse:
    """Return the inverse of the penalised Hessian with its diagonal raised until it is positive definite.

    Raises
    ------
    ValueError
        If the Hessian is not finite.
    """
    if not np.isfinite(hessian).all():
        raise overflow()
    diagonal = diagonal_of(hessian)
    total = np.abs(diagonal) + penalty
    unit = np.maximum(total, total.max() * SMALLEST_DIAGONAL) * (total > 0)
    raised = 0.0
    while (inverse := exact_inverse(hessian, penalty + raised * unit)) is None:
        raised = max(SMALLEST_RAISE, raised * 100)
    return inverse


def inverse_hessian(hessian: Array, penalty: Array) -> Inverse:
    """Return the inverse of the penalised Hessian, raised if need be. A parameter with a diagonal of 0 stays put."""
    penalty = np.where(diagonal_of(hessian) != 0, penalty, 0.0)
    return exact_inverse(hessian, penalty) or raised_inverse(hessian, penalty)


def inverse_diagonal(diagonal: Array, penalty: Array) -> Inverse:
    """Return the inverse of a penalised diagonal Hessian. A parameter with a diagonal of 0 stays put."""
    total = np.maximum(diagonal, 0.0) + np.where(diagonal > 0, penalty, 0.0)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return lambda vector: inverse * vector


def _factor_of(hessian: Array, penalty: Array) -> Array | None:
    """Return the lower Cholesky factor of the penalised Hessian, or None where it is not positive definite."""
    matrix = hessian.copy()
    matrix.reshape(-1)[:: penalty.size + 1] += penalty
    return matrix if factorise(matrix) else None


def is_bent(hessian: Array, penalty: Array) -> bool:
    """Return whether the penalised Hessian has a negative eigenvalue beyond rounding."""
    diagonal = diagonal_of(hessian)
    return bool((diagonal < 0).any()) or exact_inverse(hessian, penalty + EIGENVALUE_ROUNDING * diagonal) is None


def with_unseen_columns(sampled: Array, diagonal: Array) -> Array:
    """Return a sample's Hessian with the exact diagonal of the columns that no sampled row has.

    Columns that it has are not scaled to theirs: that would turn the directions that are flat by collinearity, and
    steps along them would be too long (up to twice the reads on real tables of categories).
    """
    is_unseen = (sampled.diagonal() <= 0) & (diagonal > 0)
    if not is_unseen.any():
        return sampled
    hessian = sampled.copy()
    hessian[is_unseen, is_unseen] = diagonal[is_unseen]
    return hessian
