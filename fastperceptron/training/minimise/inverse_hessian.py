"""Inverse Hessians to start L-BFGS from: of a sample, corrected by the exact diagonal, or of the diagonal alone."""

from collections.abc import Callable

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.kernels.linear_algebra import factorise, solve
from fastperceptron.training.problem import overflow

SMALLEST_RAISE = 1e-10
ROUNDING = 1e-15
BARELY = 1e-8
# What a sample tells of a column's curvature may be off by so much, by chance.
BY_CHANCE = 1.25

Precondition = Callable[[Array], Array]


def factor_of(hessian: Array, penalty: Array) -> Array | None:
    """Return the Cholesky factor of the penalised Hessian, or None where it is not positive definite."""
    matrix, factor = hessian.copy(), np.zeros_like(hessian)
    matrix.reshape(-1)[:: penalty.size + 1] += penalty
    return factor if factorise(matrix, factor) else None


def raised_factor_of(hessian: Array, penalty: Array) -> Array:
    """Return the factor of a finite Hessian with its diagonal raised as little as it takes."""
    diagonal = np.abs(np.diag(hessian)) + penalty
    if not np.isfinite(hessian).all():
        raise overflow()
    unit = np.maximum(diagonal, diagonal.max() * ROUNDING) * (diagonal > 0)
    raised = 0.0
    while (factor := factor_of(hessian, penalty + raised * unit)) is None:
        raised = max(SMALLEST_RAISE, raised * 100)
    return factor


def is_bent(hessian: Array, penalty: Array) -> bool:
    """Whether the penalised Hessian has a negative eigenvalue; those of collinear columns are 0, or rounding."""
    diagonal = hessian.diagonal()
    return bool((diagonal < 0).any()) or factor_of(hessian, penalty + BARELY * diagonal) is None


def inverse_hessian(hessian: Array, penalty: Array) -> Precondition:
    """Return the product with the inverse of the penalised Hessian; a parameter it says nothing of stays put."""
    penalty = np.where(hessian.diagonal() != 0, penalty, 0.0)
    factor = factor_of(hessian, penalty)
    if factor is None:
        factor = raised_factor_of(hessian, penalty)

    def precondition(vector: Array) -> Array:
        solution = vector.copy()
        solve(factor, solution)
        return solution

    return precondition


def corrected_hessian(sampled: Array, diagonal: Array) -> Array:
    """Return the sample's Hessian with the exact diagonal of all rows, where that is another than chance makes it.

    A rare column is seen by few rows of the sample, or none: its correlations then matter less than its size. All other
    columns change by one factor, lest directions that are flat by collinearity turn, and steps along them get long
    (correlated columns took 7 reads instead of 4).
    """
    of_sample = sampled.diagonal()
    is_seen = (of_sample > 0) & (diagonal > 0)
    ratios = np.zeros(diagonal.size)
    ratios[is_seen] = diagonal[is_seen] / of_sample[is_seen]
    usual = np.sort(ratios[is_seen])[is_seen.sum() // 2] if is_seen.any() else 1.0
    ratios[is_seen & (usual < ratios * BY_CHANCE) & (ratios < usual * BY_CHANCE)] = usual
    factors = np.sqrt(ratios)
    hessian: Array = sampled * factors[:, None] * factors
    is_unseen = ~is_seen & (diagonal > 0)
    hessian[is_unseen, is_unseen] = diagonal[is_unseen]
    return hessian


def inverse_diagonal(diagonal: Array, penalty: Array) -> Precondition:
    """Return the product with the inverse of a diagonal Hessian."""
    total = np.maximum(diagonal, 0.0) + np.where(diagonal > 0, penalty, 0.0)
    inverse = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return lambda vector: inverse * vector
