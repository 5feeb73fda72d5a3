"""From columns, as tables are stored, to rows, as a neuron reads them."""

from fastperceptron.kernels.jit import jit

# Rows at a time: each of their cache lines is written to while it is in the first level.
COLUMN_STRIP = 16


@jit
def rows_of_columns(columns, X):
    """Write the first values of columns, of shape (d, n or more), to rows, of shape (n, d); both C-contiguous.

    1.1 ns per value with the columns' copy to one array; NumPy's X[:, j] = column takes 2.1, its transpose 1.7.
    """
    for start in range(0, X.shape[0], COLUMN_STRIP):
        stop = min(start + COLUMN_STRIP, X.shape[0])
        for j in range(X.shape[1]):
            column = columns[j]
            for row in range(start, stop):
                X[row, j] = column[row]


@jit
def sparse_rows_of_columns(columns, places, rows):
    """Write the values of columns that are not 0 to CSR rows; return how many these are.

    columns, places : (d, n) or wider: of each column and row, the value and the feature that it belongs to
    rows : (indptr, indices, values): indptr[0] is set, and the other two have room for d * n values
    """
    indptr, indices, values = rows
    n_stored = indptr[0]
    for row in range(indptr.size - 1):
        for j in range(columns.shape[0]):
            # Written always, and kept where it is not 0.
            indices[n_stored], values[n_stored] = places[j, row], columns[j, row]
            n_stored += columns[j, row] != 0
        indptr[row + 1] = n_stored
    return n_stored
