"""The rows made of columns: one value per numeric column or per level of a categorical one, with labels and weights.

A column of text is a feature only on request, as one column of zeros and ones per level, named "column=level": the
names of a model's features suffice to code other data the same way. choose_columns.py decides which column is what.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fastperceptron.checks import Array
from fastperceptron.data.array_dataset import as_weights
from fastperceptron.data.dataset import Block
from fastperceptron.data.readers import Piece, is_text
from fastperceptron.data.text_values import as_labels_of_text, first_that_is_no_number, level_of, numbers_of
from fastperceptron.kernels.columns import rows_of_columns

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

    @property
    def numbers(self) -> list[str]:
        """The columns that are features as they are."""
        return [feature.column for feature in self.features if feature.level is None]

    def block(self, piece: Piece) -> Block:
        """Return some rows of a source as rows, labels and weights."""
        columns = {name: without_nulls(piece, name) for name in self.names}
        coded = {
            name: self.levels(columns[name], name) for name in {f.column for f in self.features if f.level is not None}
        }
        numbers = {name: self._numbers(piece, columns[name], name) for name in self.numbers}
        sources = [numbers[f.column] if f.level is None else _is_level(coded[f.column], f.level) for f in self.features]
        X = np.empty((piece.batch.num_rows, len(sources)), self.dtype)
        staged = np.empty((len(sources), min(len(X), ROWS_AT_A_TIME)), self.dtype)
        for start in range(0, len(X), ROWS_AT_A_TIME):
            rows = X[start : start + ROWS_AT_A_TIME]
            for number, source in enumerate(sources):
                staged[number, : len(rows)] = source[start : start + ROWS_AT_A_TIME]
            rows_of_columns(staged, rows)
        y = None if self.target is None else self.labels(piece, columns[self.target])
        if self.weight is None:
            return Block(X, y, None)
        weights = self._numbers(piece, columns[self.weight], self.weight, np.dtype(np.float64))
        return Block(X, y, as_weights(weights, self.weight, piece.first_row))

    def levels(self, column: pa.Array, name: str) -> "Coded":
        """Return a column without nulls by the names of its levels."""
        if not is_text(column.type):
            values, codes = np.unique(_values(column), return_inverse=True)
            return Coded([level_name(value) for value in values.tolist()], codes)
        coded = _coded(column)
        return Coded([level_of(text) for text in coded.values], coded.codes) if name in self.text else coded

    def labels(self, piece: Piece, column: pa.Array) -> Array:
        """Return the labels of some rows: numbers, booleans, or objects of type str."""
        if not is_text(column.type):
            return _values(column)
        coded = _coded(column)
        if self.target not in self.text or not self.has_numeric_labels:
            return np.array(coded.values, object)[coded.codes]
        if odd := first_that_is_no_number(column):
            raise ValueError(
                f"column {self.target!r} holds {odd[1]!r} in row {piece.first_row + odd[0]} of {piece.source}, but the "
                "other labels are numbers."
            )
        return as_labels_of_text(coded.values, are_numeric=True)[coded.codes]

    def _numbers(self, piece: Piece, column: pa.Array, name: str, dtype: np.dtype | None = None) -> Array:
        """Return a column as numbers; raise ValueError at the first value that is not one, TypeError if none is."""
        if name not in self.text:
            return _values(column)
        plain = column if self.decimal_point == "." else _with_points(column, self.decimal_point)
        numbers = numbers_of(plain, dtype or self.dtype)
        if np.isnan(numbers).any() and (odd := first_that_is_no_number(plain)):
            value = column[odd[0]].as_py()
            holds = f"column {name!r} holds {value!r} in row {piece.first_row + odd[0]} of {piece.source}"
            if np.isnan(numbers).all() and len(numbers) > 1 and not _is_separated_number(value):
                raise TypeError(f"{holds}: it is text, but features must be numeric: {advice_for(name)}")
            raise ValueError(f"{holds}, which is not a number. {_advice_for_value(value, name)}")
        return numbers


class Coded(NamedTuple):
    """A column by its distinct values: row k holds values[codes[k]]."""

    values: list[str]
    codes: Array


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


def without_nulls(piece: Piece, name: str) -> pa.Array:
    """Return a column; raise ValueError at the first null."""
    column = piece.batch.column(name)
    n_nulls = column.null_count
    if n_nulls and n_nulls == len(column) and piece.first_row == 0:
        raise ValueError(f"column {name!r} of {piece.source} has no values: leave it out (`features`).")
    if not n_nulls and pa.types.is_dictionary(column.type) and column.dictionary.null_count:
        column = column.dictionary_decode()
        n_nulls = column.null_count
    if n_nulls:
        row = piece.first_row + int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        raise ValueError(
            f"column {name!r} holds a null in row {row} of {piece.source}: drop such rows, or fill them in first."
        )
    return column


def _values(column: pa.Array) -> Array:
    decoded = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return decoded.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _coded(column: pa.Array) -> Coded:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return Coded([str(value) for value in coded.dictionary.to_pylist()], coded.indices.to_numpy())


def _with_points(column: pa.Array, decimal_point: str) -> pa.Array:
    """Return text with points before fractions; points that were there separate thousands, and become "?"."""
    import pyarrow.compute as pc

    return pc.replace_substring(pc.replace_substring(column, ".", "?"), decimal_point, ".")


def _is_level(source: Coded, level: str) -> Array:
    return np.array([value == level for value in source.values], bool)[source.codes]


def level_name(value: Any) -> str:
    """Return a level's name: 3 and 3.0 have the same, since file formats differ in their types."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
