"""Decision values of a block of rows: z = w . x + b in float64, whatever the rows are.

Four rows at a time, yet each row's bits are those of `dot` alone: they do not depend on the batch it came in.
"""

from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.rows import dot, dot_four, prefetch
from fastperceptron.kernels.vectors import CACHE_LINE

# Rows prefetched ahead of their use, as the hardware stops at each page of 4 KB. ns per row with and without: 5.1 and
# 6.9 for 20 float32 features, 9.7 and 13.1 for 40, 285 and 308 for 1000. Rows narrower than a cache line gain nothing.
ROWS_AHEAD = 32


@inlined
def end_of_prefetch(X):
    """Return the number of the row at which prefetching ends: 0 for rows narrower than a cache line."""
    return X.shape[0] if X.shape[1] * X.itemsize >= CACHE_LINE else 0


@jit
def tile_decision_values(X, start, weights, out):
    """Write weights . (X[start + i], 1) to out[i]."""
    whole, end = out.size // 4 * 4, end_of_prefetch(X)
    for i in range(0, whole, 4):
        row = start + i
        for ahead in range(row + ROWS_AHEAD, min(row + ROWS_AHEAD + 4, end)):
            prefetch(X, ahead)
        out[i], out[i + 1], out[i + 2], out[i + 3] = dot_four(X, (row, row + 1, row + 2, row + 3), weights)
    for i in range(whole, out.size):
        out[i] = dot(X, start + i, weights)


@jit
def decision_values(X, weights, out):
    """Write weights . (X[i], 1) to out[i]."""
    tile_decision_values(X, 0, weights, out)


@jit
def class_decision_values(X, start, weights, out):
    """Write weights[k] . (X[start + i], 1) to out[i, k], for all classes k while the rows are in cache."""
    whole, end = out.shape[0] // 4 * 4, end_of_prefetch(X)
    for i in range(0, whole, 4):
        row = start + i
        for ahead in range(row + ROWS_AHEAD, min(row + ROWS_AHEAD + 4, end)):
            prefetch(X, ahead)
        for k in range(weights.shape[0]):
            z = dot_four(X, (row, row + 1, row + 2, row + 3), weights[k])
            out[i, k], out[i + 1, k], out[i + 2, k], out[i + 3, k] = z
    for i in range(whole, out.shape[0]):
        for k in range(weights.shape[0]):
            out[i, k] = dot(X, start + i, weights[k])
