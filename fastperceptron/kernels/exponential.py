"""exp(x) for x <= 0 and log(1 + e) for 0 <= e <= 1, as polynomials that LLVM turns into vector code.

Numba's math.exp and np.log are scalar library calls: 10 ns per value, and other bits on another libm.
exp: x = k ln 2 + r with |r| <= ln(2)/2, exp(r) = 1 + r + r^2 q(r), and 2^k enters through the exponent's bits (Cody and
Waite 1980). log1p: with s = e / (2 + e), log(1 + e) = 2 atanh(s) = 2 s + s^3 q(s^2). Each q interpolates at Chebyshev
nodes; tests/kernels/test_exponential.py derives the coefficients again. Measured: exp within 1.14 ulp.
"""

import numpy as np

from fastperceptron.kernels.arithmetic import by_precision, fma, from_bits, to_bits
from fastperceptron.kernels.jit import jit

LOG2_E = 1.4426950408889634
# Adding 1.5 * 2^52 leaves the nearest integer k in the low bits of the sum. Also added are the exponent's
# bias and 64 more, so that those bits, shifted, are 2^(k + 64): never subnormal, and 2^-64 times it is 2^k or, too
# small even for that, 0. No case needs a branch or a choice.
SHIFT_64 = 6755399441055744.0 + 1023 + 64
SHIFT_32 = np.float32(12582912.0 + 127 + 64)
# ln 2 in two parts; the upper one ends in zero bits, so that k times it is exact.
LN2_UPPER_64, LN2_LOWER_64 = float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")
LN2_UPPER_32, LN2_LOWER_32 = (np.float32(float.fromhex(part)) for part in ("0x1.62e4p-1", "0x1.7f7d1cp-20"))
LOG2_E_32 = np.float32(LOG2_E)
# exp(x) is 0 from here on down.
ZERO_64, ZERO_32 = -746.0, np.float32(-105.0)
TWO_TO_MINUS_64 = 5.421010862427522e-20
TWO_TO_MINUS_64_32 = np.float32(TWO_TO_MINUS_64)
ONE_32, TWO_32 = np.float32(1.0), np.float32(2.0)
MANTISSA_BITS_32 = np.int32(23)

EXP_64 = (
    0.5000000000000001,
    0.16666666666666669,
    0.04166666666662399,
    0.008333333333330051,
    0.0013888888917281794,
    0.00019841269863105968,
    2.480152119021773e-05,
    2.7557268378684192e-06,
    2.7620138719733994e-07,
    2.5100424157005067e-08,
)
EXP_32 = tuple(
    np.float32(c) for c in (0.5, 0.16666576845993977, 0.04166655443768594, 0.008363202971575855, 0.0013926213466332444)
)
LOG1P_64 = (
    0.6666666666666666,
    0.40000000000014585,
    0.2857142856710876,
    0.22222222717427864,
    0.18181789436132859,
    0.15385570064958623,
    0.13314144209654935,
    0.12001072809590713,
    0.08800738486144674,
    0.1616404561194353,
)
LOG1P_32 = tuple(
    np.float32(c) for c in (0.6666666673205274, 0.39999706331, 0.28592357994, 0.21706575801, 0.23224329224)
)


@jit
def _polynomial_10(c, x, x2, x4):
    # Two parts, to be joined as low + x^4 high. Estrin's scheme has a third of Horner's latency, which is what
    # the step by single rows waits for.
    low = fma(fma(c[3], x, c[2]), x2, fma(c[1], x, c[0]))
    middle = fma(fma(c[7], x, c[6]), x2, fma(c[5], x, c[4]))
    return low, fma(fma(c[9], x, c[8]), x4, middle)


@jit
def _polynomial_5(c, x, x2):
    # Two parts, to be joined as low + x^2 high.
    return fma(c[1], x, c[0]), fma(c[4], x2, fma(c[3], x, c[2]))


@jit
def _exp_64(x):
    x = ZERO_64 if x < ZERO_64 else x  # written so that NaN stays
    shifted = fma(x, LOG2_E, SHIFT_64)
    k = shifted - SHIFT_64
    r = fma(k, -LN2_UPPER_64, x) - k * LN2_LOWER_64
    r2 = r * r
    low, high = _polynomial_10(EXP_64, r, r2, r2 * r2)
    tail = fma(r2 * (r2 * r2), high, fma(r2, low, r))
    power = from_bits(to_bits(shifted) << 52) * TWO_TO_MINUS_64
    return fma(power, tail, power), fma(power, tail, 1.0 + power)


@jit
def _exp_32(x):
    x = ZERO_32 if x < ZERO_32 else x
    shifted = fma(x, LOG2_E_32, SHIFT_32)
    k = shifted - SHIFT_32
    r = fma(k, -LN2_UPPER_32, x) - k * LN2_LOWER_32
    r2 = r * r
    low, high = _polynomial_5(EXP_32, r, r2)
    tail = fma(r2 * r2, high, fma(r2, low, r))
    # Numba widens a shifted int32 to int64, which would halve the lanes.
    power = from_bits(np.int32(to_bits(shifted) << MANTISSA_BITS_32)) * TWO_TO_MINUS_64_32
    return fma(power, tail, power), fma(power, tail, ONE_32 + power)


@jit
def _log1p_64(e):
    s = e / (e + 2.0)
    s2 = s * s
    s4 = s2 * s2
    low, high = _polynomial_10(LOG1P_64, s2, s4, s4 * s4)
    return fma(s * s2, fma(high, s4 * s4, low), s + s)


@jit
def _log1p_32(e):
    s = e / (e + TWO_32)
    s2 = s * s
    low, high = _polynomial_5(LOG1P_32, s2, s2 * s2)
    return fma(s * s2, fma(high, s2 * s2, low), s + s)


exp_nonpositive = by_precision(_exp_32, _exp_64)
exp_nonpositive.__doc__ = (
    "Return exp(x) and 1 + exp(x) of a scalar x <= 0, neither waiting for the other; NaN stays NaN."
)
log1p_unit = by_precision(_log1p_32, _log1p_64)
log1p_unit.__doc__ = "Return log(1 + e) of a scalar 0 <= e <= 1; NaN stays NaN."
