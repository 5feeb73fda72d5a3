"""The tutorial's loss: the squared error (p - y)^2, as a function of the prediction p and of z with p = sigmoid(z)."""

from fastperceptron.kernels.activation import error_numerator
from fastperceptron.kernels.arithmetic import fma, unit_step
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit

# The facts of a loss are explained in losses.py.
IS_CONVEX, IS_LIKELIHOOD = False, False
LARGEST_CURVATURE = 0.125  # 2 (p (1 - p))^2 at p = 1/2
TYPICAL_RATIO, UNKNOWN_RATIO = 0.2, 4.0


@jit
def of_prediction(p, y):
    """Return (p - y)^2."""
    return (p - y) * (p - y)


@jit
def derivative_of_prediction(p, y):
    """Return dcost/dp = 2 (p - y)."""
    return (p - y) + (p - y)


@jit
def cost(z, y):
    """Return (sigmoid(z) - y)^2."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    error = error_numerator(z, y, e) / one_plus_e
    return error * error


@jit
def slope(z, y, scale):
    """Return scale * dcost/dz = scale * 2 (p - y) e / (1 + e)^2.

    `scale` is multiplied first and the powers last, so that steps by single rows wait for fewer multiplications.
    """
    e, one_plus_e = exp_nonpositive(-abs(z))
    reciprocal = type(z)(1) / one_plus_e
    numerator = (scale + scale) * error_numerator(z, y, e) * e
    return (numerator * reciprocal) * (reciprocal * reciprocal)


@jit
def cost_and_slope(z, y):
    """Return the cost and dcost/dz, which share their exponential."""
    e, one_plus_e = exp_nonpositive(-abs(z))
    reciprocal = type(z)(1) / one_plus_e
    error = error_numerator(z, y, e) * reciprocal
    return error * error, (error + error) * e * (reciprocal * reciprocal)


@jit
def curvature(z, y, exactness):
    """Return d2cost/dz2 = 2 p' (p' + (p - y) (1 - 2 p)) with p' = p (1 - p), where `exactness` is 1.

    Where it is 0, return the Gauss-Newton part 2 p'^2, which is never negative.
    """
    e, one_plus_e = exp_nonpositive(-abs(z))
    reciprocal = type(z)(1) / one_plus_e
    derivative, step = e * reciprocal * reciprocal, unit_step(z)
    bend = error_numerator(z, y, e) * (type(z)(1) - e) * (type(z)(1) - step - step) * reciprocal * reciprocal
    return (derivative + derivative) * fma(exactness, bend, derivative)


@jit
def unscaled_slope(z, y):
    """Return dcost/dz."""
    return slope(z, y, type(z)(1))
