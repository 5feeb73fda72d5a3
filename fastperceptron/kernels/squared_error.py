"""The tutorial's loss: the squared error (p - y)^2, as a function of the prediction p and of z with p = sigmoid(z)."""

from fastperceptron.kernels.activation import error_numerator
from fastperceptron.kernels.exponential import exp_nonpositive
from fastperceptron.kernels.jit import jit


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

    `scale` comes in first, and the powers last, so that the step by single rows waits for fewer multiplications.
    """
    e, one_plus_e = exp_nonpositive(-abs(z))
    reciprocal = type(z)(1) / one_plus_e
    numerator = (scale + scale) * error_numerator(z, y, e) * e
    return (numerator * reciprocal) * (reciprocal * reciprocal)


@jit
def unscaled_slope(z, y):
    """Return dcost/dz."""
    return slope(z, y, type(z)(1))
