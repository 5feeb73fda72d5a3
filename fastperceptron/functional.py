"""Array functions of the neuron's mathematics: any shape; float32 and float16 give float32, all else float64.

Arguments name the variable: z = w . x + b is the decision value, p = sigmoid(z) the prediction, y the target in [0, 1].
A `*_derivative` is with respect to the first argument of its function; `slope` is dcost/dz of any loss.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_numbers, choice
from fastperceptron.data.arrays import kernel_dtype, read_only
from fastperceptron.kernels import activation, log_loss as log_loss_kernels, squared_error as squared_error_kernels
from fastperceptron.kernels.loops import loop_over_one, loop_over_two
from fastperceptron.kernels.losses import LOSSES


def sigmoid(z: Any, out: Array | None = None) -> Array:
    """Return 1 / (1 + exp(-z)) within 2 ulp, without overflow or warnings; NaN stays NaN.

    Parameters
    ----------
    z : array-like
    out : ndarray, optional
        The array to write the result to, of the result's shape.

    Returns
    -------
    ndarray of z's shape, float32 if z is float32 or float16, else float64

    Raises
    ------
    TypeError
        If z is not numeric, or `out` cannot take the result's dtype.
    ValueError
        If `out` has another shape.

    Examples
    --------
    >>> sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    return _apply(loop_over_one(activation.sigmoid), {"z": z}, out)


def sigmoid_derivative(z: Any, out: Array | None = None) -> Array:
    """Return dp/dz = p (1 - p), relatively accurate in both tails. Parameters and errors as for `sigmoid`.

    Examples
    --------
    >>> float(sigmoid_derivative(0.0))
    0.25
    """
    return _apply(loop_over_one(activation.sigmoid_derivative), {"z": z}, out)


def squared_error(p: Any, y: Any, out: Array | None = None) -> Array:
    """Return the tutorial's cost (p - y)^2 of predictions p, which broadcast against the targets y.

    Examples
    --------
    >>> squared_error([0.5, 1.0], 1)
    array([0.25, 0.  ])
    """
    return _apply(loop_over_two(squared_error_kernels.of_prediction), {"p": p, "y": y}, out)


def squared_error_derivative(p: Any, y: Any, out: Array | None = None) -> Array:
    """Return dcost/dp = 2 (p - y), the derivative of the squared error with respect to the prediction p.

    The derivative with respect to z is ``slope(z, y)``.

    Examples
    --------
    >>> squared_error_derivative([0.5, 1.0], 1)
    array([-1.,  0.])
    """
    return _apply(loop_over_two(squared_error_kernels.derivative_of_prediction), {"p": p, "y": y}, out, is_signed=True)


def log_loss(z: Any, y: Any, out: Array | None = None) -> Array:
    """Return -y log(p) - (1 - y) log(1 - p) with p = sigmoid(z), computed from z: exact where p rounds to 0 or 1.

    Its derivative with respect to z is ``slope(z, y, "log_loss")``.

    Examples
    --------
    >>> log_loss([0.0, -800.0], 1).round(4)
    array([6.931e-01, 8.000e+02])
    """
    return _apply(loop_over_two(log_loss_kernels.cost), {"z": z, "y": y}, out)


def slope(z: Any, y: Any, loss: str = "squared_error", out: Array | None = None) -> Array:
    """Return dcost/dz, the derivative of a cost with respect to z, by the chain rule dcost/dp * dp/dz.

    It is 2 (p - y) p (1 - p) for the squared error and p - y for the log loss, without cancellation where y is 0 or 1.

    Parameters
    ----------
    z, y : array-like
        Decision values and targets, which broadcast against each other.
    loss : {"squared_error", "log_loss"}
    out : ndarray, optional

    Examples
    --------
    >>> slope(0.0, [0, 1])
    array([ 0.25, -0.25])
    >>> slope([0.0, 50.0], 1, "log_loss")
    array([-5.00000000e-01, -1.92874985e-22])
    """
    return _apply(
        loop_over_two(LOSSES[choice(loss, LOSSES, "loss")].unscaled_slope), {"z": z, "y": y}, out, is_signed=True
    )


def _apply(loop: Any, arguments: dict[str, Any], out: Array | None, *, is_signed: bool = False) -> Array:
    """Return what a loop writes for the broadcast arguments; `is_signed` results that underflow would be -0.0."""
    arrays = [as_numbers(values, name) for name, values in arguments.items()]
    # Scalars do not widen the result, as in NumPy: slope(float32 array, 1) is float32.
    weighty = [array.dtype for array in arrays if array.ndim > 0] or [array.dtype for array in arrays]
    dtype = np.float32 if all(kernel_dtype(each) is np.float32 for each in weighty) else np.float64
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    result = np.empty(shape, dtype) if out is None else _checked_out(out, shape, dtype)
    flat = [read_only(np.ascontiguousarray(np.broadcast_to(array, shape), dtype).reshape(-1)) for array in arrays]
    # `out` that overlaps an input elsewhere would overwrite values before they are read.
    overlaps = any(np.may_share_memory(result, each) and result.ctypes.data != each.ctypes.data for each in flat)
    direct = result.dtype == dtype and result.flags.c_contiguous and result.flags.aligned and not overlaps
    target = result.reshape(-1) if direct else np.empty(result.size, dtype)
    loop(*flat, target)
    if is_signed:
        np.add(target, 0.0, out=target)  # -0.0 + 0.0 is 0.0
    if not direct:
        np.copyto(result, target.reshape(shape), casting="same_kind")
    return result[()] if out is None else out


def _checked_out(out: Array, shape: tuple[int, ...], dtype: type) -> Array:
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be a NumPy array, but is a {type(out).__name__}.")
    if out.shape != shape:
        raise ValueError(f"out has shape {out.shape}, but the result has {shape}.")
    if not np.can_cast(dtype, out.dtype, casting="same_kind"):
        raise TypeError(f"out has dtype {out.dtype}, which cannot take {np.dtype(dtype)} results.")
    if not out.flags.writeable:
        raise ValueError("out is read-only.")
    return out
