"""Strips: the columns of a matrix of rows cut as wide as a cache line, each with its rows one after another.

Kernels that use every pair of columns read them from strips: a few hundred rows of a strip fit into the first-level
cache however wide the matrix is, and a row of a strip is one vector or two.
"""

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import register_jitable

from fastperceptron.kernels import vectors
from fastperceptron.kernels.jit import intrinsic


@register_jitable
def strip_width(itemsize):
    """Return the number of columns of a strip."""
    return vectors.CACHE_LINE // itemsize


def whole_strips(n_columns, itemsize):
    """Return the number of columns, those that fill the last strip included."""
    width = strip_width(itemsize)
    return -(-n_columns // width) * width


def _copy_strip_in_python(X, start, n_rows, first, coordinates, scales, strip):
    for k in range(n_rows):
        for m in range(strip.shape[1]):
            j = first + m
            x = X[start + k, j] if j < X.shape[1] else X.dtype.type(j == X.shape[1])
            if coordinates is not None:
                centre, factors = coordinates
                x = (centre.dtype.type(x) - centre[j]) * factors[j]
            strip[k, m] = strip.dtype.type(x) if scales is None else strip.dtype.type(x) * strip.dtype.type(scales[k])


@intrinsic(_copy_strip_in_python)
def copy_strip(typing_context, X, start, n_rows, first, coordinates, scales, strip):
    """Write the columns from `first` on of n_rows rows (x, 1, 0, ...), from X[start] on, to a strip.

    With `coordinates`, (centre, factors) of one precision and of whole strips, x is (x - centre) * factors, computed in
    that precision; with `scales`, float64, a row is then multiplied by its scale, in that of the strip.
    """
    arguments = X, start, n_rows, first, coordinates, scales, strip

    def generate(context, builder, signature, values):
        n_columns = cgutils.unpack_tuple(builder, context.make_array(X)(context, builder, values[0]).shape)[1]
        source, scale_data, out = (
            None if each == types.none else context.make_array(each)(context, builder, value).data
            for each, value in ((X, values[0]), (scales, values[5]), (strip, values[6]))
        )
        lanes = strip_width(context.get_abi_sizeof(out.type.pointee))
        load = _chunk_loader(builder, source, n_columns, values[3], lanes)
        shift = []
        if coordinates != types.none:
            for each, value in zip(coordinates, cgutils.unpack_tuple(builder, values[4], 2), strict=True):
                data = context.make_array(each)(context, builder, value).data
                shift.append(vectors.load(builder, data, values[3], lanes))
        with cgutils.for_range(builder, values[2]) as loop:
            chunk = load(builder.add(values[1], loop.index))
            if shift:
                chunk = vectors.cast(builder, chunk, shift[0].type.element)
                chunk = builder.fmul(builder.fsub(chunk, shift[0]), shift[1])
            chunk = vectors.cast(builder, chunk, out.type.pointee)
            if scale_data is not None:
                scale = vectors.splat(builder, builder.load(builder.gep(scale_data, [loop.index])), lanes)
                chunk = builder.fmul(chunk, vectors.cast(builder, scale, out.type.pointee))
            vectors.store(builder, chunk, out, builder.mul(loop.index, vectors.INDEX(lanes)))
        return context.get_dummy_value()

    return types.none(*arguments), generate


def _chunk_loader(builder, source, n_features, first, lanes):
    """Return the function from a row's number to `lanes` columns of (x, 1, 0, ...) from `first` on."""
    element, left = source.type.pointee, builder.trunc(builder.sub(n_features, first), vectors.INT32)
    numbers, left = (
        ir.Constant(ir.VectorType(vectors.INT32, lanes), list(range(lanes))),
        vectors.splat(builder, left, lanes),
    )
    is_feature = builder.icmp_signed("<", numbers, left)
    zero, one = vectors.constant(element, 0.0, lanes), vectors.constant(element, 1.0, lanes)
    bias_chunk = builder.select(builder.icmp_signed("==", numbers, left), one, zero)

    def load(row):
        place = builder.add(builder.mul(row, n_features), first)
        return vectors.load_masked(builder, source, place, is_feature, bias_chunk)

    return load
