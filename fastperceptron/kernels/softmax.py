"""The softmax layer over a block of rows: p_k = exp(z_k) / sum_l exp(z_l), with the cost -log p_y.

z is (n_classes, n), a row per class, so that vectors run along the rows of X. From e_k = exp(z_k - the largest z) all
is made without cancellation: the sum over all but the largest is kept apart, so that 1 - p and the cost stay relatively
accurate where p rounds to 1.
"""

import numpy as np

from fastperceptron.kernels.arithmetic import by_precision, fma, from_bits, to_bits
from fastperceptron.kernels.exponential import (
    LN2_LOWER_32,
    LN2_LOWER_64,
    LN2_UPPER_32,
    LN2_UPPER_64,
    MANTISSA_BITS_32,
    TWO_32,
    exp_nonpositive,
    log1p_unit,
)
from fastperceptron.kernels.jit import inlined, jit

# A float of these bits, joined with a small integer, is 2^52 (2^23) plus that integer: a conversion in vector code.
INTEGER_64, INTEGER_32 = np.int64(0x4330000000000000), np.int32(0x4B000000)
# What such a float of an exponent is above the power of two.
BIAS_64, BIAS_32 = 2.0**52 + 1023, np.float32(2.0**23 + 127)
TWICE_BIAS_64, TWICE_BIAS_32, ONE_32 = np.int64(2046), np.int32(254), np.float32(1.0)
LARGEST, BEST, RESTS, OWN = range(4)  # rows of `scratch`
N_SCRATCH = 4


@jit
def _log1p_64(r):
    total = 1.0 + r
    exponent = to_bits(total) >> 52
    power = from_bits(exponent | INTEGER_64) - BIAS_64
    rest = fma(total, from_bits((TWICE_BIAS_64 - exponent) << 52), -1.0) if total >= 2.0 else r
    return fma(power, LN2_UPPER_64, fma(power, LN2_LOWER_64, log1p_unit(rest)))


@jit
def _log1p_32(r):
    total = ONE_32 + r
    exponent = np.int32(to_bits(total) >> MANTISSA_BITS_32)
    power = from_bits(np.int32(exponent | INTEGER_32)) - BIAS_32
    scale = from_bits(np.int32((TWICE_BIAS_32 - exponent) << MANTISSA_BITS_32))
    rest = fma(total, scale, -ONE_32) if total >= TWO_32 else r
    return fma(power, LN2_UPPER_32, fma(power, LN2_LOWER_32, log1p_unit(rest)))


log1p_positive = by_precision(_log1p_32, _log1p_64)
log1p_positive.__doc__ = "Return log(1 + r) of a scalar r >= 0; NaN stays NaN."


@jit
def set_exponentials(z, size, scratch):
    """Replace z by exp(z - the largest of its row of X); write that, its class, and the sum over the other classes."""
    largest, best, rests = scratch[LARGEST, :size], scratch[BEST, :size], scratch[RESTS, :size]
    for i in range(size):
        largest[i], best[i], rests[i] = z[0, i], 0, 0
    for k in range(1, z.shape[0]):
        row, number = z[k, :size], type(z[0, 0])(k)
        for i in range(size):
            best[i] = number if row[i] > largest[i] else best[i]
            largest[i] = row[i] if row[i] > largest[i] else largest[i]
    for k in range(z.shape[0]):
        row, number = z[k, :size], type(z[0, 0])(k)
        for i in range(size):
            row[i] = exp_nonpositive(row[i] - largest[i])[0]
            rests[i] += row[i] if best[i] != number else type(z[0, 0])(0)


@inlined
def probability_pair(e, rest, is_best):
    """Return p and 1 - p of a class; `rest` is the sum of exponentials of all classes but the best, whose own is 1."""
    total = type(e)(1) + rest
    others = rest if is_best else total - e
    return e / total, others / total


@jit
def set_probabilities(exponentials, size, p, scratch):
    """Write the probabilities; `p` may be the exponentials themselves."""
    rests = scratch[RESTS, :size]
    for k in range(p.shape[0]):
        row, out = exponentials[k, :size], p[k, :size]
        for i in range(size):
            out[i] = row[i] / (type(row[i])(1) + rests[i])


@jit
def set_complements(exponentials, size, complements, scratch):
    """Write 1 - p of each class."""
    best, rests = scratch[BEST, :size], scratch[RESTS, :size]
    for k in range(complements.shape[0]):
        row, out, number = exponentials[k, :size], complements[k, :size], type(complements[0, 0])(k)
        for i in range(size):
            out[i] = probability_pair(row[i], rests[i], best[i] == number)[1]


@jit
def set_curvatures(exponentials, size, curvatures, scratch):
    """Write d2cost/dz2 = p (1 - p) of each class."""
    best, rests = scratch[BEST, :size], scratch[RESTS, :size]
    for k in range(curvatures.shape[0]):
        row, curvature, number = exponentials[k, :size], curvatures[k, :size], type(curvatures[0, 0])(k)
        for i in range(size):
            p, others = probability_pair(row[i], rests[i], best[i] == number)
            curvature[i] = p * others


@jit
def set_slopes(exponentials, targets, slopes, scratch):
    """Write dcost/dz = p_k - y_k; `slopes` may be the exponentials themselves."""
    size = targets.size
    best, rests = scratch[BEST, :size], scratch[RESTS, :size]
    for k in range(slopes.shape[0]):
        row, slope, number = exponentials[k, :size], slopes[k, :size], type(slopes[0, 0])(k)
        for i in range(size):
            p, others = probability_pair(row[i], rests[i], best[i] == number)
            slope[i] = -others if targets[i] == number else p


@jit
def set_costs(z, targets, costs, scratch):
    """Write each row's cost, log(sum of exp(z_k)) - z_y, and replace z by exponentials: see `set_exponentials`.

    Parameters
    ----------
    z : (n_classes, n or more)
    targets : (n,), the place of each row's class among the rows of z, as a float
    costs : (n,)
    scratch : (N_SCRATCH, n or more)
    """
    size, own = costs.size, scratch[OWN, : costs.size]
    for i in range(size):
        own[i] = 0
    for k in range(z.shape[0]):
        row, number = z[k, :size], type(z[0, 0])(k)
        for i in range(size):
            own[i] = row[i] if targets[i] == number else own[i]
    set_exponentials(z, size, scratch)
    largest, rests = scratch[LARGEST, :size], scratch[RESTS, :size]
    for i in range(size):
        costs[i] = (largest[i] - own[i]) + log1p_positive(rests[i])
