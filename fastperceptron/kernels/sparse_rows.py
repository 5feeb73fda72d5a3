"""Sparse rows (CSR) as dense ones."""

from fastperceptron.kernels.jit import jit


@jit
def scatter_rows(rows, places, out):
    """Write the stored values of the rows with these numbers to `out`, (n, n_features), which holds zeros.

    rows : (indptr, indices, values); row i is stored from indptr[i] to indptr[i + 1]
    """
    indptr, indices, values = rows
    for k in range(places.size):
        row = out[k]
        for e in range(indptr[places[k]], indptr[places[k] + 1]):
            row[indices[e]] = values[e]


@jit
def are_ones(values):
    """Return whether there are values and all are 1; it ends at the first that is not."""
    for e in range(values.size):
        if values[e] != 1:
            return False
    return values.size > 0
