"""Levels of categorical columns: their names, and how the values of a column find them.

A value has one name, however it is stored: text, integer, float32, float64 or boolean. Text of a file without types
(CSV) is a number only where all levels of its column are: "2.50" is then 2.5, but "007" is never 7. The values of a
model's columns find its levels in the same way, so that a model of a CSV file predicts rows of a frame.
"""

import itertools
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import kind_of
from fastperceptron.data.pieces import Piece, is_text, values_of, without_nulls
from fastperceptron.data.reader import Reader
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.data.text_values import BOOLEANS, as_number

MAX_LEVELS = 1000  # of a column, by default; more are refused if there are not 20 rows per level
ROWS_PER_LEVEL = 20
_IDENTIFIER = re.compile(r"\s*[+-]?0[0-9xX]")  # how digits begin that are not meant as a number
_WHOLE_FLOAT = re.compile(r"([+-]?[0-9]+)\.0+")


class Coded(NamedTuple):
    """A column by its distinct values: row k holds values[codes[k]]."""

    values: list[str]
    codes: Array  # (n_rows,)


def level_name(value: Any) -> str:
    """Return a level's name: that of the shortest decimal number that is the value in its own dtype.

    Examples
    --------
    >>> [level_name(value) for value in (3, 3.0, np.float32(0.1), 0.1, np.True_, "007")]
    ['3', '3', '0.1', '0.1', 'True', '007']
    """
    if isinstance(value, np.generic):
        value = float(str(value)) if isinstance(value, np.float16 | np.float32) else value.item()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def given_level(value: Any, column: str) -> str:
    """Return the name of a level that a user gives; raise TypeError if it is neither text nor a finite number."""
    is_known = bool(kind_of(type(value))) or isinstance(value, Decimal)
    if not is_known or (not isinstance(value, str) and not math.isfinite(value)):
        raise TypeError(f"categorical: a level of column {column!r} is {value!r}, but levels are text or numbers.")
    return level_name(value)


def names_of_levels(texts: set[str], decimal_point: str = ".") -> set[str]:
    """Return the names of all levels of a column that is stored as text: those of numbers if all texts are numbers."""
    numbers = [_number_of(with_point(text, decimal_point)) for text in texts]
    return texts if None in numbers else set(map(level_name, numbers))


def _number_of(text: str) -> bool | int | float | None:
    """Return the number that a text means, or None; digits that begin with 0 are an identifier."""
    number = None if _IDENTIFIER.match(text) else as_number(text)
    return None if number is None or not math.isfinite(number) else number


class LevelFinder:
    """The levels of a column by the names and numbers that mean them."""

    def __init__(self, levels: Iterable[str], decimal_point: str = ".") -> None:
        self._known, self._point = frozenset(levels), decimal_point
        by_number = {_number_of(level): level for level in levels}
        self._by_number = {} if None in by_number else by_number

    def find(self, value: str) -> str | None:
        """Return the level that the name of a value means, or None."""
        if value in self._known:
            return value
        value = with_point(value, self._point)
        found = _WHOLE_FLOAT.fullmatch(value)
        name = found[1] if found else value.capitalize() if value.lower() in BOOLEANS else value
        return name if name in self._known else self._by_number.get(_number_of(value))


def with_point(text: str, decimal_point: str) -> str:
    """Return text with a point before its fraction; points that were there separate thousands, and become "?"."""
    return text if decimal_point == "." else text.replace(".", "?").replace(decimal_point, ".")


def coded_column(piece: Piece, name: str) -> Coded:
    """Return a column by the names of its distinct values; raise ValueError if one is missing (null or NaN)."""
    column = without_nulls(piece, name)
    if is_text(column.type):
        return coded_text(column)
    values, codes = np.unique(values_of(column), return_inverse=True)
    if values.dtype.kind == "f" and np.isnan(values[-1:]).any():
        row = piece.first_row + int((codes == values.size - 1).argmax())
        raise ValueError(f"column {name!r} holds NaN in row {row} of {piece.source}: drop such rows, or fill them in.")
    return Coded(list(map(level_name, values)), codes)


def coded_text(column: Any) -> Coded:
    """Return a column of text without nulls by its distinct values."""
    coded = column.dictionary_encode() if hasattr(column, "dictionary_encode") else column
    return Coded([str(value) for value in coded.dictionary.to_pylist()], coded.indices.to_numpy())


def read_levels(
    reader: Reader, names: Sequence[str], max_levels: int | None, stated: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return the sorted levels of columns, from a read of these columns; raise ValueError if they are too many.

    `stated` are the columns that the user says are text.
    """
    levels: dict[str, set[str]] = {name: set() for name in names}
    n_rows = 0
    for piece in reader.pieces(names) if names else ():
        n_rows += piece.batch.num_rows
        for name in names if piece.batch.num_rows else ():
            coded = coded_column(piece, name)
            is_held = np.zeros(len(coded.values), bool)  # by a row: np.unique took 5 ms for 130,000
            is_held[coded.codes] = True
            levels[name].update(itertools.compress(coded.values, is_held))
            # Checked before the levels take memory, where the number of rows is known or already large.
            if reader.n_rows is not None or len(levels[name]) > 1000 * MAX_LEVELS:
                _check_level_count(name, len(levels[name]), max(n_rows, reader.n_rows or 0), max_levels)
    for name, found in levels.items():
        _check_level_count(name, len(found), n_rows, max_levels)
        if name in reader.text and name not in stated:
            levels[name] = names_of_levels(found, reader.decimal_point)
    return {name: tuple(sorted(found)) for name, found in levels.items()}


def _check_level_count(name: str, count: int, n_rows: int, max_levels: int | None) -> None:
    is_allowed = count <= MAX_LEVELS or count * ROWS_PER_LEVEL <= n_rows if max_levels is None else count <= max_levels
    if not is_allowed:
        raise ValueError(
            f"column {name!r} has {count:,} levels or more in {n_rows:,} rows, and each would become a column: an "
            f"identifier is not a feature; leave it out (`features`), or raise `max_levels`, now "
            f"{max_levels or MAX_LEVELS:,}."
        )


def _holds_any(X: Matrix, places: list[int]) -> bool:
    """Return whether a value in these columns is not 0."""
    if not isinstance(X, CsrArray):
        return bool(X[:, places].any())
    is_one = np.zeros(X.shape[1], bool)
    is_one[places] = True
    return bool(is_one[X.indices].any())


class UnknownLevels:
    """The columns of which no row has had a known level so far, with some of their values."""

    def __init__(self, levels: Mapping[str, Iterable[str]], columns: Sequence[str]) -> None:
        self._levels = {name: list(known) for name, known in levels.items()}
        # The features of each column; `columns` are those of the features.
        self._places = {name: [place for place, own in enumerate(columns) if own == name] for name in levels}
        self._values: dict[str, list[str]] = {}

    def see(self, piece: Piece, X: Matrix) -> None:
        """Take note of some rows and of what was made of them."""
        for name, places in [*self._places.items()]:
            if _holds_any(X, places):
                del self._places[name]
            elif name not in self._values:
                self._values[name] = coded_column(piece, name).values

    def warn(self, source: str) -> None:
        """Warn of each column of which no row had a known level."""
        for name in self._places:
            found, known = (", ".join(map(repr, part[:5])) for part in (self._values[name], self._levels[name]))
            warnings.warn(
                f"no row of {source} has a known level of column {name!r}: it holds values such as {found}, but the "
                f"levels are {known}{', ...' if len(self._levels[name]) > 5 else ''}. All its features are 0.",
                stacklevel=2,
            )
