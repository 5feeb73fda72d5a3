"""Rows that lie in parts, on other machines say: what a fit asks of all rows is asked of the parts.

A question is a pure function of a `Part` and its arguments, so that it may be asked again anywhere; answers that are
sums are nodes of the tree (tile_tree.py). An engine (cluster/) knows where the parts are and how to ask them. Trainers
read `PartedRows` as they read any rows: rows by number come to the one who asks.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastperceptron.checks import Array, check_finite
from fastperceptron.data.arrays import Rows, read_only
from fastperceptron.data.labels import count_of_codes
from fastperceptron.data.sparse_rows import sparse_read_width
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.kernels.sparse_objective import tile_rows
from fastperceptron.kernels.tree import WEIGHTS_PER_TILE
from fastperceptron.training.checkpoint import digest, hashes_of
from fastperceptron.training.problem import Problem, ScaledWeights, WeightRange
from fastperceptron.training.threads import MapInOrder, ranges_of
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.tile_tree import Nodes, merged, nodes_of_weights, total


class Question(NamedTuple):
    """What is asked of each part: answer(part, *arguments, map_in_order)."""

    answer: Callable[..., Any]
    # Makes one answer of those of several parts, wherever these lie; None where answers are wanted in the rows' order.
    merge: Callable[[list[Any]], Any] | None = None


class Engine(Protocol):
    """Who asks the parts."""

    def ask(self, question: Question, arguments: tuple[Any, ...], tell: Callable[[int], object]) -> list[Any]:
        """Return the parts' answers in the rows' order; merged ones in any order and number.

        `tell` is called with the number of rows of the parts that answered since the call before.
        """


class Taken(NamedTuple):
    """Some rows with what belongs to them."""

    X: Array
    codes: Array
    row_weights: Array | None


class PartedRows(Rows):
    """All rows, in parts that an engine asks."""

    is_in_place = False

    def __init__(
        self,
        engine: Any,
        n_rows: int,
        n_features: int,
        dtype: Any,
        identity: str = "",
        n_stored: int | None = None,
    ) -> None:
        super().__init__(n_rows, n_features, dtype if n_stored is None else np.float64)
        self.engine: Engine = engine
        self.identity = identity  # all that generated rows are a function of; else ""
        self.n_stored, self.is_sparse = n_stored, n_stored is not None  # the stored values of sparse rows
        if n_stored is not None:
            self.tile_rows = tile_rows(n_rows, n_features, n_stored)
        self._changes: tuple[tuple[Callable[..., Part], tuple[Any, ...]], ...] = ()
        self._last: tuple[bytes, Taken] | None = None

    def changed(self, change: Callable[..., Part], *arguments: Any) -> "PartedRows":
        """Return the rows whose parts are change(part, *arguments) of these, made where they lie for each question."""
        rows = copy.copy(self)
        rows._changes, rows._last = (*self._changes, (change, arguments)), None
        return rows

    @property
    def read_width(self) -> float:
        """The number of columns of dense rows that a read of all rows takes as long for."""
        if self.n_stored is None:
            return super().read_width
        return sparse_read_width(self.n_rows, self.n_features, self.n_stored)

    def ask(self, question: Question, *arguments: Any, tell: Callable[[int], object] = int) -> list[Any]:
        """Return the answers of all parts."""
        if self._changes:
            question, arguments = Question(_answer_changed, question.merge), (question, self._changes, *arguments)
        return self.engine.ask(question, arguments, tell)

    def sum(self, question: Question, *arguments: Any, shape: tuple[int, ...], n_tiles: int) -> Array:
        """Return the sum over all tiles of what the parts answer as nodes."""
        return total(self.ask(question, *arguments), shape, n_tiles)

    def taken(self, places: range | Array) -> Taken:
        """Return the rows with these numbers, class numbers and weights: from memory if they were the last ones."""
        numbers = np.asarray(places, np.int64)
        key = numbers.tobytes()
        last = self._last
        if last is None or last[0] != key:
            order = np.argsort(numbers, kind="stable")
            parts = [each for each in self.ask(TAKE, numbers[order]) if len(each.codes)]
            back = np.empty_like(order)
            back[order] = np.arange(order.size)
            X = np.concatenate([each.X for each in parts]) if parts else np.empty((0, self.n_features), self.dtype)
            codes = np.concatenate([each.codes for each in parts]) if parts else np.empty(0, np.uint8)
            own = None
            if parts and parts[0].row_weights is not None:
                own = read_only(np.concatenate([each.row_weights for each in parts])[back])
            self._last = last = key, Taken(read_only(X[back]), read_only(codes[back]), own)
        return last[1]

    def rows_at(self, places: range | Array) -> Array:
        """Return the rows with these numbers."""
        return self.taken(places).X

    def labelled_at(self, codes: Any, places: range | Array) -> tuple[Array, Array]:  # noqa: ARG002  # as ArrayRows has it
        """Return the rows with these numbers and their class numbers."""
        taken = self.taken(places)
        return taken.X, taken.codes

    def check_finite(self) -> None:
        """Raise ValueError at the first NaN or infinity."""
        for error in self.ask(CHECK):
            if error is not None:
                raise ValueError(error)

    def hashes(self, start: int, stop: int) -> Array:
        """Return the hashes of the tiles of the rows from start to stop, both of which are those of tiles."""
        return np.concatenate([np.empty(0, np.uint64), *self.ask(HASH, start, stop)])

    def take(self, order: Array, codes: Any) -> tuple[Array, Array, Array]:
        """Return (rows, their codes, places) such that rows[places[k]] is row order[k]."""
        return *self.labelled_at(codes, order), read_only(np.arange(order.size))


def _answer_changed(part: Part, question: Question, changes: Any, *arguments: Any) -> Any:
    for change, own in changes:
        part = change(part, *own)
    return question.answer(part, *arguments)


def renumbered(part: Part, numbers: Array) -> Part:
    """Return a part whose class k is class numbers[k]."""
    return part._replace(codes=read_only(numbers[part.codes[:]]))


class PerRow:
    """Values of all rows that a question takes along, (n_rows,): an engine gives each bundle those of its rows only."""

    def __init__(self, values: Array | None, pieces: dict[int, Array] | None = None) -> None:
        self._pieces = {0: values} if pieces is None else pieces  # by the number of the first row

    def of(self, places: Sequence[range]) -> "PerRow":
        """Return the values of the rows of some ranges."""
        return PerRow(None, {each.start: self.at(each) for each in places})

    def at(self, places: range) -> Array:
        """Return the values of a range of rows, which is within one of those that are here."""
        first = max(each for each in self._pieces if each <= places.start)
        found: Array = self._pieces[first][places.start - first : places.stop - first]  # type: ignore[index]
        return found


class PartedCodes:
    """The class numbers of all rows, (n_rows,), read like an array by slices and by row numbers."""

    def __init__(self, rows: PartedRows, counts: Array | None, dtype: Any, n_classes: int) -> None:
        self._rows, self._counts, self._n_classes = rows, counts, n_classes
        self.size, self.dtype = rows.n_rows, np.dtype(dtype)

    @property
    def counts(self) -> Array:
        """The number of rows of each class: (n_classes,) int64; the parts are asked if it is not known."""
        if self._counts is None:
            self._counts = np.sum(self._rows.ask(COUNT_CODES, self._n_classes), axis=0)
        return self._counts

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: slice | Array) -> Array:
        return self._rows.taken(_numbers(place, self.size)).codes


class PartedWeights:
    """The weights of all rows, (n_rows,) float64, read like an array by slices and by row numbers."""

    def __init__(self, rows: PartedRows, known: WeightRange, n_classes: int) -> None:
        self._rows, self.range, self.size, self._n_classes = rows, known, rows.n_rows, n_classes

    def __getitem__(self, place: slice | Array) -> Array:
        own = self._rows.taken(_numbers(place, self.size)).row_weights
        return np.empty(0) if own is None else own

    def min(self) -> float:
        """Return the smallest weight."""
        return self.range.smallest

    def max(self) -> float:
        """Return the largest weight."""
        return self.range.largest

    def by_class(self, codes: Any, n_classes: int, power: int) -> Array:  # noqa: ARG002  # as weights_by_class has it
        """Return the sums of all weights times 2^power: of each class, or of all rows where n_classes is 1."""
        n_tiles = -(-self.size // WEIGHTS_PER_TILE)
        return self._rows.sum(WEIGH, n_classes, power, shape=(n_classes,), n_tiles=n_tiles)


def _numbers(place: slice | Array, size: int) -> range | Array:
    return range(*place.indices(size)) if isinstance(place, slice) else place


def exponent_of(row_weights: Any) -> int | None:
    """Return the power of two that a problem's row weights are divided by; None where it has none."""
    return None if row_weights is None else int(getattr(row_weights, "exponent", 0))


