"""An epoch's random order, and rows taken in it: blocks of neighbouring rows from everywhere, mixed in a buffer.

Randomness is a function of a seed, as in draws.py.
"""

import numpy as np
from numba.core import cgutils, types

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import multiply_wide
from fastperceptron.kernels.draws import INCREMENT, random_word
from fastperceptron.kernels.jit import intrinsic, jit
from fastperceptron.kernels.rows import elements_of, prefetch

# Rows asked for ahead of their use: without it single rows of 20 float32 from everywhere took 110-140 ns, then 25-45.
# Wide rows are fewer, or the first-level cache would lose the first before they are used.
ROWS_AHEAD, ELEMENTS_AHEAD = 64, 2048


@jit
def shuffle_each(seed, table):
    """Bring each row of the table into random order (Fisher and Yates): 1.8 ns a number in cache, NumPy's takes 10."""
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


def _standardise_row_in_python(X, i, centre, factors, rows, k):
    for j in range(X.shape[1]):
        rows[k, j] = (X[i, j] - centre[j]) * factors[j]


@intrinsic(_standardise_row_in_python)
def standardise_row(typing_context, X, i, centre, factors, rows, k):
    """Write (X[i] - centre) * factors to rows[k]; there are at least LANES columns, and all have the same precision.

    The last chunk overlaps the one before where the columns are no whole chunks: 10.1 ns a row of 20, as a loop 11.5.
    """

    def generate(context, builder, signature, arguments):
        array_types = (X, centre, factors, rows)
        source, first_centre, first_factor, target = (
            elements_of(context, builder, array_type, arguments[k])[0]
            for array_type, k in zip(array_types, (0, 2, 3, 4), strict=True)
        )
        _, width = cgutils.unpack_tuple(builder, context.make_array(X)(context, builder, arguments[0]).shape)
        row, out = (
            builder.gep(first, [builder.mul(number, width)])
            for first, number in ((source, arguments[1]), (target, arguments[5]))
        )

        def standardise_chunk(offset):
            centred = builder.fsub(vectors.load(builder, row, offset), vectors.load(builder, first_centre, offset))
            scaled = builder.fmul(centred, vectors.load(builder, first_factor, offset))
            vectors.store(builder, scaled, out, offset)

        with cgutils.for_range(builder, builder.sdiv(width, vectors.INDEX(vectors.LANES))) as loop:
            standardise_chunk(builder.mul(loop.index, vectors.INDEX(vectors.LANES)))
        standardise_chunk(builder.sub(width, vectors.INDEX(vectors.LANES)))
        return context.get_dummy_value()

    return types.none(X, types.int64, centre, factors, rows, types.int64), generate


@jit
def take_rows(X, codes, places, slots, coordinates, rows, taken_codes):
    """Write (X[places[k]] - centre) * factors to rows[slots[k]], and that row's code to taken_codes[slots[k]]."""
    centre, factors = coordinates
    last, is_wide = places.size - 1, X.shape[1] >= vectors.LANES
    ahead = max(1, min(ROWS_AHEAD, ELEMENTS_AHEAD // X.shape[1]))
    for k in range(places.size):
        prefetch(X, places[min(k + ahead, last)])
        taken_codes[slots[k]] = codes[places[k]]
        if is_wide:
            standardise_row(X, places[k], centre, factors, rows, slots[k])
        else:
            row, out = X[places[k]], rows[slots[k]]
            for j in range(row.size):
                out[j] = (row[j] - centre[j]) * factors[j]
