"""Operations on a group of rows, each less the centre of the columns: dot products, sums and sums of squares.

Arrays are as in rows.py; the precision of the arithmetic is that of `centre` and of the output. Each operation loops
over its whole group: with four rows per call, Numba's bookkeeping between calls took two thirds of the time. While a
group is worked on, the rows from `ahead` on are prefetched, every second cache line by the dot products and the others
by the sums, so that memory is never idle.
"""

from numba.core import cgutils, types

from fastperceptron.kernels import vectors
from fastperceptron.kernels.arithmetic import fma
from fastperceptron.kernels.jit import intrinsic
from fastperceptron.kernels.rows import elements_of

# Rows worked on side by side.
STRIP = 8


class _Group:
    """The rows from start to stop, in strips; a last strip repeats the last row."""

    def __init__(self, context, builder, X, place, centre):
        self._builder, (self._centre, self.element) = builder, elements_of(context, builder, *centre)
        self.reader = vectors.RowReader(context, builder, *X)
        self._start, self._stop = place
        count = builder.sub(self._stop, self._start)
        self._n_strips = builder.sdiv(builder.add(count, vectors.INDEX(STRIP - 1)), vectors.INDEX(STRIP))

    def each_strip(self, body):
        """Call body(strip number, pointers to its rows) in a loop; a loop of its own for whole strips gains nothing."""
        builder, last = self._builder, self._builder.sub(self._stop, vectors.INDEX(1))
        with cgutils.for_range(builder, self._n_strips) as loop:
            first = builder.add(self._start, builder.mul(loop.index, vectors.INDEX(STRIP)))
            rows = [builder.add(first, vectors.INDEX(k)) for k in range(STRIP)]
            rows = [builder.select(builder.icmp_signed("<", row, last), row, last) for row in rows]
            body(loop.index, [self.reader.start(row) for row in rows])

    def centred(self, pointer, load, offset):
        """Return the chunk at `offset` of the row at the pointer, less the centre."""
        shift = vectors.load(self._builder, self._centre, offset)
        return self._builder.fsub(vectors.widen(self._builder, load(pointer), self.element), shift)


def _set_dots_in_python(out, X, start, stop, weights, centre, ahead):
    n_features = X.shape[1]
    for i in range(start, stop):
        z = weights[n_features]
        for j in range(n_features):
            z = fma(type(z)(X[i, j]) - centre[j], weights[j], z)
        out[i - start] = z


@intrinsic(_set_dots_in_python)
def set_dots(typing_context, out, X, start, stop, weights, centre, ahead):
    """Write weights . (X[i] - centre, 1) of the rows from start to stop to `out`, and more to whole strips."""

    def generate(context, builder, signature, arguments):
        first, element = elements_of(context, builder, out, arguments[0])
        first_weight, _ = elements_of(context, builder, weights, arguments[4])
        group = _Group(context, builder, (X, arguments[1]), arguments[2:4], (centre, arguments[5]))

        def dot_strip(strip, pointers):
            sums = [vectors.Sum(builder, element) for _ in range(STRIP)]

            def add_chunk(offset, load):
                weight = vectors.load(builder, first_weight, offset)
                group.reader.prefetch_lines(arguments[6], strip, STRIP, offset, group.reader.lines_of_chunk(STRIP)[::2])
                for pointer, total in zip(pointers, sums, strict=True):
                    total.add_product(group.centred(pointer, load, offset), weight)

            group.reader.each_chunk(add_chunk)
            place = builder.mul(strip, vectors.INDEX(STRIP))
            for k in range(0, STRIP, 4):
                four = vectors.totals_of_four(builder, sums[k : k + 4])
                vectors.store(builder, four, first, builder.add(place, vectors.INDEX(k)))

        group.each_strip(dot_strip)
        return context.get_dummy_value()

    return types.none(out, X, types.int64, types.int64, weights, centre, types.int64), generate


def _add_powers_in_python(terms, X, start, stop, centre):
    n_features = X.shape[1]
    for i in range(start, stop):
        for total, scales, power in terms:
            scale = scales[i - start]
            for j in range(n_features):
                x = type(scale)(X[i, j]) - centre[j]
                total[j] += scale * x if power == 1 else scale * (x * x)
            total[n_features] += scale


