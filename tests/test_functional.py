"""Public array functions against the plain-Python reference, for every shape, dtype, layout and `out`."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import fastperceptron as fp
from fastperceptron import reference

ONE_ARGUMENT = {fp.sigmoid: reference.sigmoid, fp.sigmoid_derivative: reference.sigmoid_derivative}
TWO_ARGUMENTS = {
    fp.squared_error: reference.squared_error,
    fp.squared_error_derivative: reference.squared_error_derivative,
    fp.log_loss: reference.log_loss,
    fp.slope: reference.squared_error_slope,
}
ALL = [*ONE_ARGUMENT, *TWO_ARGUMENTS]
names = lambda function: getattr(function, "__name__", None)  # noqa: E731  # pytest wants a function for ids

dtypes = st.sampled_from([np.float64, np.float32, np.float16, np.int8, np.uint16, np.int64, np.bool_])
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)


def values_of(dtype: np.dtype) -> st.SearchStrategy:
    if dtype == np.bool_:
        return st.booleans()
    if dtype.kind in "iu":
        return st.integers(0 if dtype.kind == "u" else -30, 30)
    return st.floats(-30, 30, width=dtype.itemsize * 8)


@st.composite
def laid_out_arrays(draw: st.DrawFn) -> np.ndarray:
    dtype = np.dtype(draw(dtypes))
    array = np.array(draw(hnp.arrays(dtype, draw(shapes), elements=values_of(dtype))))
    layout = draw(st.sampled_from(["C", "F", "strided", "reversed", "read-only", "swapped"]))
    if layout == "F":
        array = np.asfortranarray(array)
    elif layout == "strided" and array.ndim:
        array = np.repeat(array, 2, axis=-1)[..., ::2]
    elif layout == "reversed" and array.ndim:
        array = array[::-1]
    elif layout == "read-only":
        array.flags.writeable = False
    elif layout == "swapped":
        array = array.astype(dtype.newbyteorder())
    return array


def agrees(computed: np.ndarray, function: Callable, *arguments: np.ndarray) -> None:
    arrays = np.broadcast_arrays(*arguments)
    expected = [function(*map(float, row)) for row in zip(*(array.flat for array in arrays), strict=True)]
    is_single = np.asarray(computed).dtype == np.float32
    tolerance = 1e-5 if is_single else 1e-13
    np.testing.assert_allclose(np.ravel(computed), expected, rtol=tolerance, atol=1e-6 if is_single else 1e-15)


@pytest.mark.parametrize("function", ONE_ARGUMENT, ids=names)
@given(z=laid_out_arrays())
def test_functions_of_z_agree_with_the_reference(function: Callable, z: np.ndarray) -> None:
    computed = function(z)
    assert np.shape(computed) == z.shape
    assert computed.dtype == (np.float32 if z.dtype.kind == "f" and z.dtype.itemsize <= 4 else np.float64)
    agrees(computed, ONE_ARGUMENT[function], z)


@pytest.mark.parametrize("function", TWO_ARGUMENTS, ids=names)
@given(z=laid_out_arrays(), y=st.floats(0, 1))
def test_functions_of_a_value_and_a_target_agree_with_the_reference(
    function: Callable, z: np.ndarray, y: float
) -> None:
    computed = function(z, y)
    agrees(computed, TWO_ARGUMENTS[function], z, computed.dtype.type(y))


@given(z=laid_out_arrays(), y=st.floats(0, 1))
def test_slope_of_the_log_loss_agrees_with_the_reference(z: np.ndarray, y: float) -> None:
    computed = fp.slope(z, y, "log_loss")
    agrees(computed, reference.log_loss_slope, z, computed.dtype.type(y))


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
@given(z=st.floats(-12, 12), y=st.sampled_from([0.0, 1.0]))
def test_slope_is_the_central_difference_of_the_cost(loss: str, z: float, y: float) -> None:
    h = 1e-4
    if loss == "log_loss":
        up, down = fp.log_loss(z + h, y), fp.log_loss(z - h, y)
    else:
        up, down = fp.squared_error(fp.sigmoid(z + h), y), fp.squared_error(fp.sigmoid(z - h), y)
    assert fp.slope(z, y, loss) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-10)


@given(p=st.floats(-2, 2), y=st.floats(0, 1))
def test_squared_error_derivative_is_with_respect_to_p(p: float, y: float) -> None:
    difference = (fp.squared_error(p + 1e-4, y) - fp.squared_error(p - 1e-4, y)) / 2e-4
    assert fp.squared_error_derivative(p, y) == pytest.approx(difference, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_slopes_keep_relative_accuracy_where_p_rounds_to_the_target(loss: str) -> None:
    z = np.array([40.0, 100.0, 300.0])
    error = -np.exp(-z)
    expected = error if loss == "log_loss" else 2 * error * np.exp(-z)
    np.testing.assert_allclose(fp.slope(z, 1, loss), expected, rtol=1e-13)
    np.testing.assert_allclose(fp.slope(-z, 0, loss), -expected, rtol=1e-13)


def test_log_loss_is_computed_from_z_not_from_log_p() -> None:
    assert fp.log_loss(-2000.0, 1) == 2000.0
    assert fp.log_loss(50.0, 1) == pytest.approx(math.exp(-50), rel=1e-13, abs=0)
    np.testing.assert_array_equal(
        fp.log_loss([np.inf, -np.inf, np.inf, -np.inf, np.nan], [1, 0, 0, 1, 0]), [0, 0, np.inf, np.inf, np.nan]
    )


@given(z=st.floats(allow_nan=False), y=st.sampled_from([0.0, 1.0, -0.0]))
def test_derivatives_are_never_minus_zero(z: float, y: float) -> None:
    p = fp.sigmoid(z)
    slopes = [fp.slope([z], y, loss) for loss in ("squared_error", "log_loss")]
    for values in (*slopes, fp.slope(z, y), fp.squared_error_derivative([p, y], y), fp.sigmoid_derivative([z])):
        assert not np.signbit(values[values == 0]).any()


def test_targets_broadcast_and_scalars_do_not_widen() -> None:
    z = np.zeros((3, 1), np.float32)
    assert fp.slope(z, [0.0, 1.0]).shape == (3, 2)
    assert fp.slope(z, 1).dtype == np.float32
    assert fp.slope(z, np.ones(1)).dtype == np.float64
    assert isinstance(fp.sigmoid(0.0), np.float64)


@pytest.mark.parametrize("function", ALL, ids=names)
def test_out_is_filled_and_returned_whatever_its_layout(function: Callable) -> None:
    arguments = [np.linspace(-3, 3, 12).reshape(3, 4)] * (1 if function in ONE_ARGUMENT else 2)
    expected = function(*arguments)
    for out in (np.empty((3, 4)), np.empty((4, 3)).T, np.empty((6, 4))[::2], np.empty((3, 4), np.float32)):
        assert function(*arguments, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-6 if out.dtype == np.float32 else 0)


def test_out_may_be_the_input_or_overlap_it() -> None:
    expected = fp.sigmoid(np.arange(10.0))
    z = np.arange(10.0)
    np.testing.assert_array_equal(fp.sigmoid(z, out=z), expected)
    memory = np.arange(11.0)
    np.testing.assert_array_equal(fp.sigmoid(memory[:-1], out=memory[1:]), expected)


def test_inputs_do_not_change() -> None:
    z = np.linspace(-1, 1, 5)
    before = z.copy()
    fp.sigmoid(z)
    assert z.flags.writeable
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fp.sigmoid(["a"]), TypeError, "z must hold real numbers"),
        (lambda: fp.sigmoid([1j]), TypeError, "complex"),
        (lambda: fp.sigmoid([None]), TypeError, "row 0 holds None"),
        (lambda: fp.sigmoid([[1], [2, 3]]), ValueError, "not a rectangular array"),
        (lambda: fp.sigmoid([1.0], out=np.empty(2)), ValueError, r"out has shape \(2,\)"),
        (lambda: fp.sigmoid([1.0], out=np.empty(1, int)), TypeError, "out has dtype int64"),
        (lambda: fp.sigmoid([1.0], out=[0.0]), TypeError, "out must be a NumPy array"),
        (lambda: fp.sigmoid([1.0], out=np.broadcast_to(0.0, 1)), ValueError, "out is read-only"),
        (lambda: fp.slope(0.0, 1, "hinge"), ValueError, "'squared_error', 'log_loss', but is 'hinge'"),
        (lambda: fp.log_loss([1.0, 2.0], [1.0, 2.0, 3.0]), ValueError, "broadcast"),
    ],
)
def test_bad_input_is_named(call: Callable, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
