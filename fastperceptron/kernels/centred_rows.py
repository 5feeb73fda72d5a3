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
# Sums of one term: an addition waits four cycles for the one before. Four for the first, which may be the only one, and
# two for the others: with four each, float32 squares took 5.1 instead of 3.2 ns per row of 20 with AVX2's 16 registers.
PARTS = (4, 2, 2, 2)


class _Group:
    """The rows from start to stop: whole strips, then the rows left, one by one."""

    def __init__(self, context, builder, X, place, centre):
        self._builder, (self._centre, self.element) = builder, elements_of(context, builder, *centre)
        self.reader = vectors.RowReader(context, builder, *X)
        self._start = place[0]
        count = builder.sub(place[1], self._start)
        self._n_strips = builder.sdiv(count, vectors.INDEX(STRIP))
        self._n_left = builder.srem(count, vectors.INDEX(STRIP))

    def each_strip(self, body):
        """Call body(place in the group, pointers to the rows) in a loop over strips, and in one over the rows left.

        Rows of a strip stand at fixed distances: with a check of each against the last row, addresses took half of the
        instructions.
        """
        builder, row_size = self._builder, self.reader.n_features
        distances = [builder.mul(vectors.INDEX(k), row_size) for k in range(STRIP)]
        with cgutils.for_range(builder, self._n_strips) as loop:
            place = builder.mul(loop.index, vectors.INDEX(STRIP))
            first = self.reader.start(builder.add(self._start, place))
            body(place, [builder.gep(first, [distance]) for distance in distances])
        whole = builder.mul(self._n_strips, vectors.INDEX(STRIP))
        with cgutils.for_range(builder, self._n_left) as loop:
            place = builder.add(whole, loop.index)
            body(place, [self.reader.start(builder.add(self._start, place))])

    def shift(self, offset):
        """Return the chunk at `offset` of the centre."""
        return vectors.load(self._builder, self._centre, offset)

    def below(self, shift, pointer, load):
        """Return the centre less a chunk of the row at the pointer: x is then an operand in memory, not a load."""
        return self._builder.fsub(shift, vectors.widen(self._builder, load(pointer), self.element))

    def prefetch(self, ahead, place, offset, lines):
        """Prefetch these lines of the strip that stands, from row `ahead` on, where this one does in its group."""
        self.reader.prefetch_lines(self._builder.add(ahead, place), STRIP, offset, lines)


def _set_dots_in_python(out, X, start, stop, weights, centre, ahead):
    n_features = X.shape[1]
    for i in range(start, stop):
        z = weights[n_features]
        for j in range(n_features):
            z = fma(type(z)(X[i, j]) - centre[j], weights[j], z)
        out[i - start] = z


@intrinsic(_set_dots_in_python)
def set_dots(typing_context, out, X, start, stop, weights, centre, ahead):
    """Write weights . (X[i] - centre, 1) of the rows from start to stop to `out`."""

    def generate(context, builder, signature, arguments):
        first, element = elements_of(context, builder, out, arguments[0])
        first_weight, _ = elements_of(context, builder, weights, arguments[4])
        group = _Group(context, builder, (X, arguments[1]), arguments[2:4], (centre, arguments[5]))

        def dot_strip(place, pointers):
            sums = [vectors.Sum(builder, element) for _ in pointers]

            def add_chunk(offset, load):
                weight, shift = vectors.load(builder, first_weight, offset), group.shift(offset)
                if len(pointers) == STRIP:
                    group.prefetch(arguments[6], place, offset, group.reader.lines_of_chunk(STRIP)[::2])
                for pointer, total in zip(pointers, sums, strict=True):
                    total.add_product(builder.fneg(group.below(shift, pointer, load)), weight)

            group.reader.each_chunk(add_chunk)
            if len(pointers) == STRIP:
                vectors.store(builder, vectors.totals_of_eight(builder, sums), first, place)
            else:
                builder.store(sums[0].total(), builder.gep(first, [place]))

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
    """Add scale * (x - centre, 1)^power of a group's rows to the total of each term (total, scales, power).

    Chunk by chunk, so that the sums of all rows stay in registers: from strip to strip, they waited for memory.
    """
    group = _Group(context, builder, X, place, centre)
    firsts = [elements_of(context, builder, *total)[0] for total, _, _ in terms]
    first_scales = [elements_of(context, builder, *scales)[0] for _, scales, _ in terms]
    powers = [power for _, _, power in terms]

    def add_chunk(offset, load):
        shift = group.shift(offset)
        parts = [[vectors.Sum(builder, group.element) for _ in range(n)] for n in PARTS[: len(terms)]]

        def add_strip(place, pointers):
            if len(pointers) == STRIP:
                group.prefetch(ahead, place, offset, group.reader.lines_of_chunk(STRIP)[1::2])
            for k, pointer in enumerate(pointers):
                below, row = group.below(shift, pointer, load), builder.add(place, vectors.INDEX(k))
                of_power = {1: builder.fneg(below), 2: builder.fmul(below, below) if 2 in powers else None}
                for sums, first, power in zip(parts, first_scales, powers, strict=True):
                    scale = vectors.splat(builder, builder.load(builder.gep(first, [row])))
                    sums[k % len(sums)].add_product(of_power[power], scale)

        group.each_strip(add_strip)
        for first, sums in zip(firsts, parts, strict=True):
            added = vectors.sum_of_sums(builder, sums)
            vectors.store(builder, builder.fadd(vectors.load(builder, first, offset), added), first, offset)

    group.reader.each_chunk(add_chunk)


def _add_rows_in_python(total, X, start, stop, scales, centre, ahead):
    _add_powers_in_python([(total, scales, 1)], X, start, stop, centre)


@intrinsic(_add_rows_in_python)
def add_rows(typing_context, total, X, start, stop, scales, centre, ahead):
    """Add scales[k] * (X[start + k] - centre, 1) of the rows from start to stop to `total`."""

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
