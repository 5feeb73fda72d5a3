"""All that workers do with rows: pure functions of what they are given, so that anything lost is made again anywhere.

A partition is loaded as it comes (`Loaded`), together with others where these lie (a shelf). Once all lengths are
known, each keeps the runs of tiles that begin in it, and gets the few rows that its last run lacks from those after it
(`align`). Aligned partitions that lie together are one `Bundle`, which is asked as a whole. Tasks are for shelves and
bundles, since each costs about a millisecond, and there may be 10,000 partitions.
"""

from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, kernel_dtype, read_only
from fastperceptron.data.chunk_dataset import as_block
from fastperceptron.data.dataset import Block
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.data.sparse_arrays import CsrArray, Matrix, joined
from fastperceptron.data.sparse_rows import SparseRows
from fastperceptron.kernels.cache import generation
from fastperceptron.kernels.fingerprint import fingerprint
from fastperceptron.training.parted_rows import Question
from fastperceptron.training.problem import WeightRange, range_of
from fastperceptron.training.threads import open_pool
from fastperceptron.training.tile_sums import Part


class About(NamedTuple):
    """What has to be known of a partition: small, however many rows it has."""

    n_rows: int
    n_features: int = 0
    dtype: str = ""
    names: tuple[Any, ...] | None = None
    labels: Array | None = None  # distinct ones, in the order in which they came
    counts: Array | None = None  # how many rows have each
    weights: WeightRange | None = None
    fingerprint: int = 0  # of all its bytes
    generation: str = ""  # of the package where it was loaded
    n_stored: int | None = None  # the stored values of sparse rows; None of dense ones


class Loaded:
    """The rows of a partition. `is_view` says that another keeps their memory."""

    def __init__(self, X: Matrix, codes: Array, weights: Array | None, about: About, *, is_view: bool = False) -> None:
        self.X, self.codes, self.weights, self.about, self.is_view = X, codes, weights, about, is_view

    def __sizeof__(self) -> int:
        """Return the size of the memory that is its own, by which Dask decides what to spill and where to ask."""
        own = self.codes.nbytes + (0 if self.weights is None else self.weights.nbytes)
        return int(own + (0 if self.is_view else _bytes_of(self.X)))


class Fragment(NamedTuple):
    """The first rows of a partition, which end a run that begins in one before."""

    X: Matrix
    codes: Array
    weights: Array | None
    fingerprint: int  # of the partition


class Plan(NamedTuple):
    """Where a partition is among all rows, and which rows its runs have: `first` to `stop`."""

    start: int  # the number of the partition's first row
    end: int  # the number of the row after its last
    first: int
    body: int  # its runs end here, but for one that needs rows of partitions after it, or is cut
    stop: int


class Aligned(NamedTuple):
    """The runs that begin in a partition."""

    parts: list[Part]  # the whole runs, where the partition's rows are, and the last one
    fingerprints: list[tuple[int, int]]  # (number, fingerprint) of the partitions whose rows these are
    n_bytes: int = 0  # of the rows, if nothing else keeps their memory


class Wanted:
    """Rows of partitions on some shelves: (shelf, place on it, class numbers of its labels, start, stop) of each.

    It is no list, in which Dask would look for the results of other tasks.
    """

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, Array, int, int]] = []


class Shares:
    """What becomes a bundle: (shelf, place on it, class numbers of its labels, plan, sources, pieces) per partition.

    `sources` are as in `align`; `pieces` say where the fragments are: (bundle, place in its list) of each.
    """

    def __init__(self, tile_rows: int) -> None:
        self.tile_rows = tile_rows  # that of all rows
        self.holders: list[int] = []  # the bundle of each list of fragments: of the others, then this one
        self.rows: list[tuple[int, int, Array, Plan, list[int], list[tuple[int, int]]]] = []


class Gathering:
    """What a bundle of rows from `first` on is made of: (partition, bundle that has it, place in its list) each."""

    def __init__(self, first: int, tile_rows: int) -> None:
        self.first, self.tile_rows = first, tile_rows  # that of all rows
        self.holders: list[int] = []  # the bundle of each list of fragments
        self.rows: list[tuple[int, int, int]] = []


