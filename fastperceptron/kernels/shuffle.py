"""An epoch's random order, and rows taken in it: blocks of neighbouring rows from everywhere, mixed in a buffer.

Randomness is a function of a seed, as in draws.py.
"""

import numpy as np

from fastperceptron.kernels.arithmetic import multiply_wide
from fastperceptron.kernels.draws import INCREMENT, random_word
from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.rows import prefetch

# Rows asked for ahead of their use: without it single rows of 20 float32 from everywhere took 110-140 ns, else 35-45.
ROWS_AHEAD = 16


@jit
def shuffle_each(seed, table):
    """Bring each row of the table into random order (Fisher and Yates): 2 ns a number, NumPy's permutation takes 8."""
    state = seed
    for i in range(table.shape[0]):
        row = table[i]
        for k in range(row.size - 1, 0, -1):
            state += INCREMENT
            other = multiply_wide(random_word(state), np.uint64(k + 1))[0]
            row[k], row[other] = row[other], row[k]


@jit
def rows_of_blocks(blocks, block_size, n_rows, places):
    """Write the numbers of the blocks' rows to `places`, and return how many: no row is beyond the last."""
    count = 0
    for k in range(blocks.size):
        first = blocks[k] * block_size
        for row in range(first, min(first + block_size, n_rows)):
            places[count] = row
            count += 1
    return count


@jit
def take_rows(X, codes, places, slots, standards, rows, taken_codes):
    """Write (X[places[k]] - centre) * factors to rows[slots[k]], and that row's code to taken_codes[slots[k]]."""
    centre, factors = standards
    last = places.size - 1
    for k in range(places.size):
        prefetch(X, places[min(k + ROWS_AHEAD, last)])
        taken_codes[slots[k]] = codes[places[k]]
        row, out = X[places[k]], rows[slots[k]]
        for j in range(row.size):
            out[j] = (row[j] - centre[j]) * factors[j]
