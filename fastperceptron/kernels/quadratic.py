"""Small kernels of a quadratic model of many rows, and the random order in which a memory of them keeps some."""

import numpy as np

from fastperceptron.kernels.draws import INCREMENT, random_word
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import sum_of_products
from fastperceptron.kernels.vectors import LANES

# The upper 53 bits of a word, plus a half, times this: above 0 and below 1.
UNIT = 2.0**-53
UPPER_BITS = np.uint64(11)


@jit
def symmetric_product(matrix, x, out):
    """Write matrix x to `out`, zeros so far; of the symmetric matrix the upper triangle alone is read."""
    for i in range(x.size):
        row, value = matrix[i], x[i]
        whole = (i + LANES) // LANES * LANES
        for j in range(i + 1, whole):
            out[i] += row[j] * x[j]
        out[i] += row[i] * value + sum_of_products(row[whole:], x[whole:])
        for j in range(i + 1, x.size):
            out[j] += row[j] * value


@jit
def draw_shares(seed, first, out):
    """Write the draws first, first + 1, ... of a seed: uniform between 0 and 1, never either."""
    state = seed + np.uint64(first) * INCREMENT
    for k in range(out.size):
        state += INCREMENT
        out[k] = (np.float64(random_word(state) >> UPPER_BITS) + 0.5) * UNIT
