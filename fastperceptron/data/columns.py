"""The rows made of columns: one value per numeric column or per level of a categorical one, with labels and weights.

A column of text is a feature only on request, as one column of zeros and ones per level, named "column=level": the
names of a model's features suffice to code other data the same way. choose_columns.py decides which column is what.
Rows with many level columns are sparse: a value per number and per level of a row, whatever the number of features.
"""

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from fastperceptron.checks import Array
from fastperceptron.data.array_dataset import as_weights
from fastperceptron.data.dataset import Block
from fastperceptron.data.levels import LevelFinder, coded_column, coded_text
from fastperceptron.data.pieces import Piece, is_text, values_of, without_nulls
from fastperceptron.data.sparse_arrays import CsrArray
from fastperceptron.data.text_values import as_labels_of_text, first_that_is_no_number, numbers_of
from fastperceptron.kernels.columns import rows_of_columns, sparse_rows_of_columns

# Rows are sparse where a column has this many levels, and dense rows would take this many times as much memory: what
# the kernels do per stored value takes longer than per value of a dense row.
MANY_LEVELS, CLEARLY = 30, 2
BYTES_OF_INDEX, BYTES_OF_ROW = 4, 8  # of a stored value's column, and of where a row ends
ROWS_AT_A_TIME = 8192  # rows that are turned from columns at a time: they stay in cache


class Feature(NamedTuple):
    """A column of the rows: a column of numbers, or 1 where a column has a level and 0 elsewhere."""

    name: str
    column: str
    level: str | None = None


