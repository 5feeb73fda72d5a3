"""Decision values of sparse rows, and whether CSR arrays are as kernels take them.

z has the bits that the same row has when it is dense: element j is added to lane j mod LANES, and the lanes are added
as `dot` adds them (vectors.py). Zeros, which are not stored, would change no lane. So it does not matter whether rows
are held sparse. Each row is one sum in a fixed order.
"""

import numpy as np

from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import inlined, jit
from fastperceptron.kernels.vectors import LANES

LAST_LANE = np.uint64(LANES - 1)


@inlined
def total_of_lanes(lanes):
    """Return the sum of eight lanes: upper half to lower half, until one is left."""
    a, b = lanes[0] + lanes[4], lanes[1] + lanes[5]
    return (a + (lanes[2] + lanes[6])) + (b + (lanes[3] + lanes[7]))


@inlined
def add_to_lanes(rows, row, weights, lanes):
    """Set lanes to the sums of weights . (row, 1); the bias is the last element of the dense row."""
    indptr, indices, values = rows
    for lane in range(LANES):
        lanes[lane] = 0.0
    for k in range(indptr[row], indptr[row + 1]):
        # Unsigned, since Numba makes negative numbers count from the end: that took 1 of 3 ns per value.
        j = np.uint64(np.uint32(indices[k]))
        lane = j & LAST_LANE
        lanes[lane] = fma(np.float64(values[k]), weights[j], lanes[lane])


@jit
def sparse_decision_values(rows, n_features, weights, lanes, out):
    """Write weights . (row i, 1) to out[i].

    rows : (indptr, indices, values), CSR
    weights : (padded size,) float64, the bias behind the features
    lanes : (LANES,) float64, scratch
    """
    for i in range(out.size):
        add_to_lanes(rows, i, weights, lanes)
        lanes[n_features % LANES] += weights[n_features]
        out[i] = total_of_lanes(lanes)


@jit
def sparse_class_decision_values(rows, n_features, weights, lanes, out):
    """Write weights[:, k] . (row i, 1) to out[i, k].

    weights : (n_features + 1, n_classes) float64: those of one feature are neighbours
    lanes : (LANES, n_classes) float64, scratch
    """
    indptr, indices, values = rows
    for i in range(out.shape[0]):
        for lane in range(LANES):
            for k in range(out.shape[1]):
                lanes[lane, k] = 0.0
        for place in range(indptr[i], indptr[i + 1]):
            j = np.uint64(np.uint32(indices[place]))
            own, factors, value = lanes[j & LAST_LANE], weights[j], np.float64(values[place])
            for k in range(out.shape[1]):
                own[k] = fma(value, factors[k], own[k])
        for k in range(out.shape[1]):
            lanes[n_features % LANES, k] += weights[n_features, k]
            out[i, k] = total_of_lanes(lanes[:, k])


@jit
def is_canonical(rows, n_features):
    """Return whether in each row columns ascend, from 0 to n_features - 1 at most, and no stored value is 0."""
    indptr, indices, values = rows
    n_wrong = 0
    # All neighbours are compared in one vectorised loop, and those in two rows taken off again: 3.8 instead of 5.3 ms
    # for 8 million values in rows of 42.
    for k in range(indices.size - 1):
        n_wrong += indices[k + 1] <= indices[k]
    for i in range(indptr.size - 1):
        start, stop = indptr[i], indptr[i + 1]
        if start < stop:
            n_wrong += (indices[start] < 0) | (indices[stop - 1] >= n_features)
            if start > 0:
                n_wrong -= indices[start] <= indices[start - 1]
    are_stored = True
    for k in range(values.size):
        are_stored &= values[k] != 0
    return are_stored & (n_wrong == 0)
