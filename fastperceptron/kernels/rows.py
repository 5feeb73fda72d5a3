"""Dot products and scaled sums of rows, from which every training loop is made.

`weights` and `total` are float arrays of padded_size(d) elements: d weights, the bias, zeros. Each operation is vector
code (vectors.py) with a Python body for NUMBA_DISABLE_JIT=1, which computes the same in another order of summation.
"""

from numba.core import cgutils, types
from numba.extending import register_jitable

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import intrinsic


@register_jitable
def padded_size(n_features):
    """Return the number of elements of a weights array: features, bias, zeros up to a whole chunk."""
    return vectors.LANES * (n_features // vectors.LANES + 1)


def elements_of(context, builder, array_type, array):
    """Return the pointer to an array's first element, and the element's LLVM type."""
    view = context.make_array(array_type)(context, builder, array)
    return view.data, context.get_value_type(array_type.dtype)


def _generate_dots(context, builder, X_type, X, rows, weights_type, weights):
    reader = vectors.RowReader(context, builder, X_type, X)
    first_weight, element = elements_of(context, builder, weights_type, weights)
    starts = [reader.start(row) for row in rows]
    sums = [vectors.Sum(builder, element) for _ in rows]

    def add_chunk(offset, load):
        chunk = vectors.load(builder, first_weight, offset)
        for start, total in zip(starts, sums, strict=True):
            total.add_product(vectors.widen(builder, load(start), element), chunk)

    reader.each_chunk(add_chunk)
    return [total.total() for total in sums]


def _dot_in_python(X, i, weights):
    z = weights[X.shape[1]]
    for j in range(X.shape[1]):
        z = fma(weights[j], type(z)(X[i, j]), z)
    return z


@intrinsic(_dot_in_python)
def dot(typing_context, X, i, weights):
    """Return weights . (X[i], 1) in the precision of the weights."""

    def generate(context, builder, signature, arguments):
        return _generate_dots(context, builder, X, arguments[0], [arguments[1]], weights, arguments[2])[0]

    return weights.dtype(X, types.int64, weights), generate


def _dot_four_in_python(X, rows, weights):
    return (
        _dot_in_python(X, rows[0], weights),
        _dot_in_python(X, rows[1], weights),
        _dot_in_python(X, rows[2], weights),
        _dot_in_python(X, rows[3], weights),
    )


@intrinsic(_dot_four_in_python)
def dot_four(typing_context, X, rows, weights):
    """Return `dot` of four rows, with each weight loaded once for the four."""

    def generate(context, builder, signature, arguments):
        indices = cgutils.unpack_tuple(builder, arguments[1], 4)
        dots = _generate_dots(context, builder, X, arguments[0], indices, weights, arguments[2])
        return context.make_tuple(builder, signature.return_type, dots)

    return types.UniTuple(weights.dtype, 4)(X, types.UniTuple(types.int64, 4), weights), generate


def _look_ahead_in_python(X, i, k, weights):
    overlap = type(weights[0])(1)
    for j in range(X.shape[1]):
        overlap += type(overlap)(X[i, j]) * type(overlap)(X[k, j])
    return _dot_in_python(X, k, weights), overlap


@intrinsic(_look_ahead_in_python)
def look_ahead(typing_context, X, i, k, weights):
    """Return weights . (X[k], 1) and (X[i], 1) . (X[k], 1), in the precision of the weights."""

    def generate(context, builder, signature, arguments):
        reader = vectors.RowReader(context, builder, X, arguments[0])
        first_weight, element = elements_of(context, builder, weights, arguments[3])
        this, ahead = reader.start(arguments[1]), reader.start(arguments[2])
        z, overlap = vectors.Sum(builder, element), vectors.Sum(builder, element)

        def add_chunk(offset, load):
            chunk = vectors.widen(builder, load(ahead), element)
            z.add_product(chunk, vectors.load(builder, first_weight, offset))
            overlap.add_product(chunk, vectors.widen(builder, load(this), element))

        reader.each_chunk(add_chunk)
        return context.make_tuple(builder, signature.return_type, [z.total(), overlap.total()])

    return types.UniTuple(weights.dtype, 2)(X, types.int64, types.int64, weights), generate


def _add_scaled_in_python(total, X, i, scale):
    for j in range(X.shape[1]):
        total[j] = fma(scale, type(scale)(X[i, j]), total[j])
    total[X.shape[1]] += scale


@intrinsic(_add_scaled_in_python)
def add_scaled(typing_context, total, X, i, scale):
    """Add scale * (X[i], 1) to `total`, in its precision."""

    def generate(context, builder, signature, arguments):
        reader = vectors.RowReader(context, builder, X, arguments[1])
        first, element = elements_of(context, builder, total, arguments[0])
        start, factor = reader.start(arguments[2]), vectors.splat(builder, arguments[3])

        def add_chunk(offset, load):
            chunk = vectors.widen(builder, load(start), element)
            old = vectors.load(builder, first, offset)
            vectors.store(builder, vectors.fused_multiply_add(builder, chunk, factor, old), first, offset)

        reader.each_chunk(add_chunk)
        return context.get_dummy_value()

    return types.none(total, X, types.int64, total.dtype), generate


def _add_scaled_four_in_python(total, X, rows, scales):
    for i, scale in zip(rows, scales):  # noqa: B905  # Numba's own zip has no `strict`
        _add_scaled_in_python(total, X, i, type(total[0])(scale))


@intrinsic(_add_scaled_four_in_python)
def add_scaled_four(typing_context, total, X, rows, scales):
    """Add scale * (X[i], 1) of four rows to `total`: the four are summed in X's precision, then added in total's."""

    def generate(context, builder, signature, arguments):
        reader = vectors.RowReader(context, builder, X, arguments[1])
        first, element = elements_of(context, builder, total, arguments[0])
        starts = [reader.start(row) for row in cgutils.unpack_tuple(builder, arguments[2], 4)]
        factors = [vectors.splat(builder, scale) for scale in cgutils.unpack_tuple(builder, arguments[3], 4)]

        def add_chunk(offset, load):
            chunk = builder.fmul(load(starts[0]), factors[0])
            for start, factor in zip(starts[1:], factors[1:], strict=True):
                chunk = vectors.fused_multiply_add(builder, load(start), factor, chunk)
            old = vectors.load(builder, first, offset)
            vectors.store(builder, builder.fadd(old, vectors.widen(builder, chunk, element)), first, offset)

        reader.each_chunk(add_chunk)
        return context.get_dummy_value()

    return types.none(total, X, types.UniTuple(types.int64, 4), types.UniTuple(X.dtype, 4)), generate


def _sum_of_products_in_python(a, b):
    total = a.dtype.type(0)
    for i in range(a.size):
        total = fma(a[i], b[i], total)
    return total


@intrinsic(_sum_of_products_in_python)
def sum_of_products(typing_context, a, b):
    """Return the sum of a * b over two arrays whose equal size is a multiple of LANES."""

    def generate(context, builder, signature, arguments):
        first_a, element = elements_of(context, builder, a, arguments[0])
        first_b, _ = elements_of(context, builder, b, arguments[1])
        (size,) = cgutils.unpack_tuple(builder, context.make_array(a)(context, builder, arguments[0]).shape)
        total = vectors.Sum(builder, element)
        with cgutils.for_range(builder, builder.sdiv(size, vectors.INDEX(vectors.LANES))) as loop:
            offset = builder.mul(loop.index, vectors.INDEX(vectors.LANES))
            total.add_product(vectors.load(builder, first_a, offset), vectors.load(builder, first_b, offset))
        return total.total()

    return a.dtype(a, b), generate


def _add_in_row_order_in_python(rows, scales, total):
    for k in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            total[j] += scales[k] * rows[k, j]


@intrinsic(_add_in_row_order_in_python)
def add_in_row_order(typing_context, rows, scales, total):
    """Add scales[k] * rows[k] to the first elements of `total`, row by row; rows have a multiple of LANES elements.

    The product is rounded before it is added. Sums of up to four chunks stay in registers while the rows run: in
    memory, each waited for the store before it (4.9 instead of 2.4 ns a row of 24 float64).
    """

    def generate(context, builder, signature, arguments):
        view = context.make_array(rows)(context, builder, arguments[0])
        n_rows, size = cgutils.unpack_tuple(builder, view.shape)
        first_scale, _ = elements_of(context, builder, scales, arguments[1])
        first_total, _ = elements_of(context, builder, total, arguments[2])
        start = cgutils.alloca_once_value(builder, vectors.INDEX(0))
        for count in (4, 3, 2, 1):
            width = vectors.INDEX(count * vectors.LANES)
            left = builder.sub(size, builder.load(start))
            with cgutils.for_range(builder, builder.sdiv(left, width)):
                first = builder.load(start)
                places = [builder.add(first, vectors.INDEX(k * vectors.LANES)) for k in range(count)]
                kept = [cgutils.alloca_once_value(builder, vectors.load(builder, first_total, at)) for at in places]
                with cgutils.for_range(builder, n_rows) as loop:
                    factor = vectors.splat(builder, builder.load(builder.gep(first_scale, [loop.index])))
                    row = builder.gep(view.data, [builder.mul(loop.index, size)])
                    for at, each in zip(places, kept, strict=True):
                        product = builder.fmul(factor, vectors.load(builder, row, at))
                        builder.store(builder.fadd(builder.load(each), product), each)
                for at, each in zip(places, kept, strict=True):
                    vectors.store(builder, builder.load(each), first_total, at)
                builder.store(builder.add(first, width), start)
        return context.get_dummy_value()

    return types.none(rows, scales, total), generate


def _prefetch_in_python(X, i):
    pass


@intrinsic(_prefetch_in_python)
def prefetch(typing_context, X, i):
    """Prefetch row i."""

    def generate(context, builder, signature, arguments):
        vectors.RowReader(context, builder, X, arguments[0]).prefetch(arguments[1])
        return context.get_dummy_value()

    return types.none(X, types.int64), generate


def _use_widest_vectors_in_python():
    pass


@intrinsic(_use_widest_vectors_in_python)
def use_widest_vectors(typing_context):
    """Let LLVM vectorise the loops of the kernel that calls this in the widest vectors that the CPU has.

    By itself, it uses half of AVX-512's. Costs and slopes of float32 then took 1.3 instead of 0.9 ns per row, those of
    float64 2.9 instead of 1.9. Loops that LLVM may vectorise have the same bits for every width.
    """

    def generate(context, builder, signature, arguments):
        vectors.use_widest(builder.function)
        return context.get_dummy_value()

    return types.none(), generate
