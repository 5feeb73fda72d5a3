"""Products with sparse rows (CSR): z of each row, and sums over rows, which are scattered into a table of columns.

Neurons stand together: a stored value meets the weights of all of them in one cache line, `TOGETHER` at a time. Values
are widened in registers, all sums are float64. A neuron's sums have the same bits beside any others: its z is four
interleaved sums (one alone would wait for each addition), and its sums over rows are in the rows' order.

All places are unsigned: of signed ones, Numba asks each time whether they count from the end.
"""

import numpy as np

from fastperceptron.kernels.jit import inlined, jit

# Neurons that are computed together: their number is padded to a multiple of it, but for one alone.
TOGETHER = 4
ONE, TWO, THREE, FOUR = (np.uint64(number) for number in (1, 2, 3, 4))


def padded_neurons(n_neurons):
    """Return the number of neurons that kernels compute: one, or a multiple of TOGETHER."""
    return 1 if n_neurons == 1 else -(-n_neurons // TOGETHER) * TOGETHER


@inlined
def z_of_one(stored, start, stop, weights):
    """Return the sum of value * weight over the stored values from start to stop; weights are (n_features,)."""
    (places, values), e = stored, start
    first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
    while e + FOUR <= stop:
        first += values[e] * weights[places[e]]
        second += values[e + ONE] * weights[places[e + ONE]]
        third += values[e + TWO] * weights[places[e + TWO]]
        fourth += values[e + THREE] * weights[places[e + THREE]]
        e += FOUR
    while e < stop:
        first += values[e] * weights[places[e]]
        e += ONE
    return (first + second) + (third + fourth)


@inlined
def add_product(lanes, value, weights, place, neuron):
    """Return four sums with value * weight of four neurons added."""
    return (
        lanes[0] + value * weights[place, neuron],
        lanes[1] + value * weights[place, neuron + ONE],
        lanes[2] + value * weights[place, neuron + TWO],
        lanes[3] + value * weights[place, neuron + THREE],
    )


@inlined
def z_of_four(stored, start, stop, weights, neuron):
    """Return the sums of value * weight of four neurons; weights are (n_features, padded neurons)."""
    (places, values), e = stored, start
    first = second = third = fourth = (0.0, 0.0, 0.0, 0.0)
    while e + FOUR <= stop:
        first = add_product(first, values[e], weights, places[e], neuron)
        second = add_product(second, values[e + ONE], weights, places[e + ONE], neuron)
        third = add_product(third, values[e + TWO], weights, places[e + TWO], neuron)
        fourth = add_product(fourth, values[e + THREE], weights, places[e + THREE], neuron)
        e += FOUR
    while e < stop:
        first = add_product(first, values[e], weights, places[e], neuron)
        e += ONE
    return (
        (first[0] + second[0]) + (third[0] + fourth[0]),
        (first[1] + second[1]) + (third[1] + fourth[1]),
        (first[2] + second[2]) + (third[2] + fourth[2]),
        (first[3] + second[3]) + (third[3] + fourth[3]),
    )


@jit
def set_z(rows, first, weights, biases, z):
    """Write z of the rows from `first` on, (n_rows, padded neurons) float64.

    rows : (indptr, indices, values), uint64, uint32 and float; row i is stored from indptr[i] to indptr[i + 1]
    weights, biases : (n_features, padded neurons) and (padded neurons,) float64
    """
    indptr, indices, values = rows
    if weights.shape[1] == 1:
        flat_z, flat_weights, bias = z.reshape(z.size), weights.reshape(weights.size), biases[0]
        for i in range(flat_z.size):
            row = first + np.uint64(i)
            flat_z[i] = bias + z_of_one((indices, values), indptr[row], indptr[row + ONE], flat_weights)
        return
    for i in range(z.shape[0]):
        row = first + np.uint64(i)
        for k in range(0, z.shape[1], TOGETHER):
            four = z_of_four((indices, values), indptr[row], indptr[row + ONE], weights, np.uint64(k))
            for lane in range(TOGETHER):
                z[i, k + lane] = biases[k + lane] + four[lane]


@jit
def add_rows(rows, first, slopes, table):
    """Add slope * value of the rows from `first` on to the table, (n_features, padded neurons) float64."""
    indptr, indices, values = rows
    if table.shape[1] == 1:
        flat_slopes, flat_table = slopes.reshape(slopes.size), table.reshape(table.size)
        for i in range(flat_slopes.size):
            row, slope = first + np.uint64(i), flat_slopes[i]
            for e in range(indptr[row], indptr[row + ONE]):
                flat_table[indices[e]] += slope * values[e]
        return
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
