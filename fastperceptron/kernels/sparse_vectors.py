"""Generators of vector code over the stored values of sparse rows, from which sparse_products.py builds its loops.

A row is read in chunks of LANES stored values, the last by masked loads that give zeros: no loop over single values is
left, whose end is mispredicted where rows differ in length (rows of 5 of 100 columns took 0.5 instead of 1.4 ms per
100,000). Stored value e is added to lane e mod LANES of a row with fused multiply-adds, and the lanes are added by the
tree of vectors.py: one neuron and four at once have the same bits.

Gathers have no mask: what a masked load leaves out is 0 times the weight of column 0, so weights must be finite.
"""

from llvmlite import ir
from numba.core import cgutils, types

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import intrinsic
from fastperceptron.kernels.rows import elements_of

# Neurons whose weights of one column are one vector.
TOGETHER = 4
DOUBLE = ir.DoubleType()


class StoredReader:
    """Reads the stored values of a row, and their places, chunk by chunk."""

    def __init__(self, context, builder, array_types, arrays):
        self._builder = builder
        pairs = zip(array_types, arrays, strict=True)
        self._starts = [elements_of(context, builder, each, array) for each, array in pairs]

    def each_chunk(self, start, stop, body):
        """Call body(offset, vectors) for the full chunks, in a loop, and for the last one, of each array."""
        builder = self._builder
        size = builder.sub(stop, start)
        count = builder.udiv(size, vectors.INDEX(vectors.LANES))
        with cgutils.for_range(builder, count) as loop:
            offset = builder.add(start, builder.mul(loop.index, vectors.INDEX(vectors.LANES)))
            body(offset, [vectors.load(builder, first, offset) for first, _ in self._starts])
        offset = builder.add(start, builder.mul(count, vectors.INDEX(vectors.LANES)))
        rest = builder.trunc(builder.sub(stop, offset), vectors.INT32)
        is_stored = builder.icmp_signed("<", vectors.LANE_NUMBERS, vectors.splat(builder, rest))
        body(offset, [self._load_last(each, offset, is_stored) for each in self._starts])

    def _load_last(self, array, offset, is_stored):
        first, element = array
        zeros = vectors.constant(element, 0)
        return vectors.load_masked(self._builder, first, offset, is_stored, zeros)


def _row_sum(context, builder, reader, ends, first_weight):
    """Return the sum of value * weight of a row, as lanes."""
    total = vectors.Sum(builder, DOUBLE)

    def add_chunk(_, chunk):
        places = builder.zext(chunk[0], ir.VectorType(vectors.INDEX, vectors.LANES))
        total.add_product(vectors.widen(builder, chunk[1], DOUBLE), vectors.gather(builder, first_weight, places))

    reader.each_chunk(*ends, add_chunk)
    return total


def _dot_in_python(stored, start, stop, weights):
    (places, values), total = stored, 0.0
    for e in range(start, stop):
        total = fma(weights[places[e]], float(values[e]), total)
    return total


@intrinsic(_dot_in_python)
def stored_dot(typing_context, stored, start, stop, weights):
    """Return the sum of value * weight over the stored values, (places, values), from start to stop."""

    def generate(context, builder, signature, arguments):
        reader = StoredReader(context, builder, stored, cgutils.unpack_tuple(builder, arguments[0]))
        first_weight, _ = elements_of(context, builder, weights, arguments[3])
        return _row_sum(context, builder, reader, arguments[1:3], first_weight).total()

    return types.float64(stored, start, stop, weights), generate


def _eight_in_python(indptr, stored, row, weights, bias, out, place):
    for k in range(vectors.LANES):
        out[place + k] = bias + _dot_in_python(stored, indptr[int(row) + k], indptr[int(row) + k + 1], weights)