class Bundle:
    """Aligned partitions that lie together."""

    def __init__(self, all_aligned: list[Aligned]) -> None:
        self.parts = [part for aligned in all_aligned for part in aligned.parts]
        self.fingerprints = [each for aligned in all_aligned for each in aligned.fingerprints]
        self._n_bytes = sum(aligned.n_bytes for aligned in all_aligned)

    def __sizeof__(self) -> int:
        """Return the size of its rows, to be moved with it; those of a persisted collection are counted there."""
        return self._n_bytes


class Answer(NamedTuple):
    """What a bundle answers."""

    firsts: list[int]  # the number of the first row of each part that answered; of all together, of the first
    answers: list[Any]
    fingerprints: list[tuple[int, int]]  # (number, fingerprint) of its partitions


def load_block(X: Any, y: Any, weights: Any, number: int, is_view: bool = False) -> Loaded:
    """Return a partition of a collection; `number` is for errors."""
    if X.shape[0] == 0:  # sparse rows have no length
        return no_rows()
    if weights is not None and np.ndim(weights) == 0:
        weights = np.full(X.shape[0], weights)
    block, names = as_block((X, y, weights), number, "partition")
    return loaded_of(block, names, number, is_view=is_view)


def no_rows() -> Loaded:
    """Return a partition without rows."""
    return Loaded(np.empty((0, 0)), np.empty(0, np.uint8), None, About(0, generation=generation()))


def loaded_of(
    block: Block, names: tuple[Any, ...] | None, number: int, kind: str = "partition", *, is_view: bool = False
) -> Loaded:
    """Return the rows of a partition that has some; `kind` and `number` are for errors."""
    if not (is_view or isinstance(block.X, CsrArray)):  # once, not in each read
        block = block._replace(X=np.ascontiguousarray(block.X, kernel_dtype(block.X.dtype)))
    labels = RunningLabels()
    codes = labels.codes_of(block.y, f"y of {kind} {number}")
    known = None if block.weights is None else range_of(block.weights)
    n_rows, n_features = block.X.shape
    known_of_it = About(
        n_rows,
        n_features,
        np.dtype(kernel_dtype(block.X.dtype)).str,
        names,
        labels.values(),
        np.bincount(codes),
        known,
        _fingerprint(block.X, codes, block.weights),
        generation(),
        block.X.nnz if isinstance(block.X, CsrArray) else None,
    )
    return Loaded(block.X, codes, block.weights, known_of_it, is_view=is_view)


def load_all(*columns: Any) -> list[Loaded]:
    """Return partitions that lie together, a shelf: the last argument loads one, the others have its arguments."""
    *arguments, load = columns
    return [load(*each) for each in zip(*arguments, strict=True)]


def abouts(shelves: list[list[Loaded]]) -> list[About]:
    """Return what has to be known of the partitions on some shelves."""
    return [loaded.about for shelf in shelves for loaded in shelf]


def fragment(loaded: Loaded, numbers: Array, start: int, stop: int) -> Fragment:
    """Return some rows of a partition; `numbers` has the class number of each of its labels."""
    own = loaded.weights
    X = loaded.X[start:stop]
    X = X if isinstance(X, CsrArray) else np.asarray(X, kernel_dtype(X.dtype))
    return Fragment(
        X, numbers[loaded.codes[start:stop]], None if own is None else own[start:stop], loaded.about.fingerprint
    )


def fragments(shelves: list[list[Loaded]], wanted: Wanted) -> list[Fragment]:
    """Return rows of several partitions on some shelves."""
    return [fragment(shelves[shelf][place], numbers, start, stop) for shelf, place, numbers, start, stop in wanted.rows]