def _add_powers(context, builder, terms, X, place, centre, ahead):
    """Add scale * (x - centre, 1)^power of a group's rows to the total of each term (total, scales, power)."""
    group = _Group(context, builder, X, place, centre)
    firsts = [elements_of(context, builder, *total)[0] for total, _, _ in terms]
    first_scales = [elements_of(context, builder, *scales)[0] for _, scales, _ in terms]
    powers = [power for _, _, power in terms]
    zero = vectors.constant(group.element, 0.0)

    def add_strip(strip, pointers):
        place = builder.mul(strip, vectors.INDEX(STRIP))
        indices = [builder.add(place, vectors.INDEX(k)) for k in range(STRIP)]
        factors = [
            [vectors.splat(builder, builder.load(builder.gep(first, [index]))) for first in first_scales]
            for index in indices
        ]

        def add_chunk(offset, load):
            group.reader.prefetch_lines(ahead, strip, STRIP, offset, group.reader.lines_of_chunk(STRIP)[1::2])
            # Two sums, each of half the rows: in one, additions wait for each other (3.3, not 2 ns per row of 20).
            halves = []
            for start in (0, STRIP // 2):
                sums = [vectors.load(builder, first, offset) if start == 0 else zero for first in firsts]
                for k in range(start, start + STRIP // 2):
                    x = group.centred(pointers[k], load, offset)
                    of_power = {1: x, 2: builder.fmul(x, x) if 2 in powers else None}
                    for number, power in enumerate(powers):
                        scale = factors[k][number]
                        sums[number] = vectors.fused_multiply_add(builder, of_power[power], scale, sums[number])
                halves.append(sums)
            for first, lower, upper in zip(firsts, *halves, strict=True):
                vectors.store(builder, builder.fadd(lower, upper), first, offset)

        group.reader.each_chunk(add_chunk)

    group.each_strip(add_strip)


def _add_rows_in_python(total, X, start, stop, scales, centre, ahead):
    _add_powers_in_python([(total, scales, 1)], X, start, stop, centre)


@intrinsic(_add_rows_in_python)
def add_rows(typing_context, total, X, start, stop, scales, centre, ahead):
    """Add scales[k] * (X[start + k] - centre, 1) of the rows from start to stop to `total`.

    Up to whole strips, `scales` continues with zeros.
    """

    def generate(context, builder, signature, arguments):
        total_, X_, start_, stop_, scales_, centre_, ahead_ = arguments
        terms = [((total, total_), (scales, scales_), 1)]
        _add_powers(context, builder, terms, (X, X_), (start_, stop_), (centre, centre_), ahead_)
        return context.get_dummy_value()

    return types.none(total, X, types.int64, types.int64, scales, centre, types.int64), generate


def _add_squares_in_python(totals, X, start, stop, scales, centre, ahead):
    terms = [(total, scales[k], 1 + k % 2) for k, total in enumerate(totals)]
    _add_powers_in_python(terms, X, start, stop, centre)


@intrinsic(_add_squares_in_python)
def add_squares(typing_context, totals, X, start, stop, scales, centre, ahead):
    """Add scales[i][k] * (X[start + k] - centre, 1)^power to totals[i]; power is 1 for even i, 2 for odd i.

    One loop over the rows for all totals, not one each, lowers the cost of a first read from 1.6 to 1.3 plain reads.
    """

    def generate(context, builder, signature, arguments):
        totals_, X_, start_, stop_, scales_, centre_, ahead_ = arguments
        values = [cgutils.unpack_tuple(builder, each) for each in (totals_, scales_)]
        terms = [((totals[k], values[0][k]), (scales[k], values[1][k]), 1 + k % 2) for k in range(len(totals))]
        _add_powers(context, builder, terms, (X, X_), (start_, stop_), (centre, centre_), ahead_)
        return context.get_dummy_value()

    return types.none(totals, X, types.int64, types.int64, scales, centre, types.int64), generate


def _sum_wide_in_python(values):
    return float(sum(float(value) for value in values))


@intrinsic(_sum_wide_in_python)
def sum_wide(typing_context, values):
    """Return the float64 sum of an array whose size is a multiple of LANES."""

    def generate(context, builder, signature, arguments):
        first, _ = elements_of(context, builder, values, arguments[0])
        element = context.get_value_type(types.float64)
        (size,) = cgutils.unpack_tuple(builder, context.make_array(values)(context, builder, arguments[0]).shape)
        total, ones = vectors.Sum(builder, element), vectors.constant(element, 1.0)
        with cgutils.for_range(builder, builder.sdiv(size, vectors.INDEX(vectors.LANES))) as loop:
            offset = builder.mul(loop.index, vectors.INDEX(vectors.LANES))
            total.add_product(vectors.widen(builder, vectors.load(builder, first, offset), element), ones)
        return total.total()

    return types.float64(values), generate
