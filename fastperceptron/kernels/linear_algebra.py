"""Small dense solves, float64: LAPACK's bits change with the CPU and the number of threads, these do not.

Matrices and vectors have the padded size of the weights (a multiple of the lanes); what is beyond the weights is zero.
"""

import math

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import sum_of_products
from fastperceptron.kernels.vectors import LANES

# A pivot below this share of its diagonal element is rounding error.
SMALLEST_PIVOT = 1e-13


@jit
def inner_product(a, b):
    """Return a . b of two vectors of padded size."""
    return sum_of_products(a, b)


@jit
def add_in_order(parts, total):
    """Add parts[0], parts[1], ... to the total, which has their shape."""
    flat = total.reshape(total.size)
    for k in range(parts.shape[0]):
        part = parts[k].reshape(total.size)
        for j in range(flat.size):
            flat[j] += part[j]


@jit
def factorise(matrix, factor):
    """Write the lower Cholesky factor of the matrix's upper triangle; return whether it is positive definite.

    `factor` starts as zeros. Where a diagonal element is 0, as beyond the weights, so is its row of the factor.
    """
    for i in range(matrix.shape[0]):
        row = factor[i]
        for j in range(i):
            if factor[j, j] > 0.0:
                whole = (j + LANES) // LANES * LANES
                row[j] = (matrix[j, i] - sum_of_products(row[:whole], factor[j, :whole])) / factor[j, j]
        pivot = matrix[i, i] - sum_of_products(row, row)
        if matrix[i, i] != 0.0 and not pivot > SMALLEST_PIVOT * matrix[i, i]:
            return False
        row[i] = math.sqrt(max(pivot, 0.0))
    return True


@jit
def solve(factor, x):
    """Replace x by the solution of factor factor^T s = x; where the factor has no row, the solution is 0."""
    n = x.size
    for i in range(n):
        whole = i // LANES * LANES
        known = sum_of_products(factor[i, :whole], x[:whole])
        for j in range(whole, i):
            known += factor[i, j] * x[j]
        x[i] = (x[i] - known) / factor[i, i] if factor[i, i] > 0.0 else 0.0
    for i in range(n - 1, -1, -1):
        x[i] = x[i] / factor[i, i] if factor[i, i] > 0.0 else 0.0
        row, value = factor[i], x[i]
        for j in range(i):
            x[j] -= value * row[j]