def weighted(part: Part, exponent: int | None) -> Part:
    """Return a part with the row weights that a problem has: without, or divided by a power of two."""
    if exponent is None:
        return part._replace(row_weights=None)
    return part if exponent == 0 else part._replace(row_weights=ScaledWeights(part.row_weights, exponent))


def ask_rows(problem: Problem, question: Question, *arguments: Any, map_in_order: MapInOrder[Any, Any]) -> list[Any]:
    """Return what the parts of a problem's rows answer, or all of its rows as one part.

    Row weights of a part are those given by the user, before they are divided: see `weighted`.
    """
    rows: Any = problem.rows
    if isinstance(rows, PartedRows):
        return rows.ask(question, *arguments)
    own = problem.row_weights
    return [question.answer(Part(rows, problem.codes, getattr(own, "undivided", own)), *arguments, map_in_order)]


def merge_nodes(answers: Sequence[Nodes]) -> Nodes:
    """Return the nodes of several parts, with those added whose halves are both there."""
    return merged(answers, answers[0].values.shape[1:])


def _take(part: Part, numbers: Array, map_in_order: MapInOrder[Any, Any]) -> Taken:  # noqa: ARG001
    """Return a part's rows of those with some numbers, which are sorted."""
    first, stop = np.searchsorted(numbers, [part.first, part.first + part.rows.n_rows])
    places = numbers[first:stop] - part.first
    X, codes = part.rows.labelled_at(part.codes, places)
    return Taken(X, codes, None if part.row_weights is None else part.row_weights[places])


