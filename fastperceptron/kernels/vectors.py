"""Generators of LLVM vector code over rows of a matrix, from which rows.py and centred_rows.py build their operations.

Strict floating point forbids LLVM to vectorise a sum, so the lanes are written out here. A row x of d values is read as
(x, 1, 0, ..., 0) in chunks of LANES values, the last by a masked load: the bias is one more weight, and no scalar tail
is left (it cost 20-50% where d is no multiple of 8). Lane i sums the elements i, i + LANES, ... with fused
multiply-adds and the lanes are added as a fixed tree, so the bits do not depend on the width of the CPU's vectors.
"""

from llvmlite import ir
from numba.core import cgutils

LANES = 8
CACHE_LINE = 64
PREFETCHED_LINES = 16
# The cache level to prefetch into. The first has too few places for lines on their way: with it, reads of rows of 100
# float32 took 46 ns per row instead of 28, predictions 43 instead of 22.
SECOND_LEVEL = 2
INDEX = ir.IntType(64)
INT32 = ir.IntType(32)
LANE_NUMBERS = ir.Constant(ir.VectorType(INT32, LANES), list(range(LANES)))


class RowReader:
    """Reads rows of a C-ordered 2-d array as (x, 1, 0, ..., 0), chunk by chunk."""

    def __init__(self, context, builder, array_type, array):
        view = context.make_array(array_type)(context, builder, array)
        self._builder, self._data = builder, view.data
        self._element = context.get_value_type(array_type.dtype)
        self.n_features = cgutils.unpack_tuple(builder, view.shape)[1]
        remainder = builder.trunc(builder.srem(self.n_features, INDEX(LANES)), INT32)
        remainder = splat(builder, remainder)
        self._is_feature = builder.icmp_signed("<", LANE_NUMBERS, remainder)
        is_bias = builder.icmp_signed("==", LANE_NUMBERS, remainder)
        self._bias_chunk = builder.select(is_bias, constant(self._element, 1.0), constant(self._element, 0.0))

    def start(self, row):
        """Return the pointer to the first element of a row."""
        return self._builder.gep(self._data, [self._builder.mul(row, self.n_features)])

    def lines_of_chunk(self, strip_rows):
        """Return the numbers of the cache lines that hold a chunk of a strip's rows."""
        return range(strip_rows * LANES * _alignment(self._element) // CACHE_LINE)

    def prefetch_lines(self, row, strip_rows, chunk_offset, lines):
        """Prefetch the lines with these numbers among those that hold a chunk of the strip of rows from `row` on.

        A strip has the lines of its first chunk, its second and so on in the order of their addresses. No address
        faults.
        """
        builder = self._builder
        first_byte = builder.bitcast(self.start(row), ir.IntType(8).as_pointer())
        start = builder.mul(chunk_offset, INDEX(strip_rows * _alignment(self._element)))
        for line in lines:
            self._ask(builder.gep(first_byte, [builder.add(start, INDEX(line * CACHE_LINE))]))

    def prefetch(self, row):
        """Prefetch the first PREFETCHED_LINES cache lines of a row; the hardware prefetches the rest."""
        builder = self._builder
        size = builder.mul(self.n_features, INDEX(_alignment(self._element)))
        first_byte = builder.bitcast(self.start(row), ir.IntType(8).as_pointer())
        line_count = builder.sdiv(builder.add(size, INDEX(CACHE_LINE - 1)), INDEX(CACHE_LINE))
        is_short = builder.icmp_signed("<", line_count, INDEX(PREFETCHED_LINES))
        with cgutils.for_range(builder, builder.select(is_short, line_count, INDEX(PREFETCHED_LINES))) as loop:
            self._ask(builder.gep(first_byte, [builder.mul(loop.index, INDEX(CACHE_LINE))]))

    def _ask(self, line):
        function_type = ir.FunctionType(ir.VoidType(), [line.type, INT32, INT32, INT32])
        function = _declare(self._builder.module, "llvm.prefetch.p0", function_type)
        self._builder.call(function, [line, INT32(0), INT32(SECOND_LEVEL), INT32(1)])  # to read; data

    def each_chunk(self, body):
        """Call body(offset, load) for the full chunks, in a loop, and for the last one; load(start) gives a vector."""
        builder = self._builder
        count = builder.sdiv(self.n_features, INDEX(LANES))
        with cgutils.for_range(builder, count) as loop:
            offset = builder.mul(loop.index, INDEX(LANES))
            body(offset, lambda start: load(builder, start, offset))
        end = builder.mul(count, INDEX(LANES))
        body(end, lambda start: self._load_last(builder.gep(start, [end])))

    def _load_last(self, pointer):
        return load_masked(self._builder, pointer, INDEX(0), self._is_feature, self._bias_chunk)


def use_widest(function):
    """Let LLVM vectorise the loops of a function in the widest vectors that the CPU has."""
    # llvmlite's own method knows only attributes without a value.
    set.add(function.attributes, '"prefer-vector-width"="512"')


def constant(element, value, lanes=LANES):
    """Return the vector of equal constants."""
    return ir.Constant(ir.VectorType(element, lanes), [element(value)] * lanes)


def splat(builder, scalar, lanes=LANES):
    """Return the vector whose lanes all hold the scalar."""
    vector = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    vector = builder.insert_element(vector, scalar, INT32(0))
    return builder.shuffle_vector(vector, vector, constant(INT32, 0, lanes))


def load(builder, start, offset, lanes=LANES):
    """Return the elements from start[offset] on."""
    element = start.type.pointee
    pointer = builder.bitcast(builder.gep(start, [offset]), ir.VectorType(element, lanes).as_pointer())
    return builder.load(pointer, align=_alignment(element))


def load_masked(builder, start, offset, mask, otherwise):
    """Return the elements from start[offset] on where the mask is set, and those of `otherwise` where it is not."""
    pointer = builder.gep(start, [offset])
    arguments = [pointer, INT32(_alignment(start.type.pointee)), mask, otherwise]
    return _call_llvm(builder, "llvm.masked.load", ".p0", otherwise.type, arguments)


def gather(builder, start, places):
    """Return the elements start[place] of a vector of places, INDEX."""
    element, lanes = start.type.pointee, places.type.count
    size = constant(INDEX, _alignment(element), lanes)
    first = splat(builder, builder.ptrtoint(start, INDEX), lanes)
    addresses = builder.add(first, builder.mul(places, size))
    pointers = builder.inttoptr(addresses, ir.VectorType(start.type, lanes))
    vector, is_read = ir.VectorType(element, lanes), constant(ir.IntType(1), 1, lanes)
    arguments = [pointers, INT32(_alignment(element)), is_read, ir.Constant(vector, ir.Undefined)]
    return _call_llvm(builder, "llvm.masked.gather", f".v{lanes}p0", vector, arguments)


def store(builder, vector, start, offset):
    """Write a vector to the elements from start[offset] on."""
    pointer = builder.bitcast(builder.gep(start, [offset]), vector.type.as_pointer())
    builder.store(vector, pointer, align=_alignment(vector.type.element))


def widen(builder, vector, element):
    """Return the vector in the precision of `element`."""
    if vector.type.element == element:
        return vector
    return builder.fpext(vector, ir.VectorType(element, vector.type.count))


def cast(builder, vector, element):
    """Return the vector in the precision of `element`, rounded where that is lower."""
    if isinstance(vector.type.element, ir.DoubleType) and isinstance(element, ir.FloatType):
        return builder.fptrunc(vector, ir.VectorType(element, vector.type.count))
    return widen(builder, vector, element)


def fused_multiply_add(builder, a, b, c):
    """Return a * b + c, each lane rounded once."""
    return _call_llvm(builder, "llvm.fma", "", c.type, [a, b, c])


class Sum:
    """A vector that chunks are multiplied and added into, and whose lanes are added at the end."""

    def __init__(self, builder, element):
        self._builder = builder
        self._place = cgutils.alloca_once_value(builder, constant(element, 0.0))

    def add_product(self, a, b):
        """Add a * b."""
        builder = self._builder
        builder.store(fused_multiply_add(builder, a, b, builder.load(self._place)), self._place)

    def total(self):
        """Return the sum of the lanes: upper half to lower half, until one is left."""
        builder, vector, width = self._builder, self._builder.load(self._place), LANES
        while width > 1:
            width //= 2
            halves = (ir.Constant(ir.VectorType(INT32, width), list(range(k, k + width))) for k in (0, width))
            vector = builder.fadd(*(builder.shuffle_vector(vector, vector, half) for half in halves))
        return builder.extract_element(vector, INT32(0))

    @property
    def lanes(self):
        """The vector."""
        return self._builder.load(self._place)


def totals_of_eight(builder, sums):
    """Return the vector of the totals of eight sums: to the bit what `total` gives, at a third of the instructions."""
    return totals_of_lanes(builder, [total.lanes for total in sums])


def totals_of_lanes(builder, lanes):
    """Return the vector of the totals of eight vectors; see `totals_of_eight`."""
    # Of two sums, the lower half of one and the upper half of the other are added to what is left, and so on.
    halves, quarters = (
        ((0, 1, 2, 3, 12, 13, 14, 15), (4, 5, 6, 7, 8, 9, 10, 11)),
        ((0, 1, 10, 11, 4, 5, 14, 15), (2, 3, 8, 9, 6, 7, 12, 13)),
    )
    fours = [_joined(builder, lanes[k], lanes[k + 4], *halves) for k in range(4)]
    twos = [_joined(builder, fours[k], fours[k + 1], *quarters) for k in (0, 2)]
    return _joined(builder, *twos, (0, 2, 8, 10, 4, 6, 12, 14), (1, 3, 9, 11, 5, 7, 13, 15))


def _joined(builder, a, b, lanes, others):
    masks = (ir.Constant(ir.VectorType(INT32, LANES), list(each)) for each in (lanes, others))
    return builder.fadd(*(builder.shuffle_vector(a, b, mask) for mask in masks))


def sum_of_sums(builder, sums):
    """Return the vector of the sum of two or four sums, added in pairs."""
    added = [total.lanes for total in sums]
    while len(added) > 1:
        added = [builder.fadd(a, b) for a, b in zip(added[::2], added[1::2], strict=True)]
    return added[0]


def _alignment(element):
    return 4 if isinstance(element, ir.FloatType) or element == INT32 else 8


def _call_llvm(builder, name, suffix, vector_type, arguments):
    # llvmlite's own fma and declare_intrinsic know scalars only.
    full_name = f"{name}.v{vector_type.count}{vector_type.element.intrinsic_name}{suffix}"
    function_type = ir.FunctionType(vector_type, [argument.type for argument in arguments])
    return builder.call(_declare(builder.module, full_name, function_type), arguments)


def _declare(module, name, function_type):
    return module.globals.get(name) or ir.Function(module, function_type, name)
