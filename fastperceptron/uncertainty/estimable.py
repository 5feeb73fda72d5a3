"""Inverses of information matrices, and which coefficients the data determine.

A matrix is scaled to a unit diagonal, then swept column by column, the intercept first (Goodnight 1979, A tutorial on
the sweep operator). A column that earlier ones explain up to rounding is left out, as in R; what explains it is a
vector along which the likelihood is flat: either no row changes along it, and the data do not determine a coefficient
in it; or only rows do whose probability is 0 or 1 already, which are separated.
Elementwise operations only: the bits of LAPACK's inverses depend on the CPU and the number of threads.
"""

from typing import NamedTuple

import numpy as np

from fastperceptron.checks import Array

# A column of which the earlier ones leave less than this share, squared, is explained by them.
LEAST_SHARE = 1e-13
# A column with less than this part in a flat direction has none.
LEAST_PART = 1e-5


class Relation(NamedTuple):
    """A column that earlier ones explain, by the weights of the information matrix."""

    column: int
    others: list[int]  # the columns that explain it
    direction: Array  # (k,) float64: the vector along which the matrix is 0


class Inverse(NamedTuple):
    """The inverse of a symmetric matrix, and what it could not invert."""

    matrix: Array  # (k, k) float64: rows and columns of what was left out are 0
    left_out: Array  # (k,) bool: zero columns, and those that earlier ones explain
    relations: list[Relation]


def inverse_of(matrix: Array, first: int = -1) -> Inverse:
    """Return the inverse of a matrix that is positive semidefinite; the column `first` is swept before the others."""
    k = len(matrix)
    diagonal = matrix.diagonal()
    is_zero = ~(diagonal > 0)
    scale = 1.0 / np.sqrt(np.where(is_zero, 1.0, diagonal))
    swept = matrix * scale * scale[:, None]
    swept[is_zero], swept[:, is_zero] = 0.0, 0.0
    order = [first % k, *(j for j in range(k) if j != first % k)] if k else []
    left_out, done = is_zero.copy(), np.zeros(k, bool)
    relations: list[Relation] = []
    for j in order:
        if is_zero[j]:
            continue
        pivot = swept[j, j]
        if not pivot > LEAST_SHARE:
            left_out[j] = True
            parts = np.where(done, -swept[:, j], 0.0)
            direction = parts * scale / scale[j]
            direction[j] = 1.0
            relations.append(Relation(j, np.flatnonzero(np.abs(parts) > LEAST_PART).tolist(), direction))
            continue
        done[j] = True
        column, row = swept[:, j].copy(), swept[j] / pivot
        swept -= column[:, None] * row
        swept[j], swept[:, j] = row, -column / pivot
        swept[j, j] = 1.0 / pivot
    swept[left_out], swept[:, left_out] = 0.0, 0.0
    inverse = swept * scale * scale[:, None]
    # Sweeping keeps symmetry up to the sign of rounding.
    return Inverse((inverse + inverse.T) / 2, left_out, relations)


def product(*matrices: Array) -> Array:
    """Return the matrix product; einsum's own loops do not depend on the number of threads, as BLAS does."""
    result = matrices[0]
    for matrix in matrices[1:]:
        result = np.einsum("ij,jk->ik", result, matrix, optimize=False)
    return result