@intrinsic(_eight_in_python)
def set_eight_dots(typing_context, indptr, stored, row, weights, bias, out, place):
    """Write bias + `stored_dot` of LANES rows to `out` from a place on: their lanes are added together."""

    def generate(context, builder, signature, arguments):
        reader = StoredReader(context, builder, stored, cgutils.unpack_tuple(builder, arguments[1]))
        first_end, _ = elements_of(context, builder, indptr, arguments[0])
        first_weight, _ = elements_of(context, builder, weights, arguments[3])
        first_out, _ = elements_of(context, builder, out, arguments[5])
        ends = builder.gep(first_end, [arguments[2]])
        sums = cgutils.alloca_once(builder, ir.VectorType(DOUBLE, vectors.LANES), vectors.INDEX(vectors.LANES))
        with cgutils.for_range(builder, vectors.INDEX(vectors.LANES)) as loop:
            its_ends = [builder.load(builder.gep(ends, [builder.add(loop.index, vectors.INDEX(k))])) for k in (0, 1)]
            lanes = _row_sum(context, builder, reader, its_ends, first_weight).lanes
            builder.store(lanes, builder.gep(sums, [loop.index]))
        rows = [builder.load(builder.gep(sums, [vectors.INDEX(k)])) for k in range(vectors.LANES)]
        totals = builder.fadd(vectors.totals_of_lanes(builder, rows), vectors.splat(builder, arguments[4]))
        vectors.store(builder, totals, first_out, arguments[6])
        return context.get_dummy_value()

    return types.none(indptr, stored, row, weights, bias, out, place), generate


def _four_in_python(stored, start, stop, weights, neuron):
    return tuple(_dot_in_python(stored, start, stop, weights[:, int(neuron) + k]) for k in range(TOGETHER))


@intrinsic(_four_in_python)
def four_stored_dots(typing_context, stored, start, stop, weights, neuron):
    """Return `stored_dot` of four neurons; weights are (n_features, padded neurons)."""

    def generate(context, builder, signature, arguments):
        reader = StoredReader(context, builder, stored, cgutils.unpack_tuple(builder, arguments[0]))
        first_weight, _ = elements_of(context, builder, weights, arguments[3])
        n_neurons = cgutils.unpack_tuple(builder, context.make_array(weights)(context, builder, arguments[3]).shape)[1]
        zeros = vectors.constant(DOUBLE, 0.0, TOGETHER)
        sums = [cgutils.alloca_once_value(builder, zeros) for _ in range(vectors.LANES)]

        def add_chunk(_, chunk):
            values = vectors.widen(builder, chunk[1], DOUBLE)
            for lane, total in enumerate(sums):
                place, value = (builder.extract_element(each, vectors.INT32(lane)) for each in (chunk[0], values))
                offset = builder.add(builder.mul(builder.zext(place, vectors.INDEX), n_neurons), arguments[4])
                factors = vectors.load(builder, first_weight, offset, TOGETHER)
                value = vectors.splat(builder, value, TOGETHER)
                builder.store(vectors.fused_multiply_add(builder, value, factors, builder.load(total)), total)

        reader.each_chunk(*arguments[1:3], add_chunk)
        added = [builder.load(total) for total in sums]
        while len(added) > 1:
            half = len(added) // 2
            added = [builder.fadd(a, b) for a, b in zip(added[:half], added[half:], strict=True)]
        totals = [builder.extract_element(added[0], vectors.INT32(k)) for k in range(TOGETHER)]
        return context.make_tuple(builder, signature.return_type, totals)

    return types.UniTuple(types.float64, TOGETHER)(stored, start, stop, weights, neuron), generate


def _scale_in_python(values, start, stop, scale, out, place):
    for e in range(int(stop) - int(start)):
        out[int(place) + e] = scale * values[int(start) + e]


@intrinsic(_scale_in_python)
def set_products(typing_context, values, start, stop, scale, out, place):
    """Write scale * values[start:stop] to `out` from a place on, and anything to the LANES elements behind them."""

    def generate(context, builder, signature, arguments):
        reader = StoredReader(context, builder, [values], arguments[:1])
        first_out, _ = elements_of(context, builder, out, arguments[4])
        factor, shift = vectors.splat(builder, arguments[3]), builder.sub(arguments[5], arguments[1])

        def write_chunk(offset, chunk):
            products = builder.fmul(vectors.widen(builder, chunk[0], DOUBLE), factor)
            vectors.store(builder, products, first_out, builder.add(offset, shift))

        reader.each_chunk(*arguments[1:3], write_chunk)
        return context.get_dummy_value()

    return types.none(values, start, stop, scale, out, place), generate
