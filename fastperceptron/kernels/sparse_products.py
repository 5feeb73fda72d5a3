"""Products with sparse rows (CSR): z of each row, and sums over rows, which are scattered into a table of columns.

Neurons stand together: a stored value meets the weights of all of them in one cache line, `TOGETHER` at a time. Values
are widened in registers, all sums are float64. A neuron's sums have the same bits beside any others: its z is the sum
of LANES lanes (sparse_vectors.py), and its sums over rows are in the rows' order.

All places are unsigned: of signed ones, Numba asks each time whether they count from the end.
"""

import numpy as np

from fastperceptron.kernels.jit import jit
from fastperceptron.kernels.sparse_vectors import (
    TOGETHER,
    four_stored_dots,
    set_eight_dots,
    set_products,
    stored_dot,
)
from fastperceptron.kernels.vectors import LANES

# Stored values of a group of rows that are multiplied by slopes before they are scattered.
PRODUCTS = 8192
ONE, TWO, THREE, FOUR = (np.uint64(number) for number in (1, 2, 3, 4))


def padded_neurons(n_neurons):
    """Return the number of neurons that kernels compute: one, or a multiple of TOGETHER."""
    return 1 if n_neurons == 1 else -(-n_neurons // TOGETHER) * TOGETHER


@jit
def set_z(rows, first, weights, biases, z):
    """Write z of the rows from `first` on, (n_rows, padded neurons) float64.

    rows : (indptr, indices, values), uint64, uint32 and float; row i is stored from indptr[i] to indptr[i + 1]
    weights, biases : (n_features, padded neurons) and (padded neurons,) float64
    """
    indptr, indices, values = rows
    if weights.shape[1] == 1:
        flat_z, flat_weights, bias = z.reshape(z.size), weights.reshape(weights.size), biases[0]
        whole = flat_z.size // LANES * LANES
        for i in range(0, whole, LANES):
            set_eight_dots(indptr, (indices, values), first + np.uint64(i), flat_weights, bias, flat_z, i)
        for i in range(whole, flat_z.size):
            row = first + np.uint64(i)
            flat_z[i] = bias + stored_dot((indices, values), indptr[row], indptr[row + ONE], flat_weights)
        return
    for i in range(z.shape[0]):
        row = first + np.uint64(i)
        for k in range(0, z.shape[1], TOGETHER):
            four = four_stored_dots((indices, values), indptr[row], indptr[row + ONE], weights, np.uint64(k))
            for lane in range(TOGETHER):
                z[i, k + lane] = biases[k + lane] + four[lane]


@jit
def add_rows(rows, first, slopes, table, products, are_ones):
    """Add slope * value of the rows from `first` on to the table, (n_features, padded neurons) float64.

    products : (PRODUCTS + LANES,) float64, scratch
    are_ones : whether all values are 1; they are not read then
    """
    indptr, indices, values = rows
    begin, end = indptr[first], indptr[first + np.uint64(slopes.shape[0])]
    if table.shape[1] > 1:
        add_rows_of_many(rows, first, slopes, table)
    elif are_ones:
        add_ones(rows, first, slopes.reshape(slopes.size), table.reshape(table.size))
    elif end - begin <= PRODUCTS:
        flat_slopes = slopes.reshape(slopes.size)
        for i in range(flat_slopes.size):
            start, stop = indptr[first + np.uint64(i)], indptr[first + np.uint64(i) + ONE]
            set_products(values, start, stop, flat_slopes[i], products, start - begin)
        scatter(indices, begin, end, products, table.reshape(table.size))
    else:
        flat_table = table.reshape(table.size)
        for i in range(slopes.shape[0]):
            row, slope = first + np.uint64(i), slopes[i, 0]
            for e in range(indptr[row], indptr[row + ONE]):
                flat_table[indices[e]] += slope * values[e]


@jit
def scatter(indices, begin, end, products, table):
    """Add products to the table's elements indices[begin:end], in their order."""
    e, k = begin, np.uint64(0)
    while e + FOUR <= end:
        table[indices[e]] += products[k]
        table[indices[e + ONE]] += products[k + ONE]
        table[indices[e + TWO]] += products[k + TWO]
        table[indices[e + THREE]] += products[k + THREE]
        e, k = e + FOUR, k + FOUR
    while e < end:
        table[indices[e]] += products[k]
        e, k = e + ONE, k + ONE


@jit
def add_ones(rows, first, slopes, table):
    """Add rows whose stored values are 1 to the table of one neuron: 0.9 instead of 1.2 ms per 1.5 million values."""
    indptr, indices, _ = rows
    for i in range(slopes.size):
        row, slope = first + np.uint64(i), slopes[i]
        e, stop = indptr[row], indptr[row + ONE]
        while e + TWO <= stop:
            table[indices[e]] += slope
            table[indices[e + ONE]] += slope
            e += TWO
        if e < stop:
            table[indices[e]] += slope


@jit
def add_rows_of_many(rows, first, slopes, table):
    """Add rows to a table of several neurons."""
    indptr, indices, values = rows
    for i in range(slopes.shape[0]):
        row = first + np.uint64(i)
        for k in range(0, table.shape[1], TOGETHER):
            neuron = np.uint64(k)
            one, two, three, four = slopes[i, k], slopes[i, k + 1], slopes[i, k + 2], slopes[i, k + 3]
            for e in range(indptr[row], indptr[row + ONE]):
                j, x = indices[e], values[e]
                table[j, neuron] += one * x
                table[j, neuron + ONE] += two * x
                table[j, neuron + TWO] += three * x
                table[j, neuron + THREE] += four * x