def align(
    loaded: Loaded, numbers: Array, plan: Plan, sources: list[int], fragments: list[Fragment], tile_rows: int
) -> Aligned:
    """Return the runs that begin in a partition; `fragments` have the rows that the last one lacks.

    `sources` are the numbers of the partition and of those that the fragments are of; `tile_rows` is that of all rows.
    """
    parts, own = [], loaded.weights
    body = slice(plan.first - plan.start, plan.body - plan.start)
    if body.start < body.stop:
        codes = read_only(numbers[loaded.codes[body]])
        weights = None if own is None else read_only(own[body])
        parts.append(Part(_rows_of(loaded.X[body], tile_rows), codes, weights, plan.first))
    if plan.body < plan.stop:
        pieces = [fragment(loaded, numbers, plan.body - plan.start, plan.end - plan.start), *fragments]
        parts.append(_joined(pieces, plan.body, tile_rows))
    fingerprints = [loaded.about.fingerprint, *(each.fingerprint for each in fragments)]
    n_bytes = 0 if loaded.is_view else _bytes_of(loaded.X)
    return Aligned(parts, [*zip(sources, fingerprints, strict=True)], n_bytes)


def bundle(shelves: list[list[Loaded]], wanted: Wanted, shares: Shares, others: list[list[Fragment]]) -> Bundle:
    """Return the partitions on some shelves as one; fragments are those of `others`, and `wanted` of its own."""
    lists = dict(zip(shares.holders, [*others, fragments(shelves, wanted)], strict=True))
    return Bundle(
        [
            align(shelves[shelf][place], numbers, plan, sources, [lists[k][n] for k, n in pieces], shares.tile_rows)
            for shelf, place, numbers, plan, sources, pieces in shares.rows
        ]
    )


def gathered(gathering: Gathering, others: list[list[Fragment]]) -> Bundle:
    """Return pieces of partitions as one bundle, of one part."""
    lists = dict(zip(gathering.holders, others, strict=True))
    pieces = [lists[holder][place] for _, holder, place in gathering.rows]
    sources = [(number, piece.fingerprint) for (number, *_), piece in zip(gathering.rows, pieces, strict=True)]
    part = _joined(pieces, gathering.first, gathering.tile_rows)
    return Bundle([Aligned([part], sources, sum(_bytes_of(piece.X) for piece in pieces))])


def _joined(pieces: list[Fragment], first: int, tile_rows: int) -> Part:
    """Return pieces as one part, whose rows begin with the number `first`; they are copied."""
    X, codes = (joined([piece[k] for piece in pieces]) for k in (0, 1))
    own = [piece.weights for piece in pieces if piece.weights is not None]
    return Part(_rows_of(X, tile_rows), read_only(codes), read_only(np.concatenate(own)) if own else None, first)


def answer(bundle: Bundle, question: Question, arguments: tuple[Any, ...], n_threads: int) -> Answer:
    """Return what a bundle answers to a question."""
    with open_pool(n_threads) as map_in_order:
        answers = [question.answer(part, *arguments, map_in_order) for part in bundle.parts]
    firsts = [part.first for part in bundle.parts]
    if question.merge is not None and answers:
        answers, firsts = [question.merge(answers)], firsts[:1]
    return Answer(firsts, answers, bundle.fingerprints)


def _rows_of(X: Matrix, tile_rows: int) -> ArrayRows | SparseRows:
    """Return rows as kernels take them; `tile_rows` is that of all rows, of which these are some."""
    return SparseRows(*_arrays_of(X), X.shape[1], tile_rows) if isinstance(X, CsrArray) else ArrayRows(X)


def _arrays_of(X: CsrArray) -> tuple[Array, Array, Array]:
    return X.indptr, X.indices, X.data


def _bytes_of(X: Matrix) -> int:
    return sum(each.nbytes for each in (_arrays_of(X) if isinstance(X, CsrArray) else (X,)))


def _fingerprint(X: Matrix, codes: Array, weights: Array | None) -> int:
    """Return a hash of all bytes of a partition."""
    total, stored = 0, _arrays_of(X) if isinstance(X, CsrArray) else ()
    for _, block in () if isinstance(X, CsrArray) else ArrayRows(X).blocks():
        total = _mixed(total, block.reshape(-1).view(np.uint32))
    for each in (*stored, codes, *(() if weights is None else (weights,))):
        content = np.ascontiguousarray(each).view(np.uint8)
        total = _mixed(total, np.concatenate([content, np.zeros(-content.size % 4, np.uint8)]).view(np.uint32))
    return total


def _mixed(total: int, words: Array) -> int:
    return (total * 0x9E3779B97F4A7C15 + int(fingerprint(read_only(words)))) % (1 << 64)
