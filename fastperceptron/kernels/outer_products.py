"""Sums of outer products of rows, a block of the matrix at a time: what a Hessian is made of."""

from numba.core import cgutils, types

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import intrinsic
from fastperceptron.kernels.rows import elements_of


def _add_outer_in_python(total, left, right, i, j, n_rows):
    for k in range(n_rows):
        for row in range(i, i + 4):
            for column in range(j, j + vectors.LANES):
                total[row, column] = fma(left[k, row], right[k, column], total[row, column])


@intrinsic(_add_outer_in_python)
def add_outer(typing_context, total, left, right, i, j, n_rows):
    """Add the sum of left[k, i:i+4] x right[k, j:j+LANES] over k < n_rows to total[i:i+4, j:j+LANES].

    All three have rows of one length, a multiple of LANES. The block stays in registers while k runs.
    """

    def generate(context, builder, signature, arguments):
        (first_total, _), (first_left, _), (first_right, _) = (
            elements_of(context, builder, array_type, array)
            for array_type, array in zip((total, left, right), arguments[:3], strict=True)
        )
        width = cgutils.unpack_tuple(builder, context.make_array(total)(context, builder, arguments[0]).shape)[1]
        rows = [builder.add(arguments[3], vectors.INDEX(k)) for k in range(4)]
        places = [builder.add(builder.mul(row, width), arguments[4]) for row in rows]
        sums = [cgutils.alloca_once_value(builder, vectors.load(builder, first_total, place)) for place in places]
        with cgutils.for_range(builder, arguments[5]) as loop:
            start = builder.mul(loop.index, width)
            chunk = vectors.load(builder, first_right, builder.add(start, arguments[4]))
            for row, place in zip(rows, sums, strict=True):
                factor = vectors.splat(builder, builder.load(builder.gep(first_left, [builder.add(start, row)])))
                builder.store(vectors.fused_multiply_add(builder, factor, chunk, builder.load(place)), place)
        for place, kept in zip(places, sums, strict=True):
            vectors.store(builder, builder.load(kept), first_total, place)
        return context.get_dummy_value()

    return types.none(total, left, right, types.int64, types.int64, types.int64), generate
