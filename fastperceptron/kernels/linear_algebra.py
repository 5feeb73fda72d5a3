"""Small dense solves, float64: LAPACK's bits change with the CPU and the number of threads, these do not.

Matrices and vectors have the padded size of the weights (a multiple of the lanes); what is beyond the weights is zero.
"""

import math

import numpy as np

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.outer_products import BLOCK, TILE, add_products, add_upper_triangle, packed_shape
from fastperceptron.kernels.rows import sum_of_products
from fastperceptron.kernels.vectors import LANES

# A pivot below this share of its diagonal element is rounding error.
SMALLEST_PIVOT = 1e-13


@jit
def inner_product(a, b):
    """Return a . b of two vectors of padded size."""
    return sum_of_products(a, b)


@jit
def add_product(factor, vector, total):
    """Add factor * vector to the total: the bits of NumPy, which first writes the product to memory."""
    for j in range(total.size):
        total[j] += factor * vector[j]


@jit
def add_in_order(parts, total):
    """Add parts[0], parts[1], ... to the total, which has their shape."""
    flat = total.reshape(total.size)
    for k in range(parts.shape[0]):
        part = parts[k].reshape(total.size)
        for j in range(flat.size):
            flat[j] += part[j]


def factorise(matrix):
    """Replace a matrix, whose upper triangle counts, by its lower Cholesky factor; return whether it has one.

    Where a diagonal element is 0, as beyond the weights, so is its row of the factor. In blocks, it takes a quarter of
    the time of a row at a time at 64 and 200 columns, and less than LAPACK's.
    """
    size = min(matrix.shape[0], TILE)
    return factorise_in_blocks(matrix.diagonal().copy(), matrix, np.full(BLOCK, -1.0), np.empty(packed_shape(size, 8)))


@jit
def factorise_in_blocks(diagonal, factor, minus_ones, packed):
    """Do what `factorise` does; `diagonal` is the matrix's.

    BLOCK rows of the upper factor, LANES at a time: then their products are taken off all that is below.
    """
    size = factor.shape[0]
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        for i in range(start, stop, LANES):
            rows = factor[i : i + LANES]
            for j in range(i, size, TILE):
                add_products(factor[start:i], minus_ones, None, (i, j), packed, rows[:, j : min(j + TILE, size)])
            if not finish_rows(rows, i, diagonal):
                return False
        add_upper_triangle(factor[start:stop], minus_ones, None, stop, packed, factor[stop:, stop:])
    for i in range(0, size, LANES):
        for j in range(i, size, LANES):
            transpose(factor, i, j)
    return True


@jit
def finish_rows(rows, first, diagonal):
    """Make rows of the upper factor, from `first` on, of which only their own products are left to take off."""
    for i in range(rows.shape[0]):
        row, place = rows[i, first:], first + i
        for k in range(i):
            above, value = rows[k, first:], rows[k, place]
            for j in range(row.size):
                row[j] -= value * above[j]
        pivot = row[i]
        if diagonal[place] != 0.0 and not pivot > SMALLEST_PIVOT * diagonal[place]:
            return False
        inverse = 1.0 / math.sqrt(pivot) if pivot > 0.0 else 0.0
        for j in range(row.size):
            row[j] *= inverse
    return True


@jit
def transpose(matrix, i, j):
    """Move the block [i, j] of LANES rows to [j, i]; what was above the diagonal becomes 0."""
    for row in range(i, i + LANES):
        for column in range(max(j, row + 1), j + LANES):
            matrix[column, row] = matrix[row, column]
            matrix[row, column] = 0.0


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