@dataclass(frozen=True)
class Columns:
    """The roles of the columns of a table, and the blocks of rows made of them."""

    features: tuple[Feature, ...]
    target: str | None
    weight: str | None
    dtype: np.dtype  # of the rows: float32 or float64
    text: frozenset[str] = frozenset()  # the columns that are stored as text, which may mean numbers
    decimal_point: str = "."  # in them
    # Whether labels that are stored as text are numbers; None: they are left as text, until all are known.
    has_numeric_labels: bool | None = None
    refusal: str | None = None  # why a feature cannot be one; raised when rows are read

    @property
    def names(self) -> list[str]:
        """The columns that must be read."""
        own = [feature.column for feature in self.features]
        return list(dict.fromkeys([*own, *filter(None, (self.target, self.weight))]))

    @cached_property
    def numbers(self) -> list[str]:
        """The columns that are features as they are."""
        return [feature.column for feature in self.features if feature.level is None]

    @cached_property
    def levels(self) -> dict[str, dict[str, int]]:
        """The levels of each categorical column, numbered in the order of the features."""
        found: dict[str, dict[str, int]] = {}
        for _, column, level in self.features:
            if level is not None:
                known = found.setdefault(column, {})
                known[level] = len(known)
        return found

    @cached_property
    def _level_numbers(self) -> "dict[str, _LevelNumbers]":
        return {
            name: _LevelNumbers(levels, self.decimal_point if name in self.text else ".")
            for name, levels in self.levels.items()
        }

    def block(self, piece: Piece, out: Array | None = None) -> Block:
        """Return some rows of a source as rows, labels and weights; dense rows are written to `out`, if it is given."""
        numbers = {name: self._numbers(piece, name, self.dtype) for name in self.numbers}
        codes = {name: self._level_codes(piece, name) for name in self.levels}
        n_rows = piece.batch.num_rows
        X = (
            self._sparse_rows(n_rows, numbers, codes)
            if self.is_sparse
            else self._dense_rows(n_rows, numbers, codes, out)
        )
        y = None if self.target is None else self.labels(piece)
        if self.weight is None:
            return Block(X, y, None)
        weights = self._numbers(piece, self.weight, np.dtype(np.float64), "weight")
        return Block(X, y, as_weights(weights, self.weight, piece.first_row))

    @cached_property
    def is_sparse(self) -> bool:
        """Whether rows are held sparse: if a column has many levels, and dense rows would take far more memory."""
        if max(map(len, self.levels.values()), default=0) < MANY_LEVELS:
            return False
        size = self.dtype.itemsize
        sparse_bytes = (len(self.numbers) + len(self.levels)) * (size + BYTES_OF_INDEX) + BYTES_OF_ROW
        return len(self.features) * size >= CLEARLY * sparse_bytes

    def _dense_rows(self, n_rows: int, numbers: dict[str, Array], codes: dict[str, Array], out: Array | None) -> Array:
        sources = [
            numbers[column] if level is None else codes[column] == self.levels[column][level]
            for _, column, level in self.features
        ]
        X = np.empty((n_rows, len(sources)), self.dtype) if out is None else out
        staged = np.empty((len(sources), min(len(X), ROWS_AT_A_TIME)), self.dtype)
        for start in range(0, len(X), ROWS_AT_A_TIME):
            rows = X[start : start + ROWS_AT_A_TIME]
            for number, source in enumerate(sources):
                staged[number, : len(rows)] = source[start : start + ROWS_AT_A_TIME]
            rows_of_columns(staged, rows)
        return X

    @cached_property
    def _slots(self) -> list[tuple[str, Array | int]]:
        """The columns, each with the features that its levels are, in the levels' order, or with its own feature."""
        places: dict[str, list[int]] = {name: [] for name in self.levels}
        slots: list[tuple[str, Array | int]] = []
        for place, (_, column, level) in enumerate(self.features):
            if level is None:
                slots.append((column, place))
            else:
                if not places[column]:
                    slots.append((column, np.empty(0, np.int32)))
                places[column].append(place)
        return [(name, np.array(places[name], np.int32) if isinstance(own, np.ndarray) else own) for name, own in slots]

    @cached_property
    def _are_slots_apart(self) -> bool:
        """Whether all features of a slot stand before those of the next; a model's may stand in any order."""
        bounds = [(np.min(own), np.max(own)) for _, own in self._slots]
        return all(before[1] < after[0] for before, after in itertools.pairwise(bounds))

    def _sparse_rows(self, n_rows: int, numbers: dict[str, Array], codes: dict[str, Array]) -> CsrArray:
        """Return rows with a value per column of numbers and per known level, as far as these are not 0."""
        shape = len(self._slots), n_rows
        places, values = np.empty(shape, np.int32), np.empty(shape, self.dtype)
        for slot, (column, own) in enumerate(self._slots):
            if isinstance(own, int):
                places[slot], values[slot] = own, numbers[column]
            else:
                places[slot], values[slot] = own[codes[column]], codes[column] >= 0
        if not self._are_slots_apart:
            order = np.argsort(places, axis=0)
            places, values = (np.take_along_axis(each, order, axis=0) for each in (places, values))
        indptr, indices, stored = np.zeros(n_rows + 1, np.int64), np.empty(places.size, np.int32), np.empty_like(values)
        stored = stored.reshape(-1)
        n_stored = sparse_rows_of_columns(values, places, (indptr, indices, stored))
        return CsrArray(indptr, indices[:n_stored], stored[:n_stored], len(self.features))

    def labels(self, piece: Piece) -> Array:
        """Return the labels of some rows: numbers, booleans, or objects of type str."""
        column = without_nulls(piece, str(self.target), "target")
        if not is_text(column.type):
            return values_of(column)
        coded = coded_text(column)
        if self.target not in self.text or not self.has_numeric_labels:
            return np.array(coded.values, object)[coded.codes]
        if odd := first_that_is_no_number(column):
            raise ValueError(
                f"column {self.target!r} holds {odd[1]!r} in row {piece.first_row + odd[0]} of {piece.source}, but the "
                "other labels are numbers."
            )
        return as_labels_of_text(coded.values, are_numeric=True)[coded.codes]

    def _level_codes(self, piece: Piece, name: str) -> Array:
        """Return the number of each row's level, (n_rows,), or -1 where it is not known."""
        coded = coded_column(piece, name)
        return np.fromiter(map(self._level_numbers[name].__getitem__, coded.values), np.int64)[coded.codes]

    def _numbers(self, piece: Piece, name: str, dtype: np.dtype, role: str = "feature") -> Array:
        """Return a column as numbers; raise ValueError at the first value that is not one, TypeError if none is."""
        column = without_nulls(piece, name, role)
        if name not in self.text:
            return values_of(column)
        plain = column if self.decimal_point == "." else _with_points(column, self.decimal_point)
        numbers = numbers_of(plain, dtype)
        if np.isnan(numbers).any() and (odd := first_that_is_no_number(plain)):
            value = column[odd[0]].as_py()
            holds = f"column {name!r} holds {value!r} in row {piece.first_row + odd[0]} of {piece.source}"
            if np.isnan(numbers).all() and len(numbers) > 1 and not _is_separated_number(value):
                advice = advice_for(name) if role == "feature" else f"give another column as `{role}`."
                raise TypeError(f"{holds}: it is text, but {role}s must be numeric: {advice}")
            if role != "feature":
                raise ValueError(f"{holds}, but the {role} of a row must be a number.")
            raise ValueError(f"{holds}, which is not a number. {_advice_for_value(value, name)}")
        return numbers


class _LevelNumbers(dict[str, int]):
    """The number of the level that a value means, -1 for none; a value that means one is looked up once."""

    def __init__(self, levels: dict[str, int], decimal_point: str) -> None:
        super().__init__(levels)
        self._numbers, self._finder = levels, LevelFinder(levels, decimal_point)

    def __missing__(self, value: str) -> int:
        level = self._finder.find(value)
        if level is None:
            return -1  # not kept: there may be very many of them
        return self.setdefault(value, self._numbers[level])


def advice_for(name: str) -> str:
    """Return what can be done with a column of text. Options stand in backticks: the command line translates them."""
    return (
        f"code its levels as columns of zeros and ones (`categorical=[{name!r}]`), make it the target, or leave it out "
        "(`features`)."
    )


def _is_separated_number(value: str) -> bool:
    return value.replace(",", "").replace(".", "").strip(" +-").isdigit()


def _advice_for_value(value: str, name: str) -> str:
    if _is_separated_number(value):
        return "Write numbers without separators of thousands; a decimal comma needs `csv={'decimal_point': ','}`."
    return (
        f"If it stands for a missing value, `csv={{'null_values': [{value!r}]}}` says so, and such rows must be "
        f"dropped or filled in. If it is text: {advice_for(name)}"
    )


def _with_points(column: pa.Array, decimal_point: str) -> pa.Array:
    """Return text with points before fractions; points that were there separate thousands, and become "?"."""
    import pyarrow.compute as pc

    return pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal_point, ".")
