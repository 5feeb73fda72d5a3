"""Sums of values by group, each in the order of the rows: so they are the same for any blocks of the same rows."""

from fastperceptron.kernels.jit import jit


@jit
def add_to_groups(groups, values, sums):
    """Add values[i], of shape (n_columns,), to sums[groups[i]]."""
    for i in range(groups.size):
        for j in range(values.shape[1]):
            sums[groups[i], j] += values[i, j]
