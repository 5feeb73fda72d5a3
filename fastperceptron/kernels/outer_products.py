"""Weighted sums of outer products of rows, sum_k scale_k x_k x_k': what a Hessian is made of.

BLOCK rows at a time are copied to strips; a block of the matrix then stays in registers while the rows run, and all it
reads is in the first-level cache. So the rate does not fall with the number of columns.

Each element is a sum in the rows' order, of which nothing depends on where strips, blocks and calls are cut, but for
float32 products: those of RUN rows are added up in float32, the runs in float64. So calls begin at whole runs.
"""

from numba.core import cgutils, types

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import intrinsic, jit
from fastperceptron.kernels.strips import copy_strip, strip_width

# Rows copied together: two strips of them, which the products of a strip's columns read, take 16 KB.
BLOCK = 128
# Columns copied together, twice: 256 KB of float32.
TILE = 256
# Rows whose products are added up in float32. The rounding of equal products adds up: the error relative to the sum is
# at most 0.6 * 2^-24 * RUN, plus the rounding of scale * x.
RUN = 16
# Rows of the matrix in registers, where vectors have 512 bits and where not: times a cache line, 8 of 32 registers and
# 8 of 16. On 8 rows, AVX2 is half as fast in float64; on 4, AVX-512 is 12 to 27% slower: products wait for others.
HEIGHT_OF_512_BITS, HEIGHT = 8, 4


def packed_shape(n_columns, itemsize):
    """Return the shape of `packed`: room for BLOCK rows of n_columns, twice."""
    width = strip_width(itemsize)
    return 2, -(-n_columns // width), BLOCK, width


def _add_outer_in_python(total, left, right, i, j, n_rows):
    run = max(1, n_rows if right.dtype == total.dtype else RUN)
    for row in range(left.shape[1]):
        for column in range(right.shape[1]):
            for start in range(0, n_rows, run):
                old = total[i + row, j + column]
                product = old if right.dtype == total.dtype else right.dtype.type(0)
                for k in range(start, min(start + run, n_rows)):
                    product = fma(left[k, row], right[k, column], product)
                total[i + row, j + column] = product if right.dtype == total.dtype else old + product


@intrinsic(_add_outer_in_python)
def add_outer(typing_context, total, left, right, i, j, n_rows):
    """Add the sum of left[k] x right[k] over k < n_rows to a block of `total`, float64, from [i, j] on.

    `left` and `right` are strips, both float32 or both float64. The rows of `total` are contiguous.
    """
    run = None if right.dtype == total.dtype else RUN

    def generate(context, builder, signature, arguments):
        view = context.make_array(total)(context, builder, arguments[0])
        width = builder.sdiv(cgutils.unpack_tuple(builder, view.strides)[0], vectors.INDEX(8))
        strips = [
            context.make_array(each)(context, builder, value).data
            for each, value in ((left, arguments[1]), (right, arguments[2]))
        ]
        lanes = strip_width(context.get_abi_sizeof(context.get_data_type(right.dtype)))
        first = builder.add(builder.mul(arguments[3], width), arguments[4])
        height = HEIGHT_OF_512_BITS if "+avx512f" in context.codegen().magic_tuple()[2] else HEIGHT
        bounds = (vectors.INDEX(each) for each in (0, lanes, height))
        with cgutils.for_range_slice(builder, *bounds) as (row, _):
            place = builder.gep(view.data, [builder.add(first, builder.mul(row, width))])
            _Block(builder, place, width, strips, row, (height, lanes)).add(arguments[5], run)
        return context.get_dummy_value()

    return types.none(total, left, right, types.int64, types.int64, types.int64), generate


class _Block:
    """Some rows of the matrix, as wide as a strip, in registers."""

    def __init__(self, builder, total, width, strips, row, shape):
        self._builder, self._total, (height, self._lanes) = builder, total, shape
        (self._left, self._right), self._row = strips, row
        self._zero = vectors.constant(self._right.type.pointee, 0.0, self._lanes)
        self._places = [builder.mul(vectors.INDEX(k), width) for k in range(height)]
        self._sums = [cgutils.alloca_once_value(builder, self._zero) for _ in self._places]

    def add(self, n_rows, run):
        """Add the products of the rows; if `run` is given, they are summed from 0 for each `run` rows."""
        builder = self._builder
        if run is None:
            for place, kept in zip(self._places, self._sums, strict=True):
                builder.store(self._load(place), kept)
            self._add_products(vectors.INDEX(0), n_rows)
            for place, kept in zip(self._places, self._sums, strict=True):
                vectors.store(builder, builder.load(kept), self._total, place)
            return
        with cgutils.for_range_slice(builder, vectors.INDEX(0), n_rows, vectors.INDEX(run)) as (start, _):
            for kept in self._sums:
                builder.store(self._zero, kept)
            remainder = builder.sub(n_rows, start)
            is_short = builder.icmp_signed("<", remainder, vectors.INDEX(run))
            self._add_products(start, builder.select(is_short, remainder, vectors.INDEX(run)))
            for place, kept in zip(self._places, self._sums, strict=True):
                added = vectors.cast(builder, builder.load(kept), self._total.type.pointee)
                vectors.store(builder, builder.fadd(self._load(place), added), self._total, place)

    def _load(self, place):
        return vectors.load(self._builder, self._total, place, self._lanes)

    def _add_products(self, first, count):
        builder = self._builder
        with cgutils.for_range(builder, count) as loop:
            start = builder.mul(builder.add(first, loop.index), vectors.INDEX(self._lanes))
            chunk = vectors.load(builder, self._right, start, self._lanes)
            start = builder.add(start, self._row)
            for k, kept in enumerate(self._sums):
                factor = builder.load(builder.gep(self._left, [builder.add(start, vectors.INDEX(k))]))
                factor = vectors.splat(builder, factor, self._lanes)
                builder.store(vectors.fused_multiply_add(builder, factor, chunk, builder.load(kept)), kept)


@jit
def add_products(X, scales, coordinates, columns, packed, total):
    """Add scale * (x, 1, 0, ...) x (x, 1, 0, ...) of all rows to `total`, the part of the matrix from `columns` on.

    Parameters
    ----------
    X : (n_rows, n_features), C-ordered
    scales : (n_rows,) float64
    coordinates : None, or (centre, factors), see `copy_strip`
    columns : (i, j), the first row and column of the part; i <= j
    packed : see `packed_shape`; its dtype is that of the products
    total : float64, of whole strips; where i == j, only what is on and above the diagonal counts
    """
    (i, j), width = columns, packed.shape[3]
    n_left, n_right = total.shape[0] // width, total.shape[1] // width
    for start in range(0, X.shape[0], BLOCK):
        n_rows = min(BLOCK, X.shape[0] - start)
        left, right, its_scales = packed[0], packed[1], scales[start : start + n_rows]
        for s in range(n_left):
            copy_strip(X, start, n_rows, i + s * width, coordinates, its_scales, left[s])
        for s in range(n_right):
            copy_strip(X, start, n_rows, j + s * width, coordinates, None, right[s])
            for other in range(min(n_left, s + 1) if i == j else n_left):
                add_outer(total, left[other], right[s], other * width, s * width, n_rows)


@jit
def add_upper_triangle(X, scales, coordinates, first, packed, total):
    """Do what `add_products` does, on and above the diagonal, for the part of the matrix from [first, first] on."""
    size = total.shape[0]
    for i in range(0, size, TILE):
        for j in range(i, size, TILE):
            part = total[i : min(i + TILE, size), j : min(j + TILE, size)]
            add_products(X, scales, coordinates, (first + i, first + j), packed, part)
