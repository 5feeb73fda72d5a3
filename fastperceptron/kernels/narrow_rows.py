"""Rows of few values transposed in cache: vectors then run along the rows, each of which is too short for one.

LLVM makes vector code only if the loop over rows is the outer one and the number of columns is a constant: 0.25 ns per
row of 2 instead of 0.85. Each constant is compiled separately, which takes 0.5 s, so there are four.
"""

from fastperceptron.kernels.jit import jit

# Columns that `set_columns` writes at most.
MOST = 4


@jit
def set_columns(values, n_rows, centre, columns):
    """Write values, stored row by row, less the centre (or None), to all columns but the last, at most MOST."""
    n_features = columns.shape[0] - 1
    if n_features == 1:
        split(values, 1, n_rows, centre, columns)
    elif n_features == 2:
        split(values, 2, n_rows, centre, columns)
    elif n_features == 3:
        split(values, 3, n_rows, centre, columns)
    else:
        split(values, MOST, n_rows, centre, columns)


@jit
def split(values, n_features, n_rows, centre, columns):
    """Write values[k * n_features + j] - centre[j] to columns[j, k]."""
    for k in range(n_rows):
        for j in range(n_features):
            x = columns.dtype.type(values[k * n_features + j])
            columns[j, k] = x if centre is None else x - centre[j]


@jit
def set_ones(columns):
    """Write ones to the last column, that of the bias."""
    last = columns.shape[0] - 1
    for k in range(columns.shape[1]):
        columns[last, k] = 1
