"""The log loss -y log(p) - (1 - y) log(1 - p) as a function of z with p = sigmoid(z)."""

from fastperceptron.kernels.activation import error_numerator
from fastperceptron.kernels.arithmetic import unit_step
from fastperceptron.kernels.exponential import exp_nonpositive, log1p_unit
from fastperceptron.kernels.jit import jit

# The facts of a loss are explained in losses.py.
IS_CONVEX, IS_LIKELIHOOD = True, True
LARGEST_CURVATURE = 0.25  # p (1 - p) at p = 1/2
TYPICAL_RATIO = UNKNOWN_RATIO = 1.0


@jit
def cost(z, y):
    """Return max(z, 0) - y z + log(1 + exp(-|z|)): exact in both tails, where log(p) is not."""
    share = unit_step(z) - y
    linear = share * z if share != 0 else type(z)(0)  # 0 * inf would be NaN
    return linear + log1p_unit(exp_nonpositive(-abs(z))[0])


@jit
def slope(z, y, scale):
    """Return scale * dcost/dz = scale * (p - y)."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    return scale * error_numerator(z, y, e) / one_plus_e


@jit
def cost_and_slope(z, y):
    """Return the cost and dcost/dz, which share their exponential."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    share = unit_step(z) - y
    linear = share * z if share != 0 else type(z)(0)
    return linear + log1p_unit(e), error_numerator(z, y, e) / one_plus_e


@jit
def curvature(z, y, exactness):
    """Return d2cost/dz2 = p (1 - p): it is never negative, so that `exactness` has nothing to choose here."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    reciprocal = type(z)(1) / one_plus_e
    return e * reciprocal * reciprocal


@jit
def unscaled_slope(z, y):
    """Return dcost/dz."""
    return slope(z, y, type(z)(1))