def _check(part: Part, map_in_order: MapInOrder[Any, Any]) -> str | None:  # noqa: ARG001
    """Return what is wrong with the first NaN or infinity of a part, if there is one."""
    try:
        if part.rows.is_sparse:
            part.rows.check_finite(part.first)
        for place, block in () if part.rows.is_sparse else part.rows.blocks():
            check_finite(block, part.first + place.start)
    except ValueError as error:
        return str(error)
    return None


def _hash(part: Part, start: int, stop: int, map_in_order: MapInOrder[Any, Any]) -> Array:  # noqa: ARG001
    """Return the hashes of the tiles of a part that are among the rows from start to stop."""
    first, last = (min(max(each - part.first, 0), part.rows.n_rows) for each in (start, stop))
    return hashes_of(part.rows, first, last)


def _digest(part: Part, map_in_order: MapInOrder[Any, Any]) -> list[str]:  # noqa: ARG001
    """Return the digests of the class numbers and weights of each run of a part's rows."""
    return digests_of(part.codes, part.row_weights, part.rows.n_rows, part.rows.n_features)


def digests_of(codes: Any, weights: Any, n_rows: int, n_features: int) -> list[str]:
    """Return the digests of the class numbers and weights of each run of rows."""
    slices = (slice(places.start, places.stop) for places in ranges_of(n_rows, rows_per_run(n_features)))
    return [digest(codes[each], None if weights is None else weights[each]) for each in slices]


def _weigh(part: Part, n_classes: int, power: int, map_in_order: MapInOrder[Any, Any]) -> Nodes:  # noqa: ARG001
    """Return the nodes of the sums of a part's weights."""
    return nodes_of_weights(part.row_weights, part.first, part.codes if n_classes > 1 else None, n_classes, power)


def _present(part: Part, code: int | None, map_in_order: MapInOrder[Any, Any]) -> Array:  # noqa: ARG001
    """Return the numbers of a part's rows of positive weight, of all classes or of one."""
    is_wanted = np.ones(part.rows.n_rows, bool) if code is None else part.codes[:] == code
    if part.row_weights is not None:
        is_wanted &= part.row_weights[:] > 0
    found: Array = part.first + np.flatnonzero(is_wanted)
    return found


def _count_codes(part: Part, n_classes: int, map_in_order: MapInOrder[Any, Any]) -> Array:  # noqa: ARG001
    """Return the number of a part's rows of each class."""
    return count_of_codes(part.codes, n_classes)


def _count_present(part: Part, map_in_order: MapInOrder[Any, Any]) -> int:  # noqa: ARG001
    """Return how many of a part's rows have a positive weight."""
    return part.rows.n_rows if part.row_weights is None else int(np.count_nonzero(part.row_weights[:]))


def present_rows(problem: Problem, code: int | None = None) -> Iterator[Array]:
    """Yield the numbers of the rows of positive weight, of all classes or of one, in order."""
    rows: Any = problem.rows
    return iter(rows.ask(PRESENT, code)) if isinstance(rows, PartedRows) else problem.present_rows(code)


def number_present(problem: Problem) -> int:
    """Return how many rows have a positive weight."""
    if problem.row_weights is None:
        return problem.rows.n_rows
    if isinstance(problem.rows, PartedRows):
        return sum(problem.rows.ask(COUNT))
    return sum(rows.size for rows in problem.present_rows())


TAKE, CHECK, HASH, DIGEST = Question(_take), Question(_check), Question(_hash), Question(_digest)
COUNT_CODES = Question(_count_codes)
WEIGH, COUNT, PRESENT = Question(_weigh, merge_nodes), Question(_count_present, sum), Question(_present)
