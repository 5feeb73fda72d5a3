"""Which columns are features, target and weight, and the rows that they make: one value a numeric column, one a level.

A column of text is a feature only where asked for, as one column of zeros and ones for each of its levels, named
"column=level". So the names of a model's features say all that is needed to code other data the same way.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fastperceptron.checks import Array
from fastperceptron.data.array_dataset import as_weights
from fastperceptron.data.arrays import rows_dtype
from fastperceptron.data.dataset import Block
from fastperceptron.data.readers import Reader
from fastperceptron.kernels.columns import rows_of_columns

# Rows that are turned from columns at a time: they stay in cache.
ROWS_AT_A_TIME = 8192


class Feature(NamedTuple):
    """A column of the rows: a column of numbers, or whether a column of text has a level."""

    name: str
    column: str
    level: str | None = None


@dataclass(frozen=True)
class Columns:
    """What is made of the columns of a table.

    Attributes
    ----------
    features : tuple of Feature
    target, weight : str or None
    dtype : dtype
        float32, or float64 where a column needs it.
    """

    features: tuple[Feature, ...]
    target: str | None
    weight: str | None
    dtype: np.dtype

    @property
    def names(self) -> list[str]:
        """The columns that must be read."""
        own = [feature.column for feature in self.features]
        return list(dict.fromkeys([*own, *filter(None, (self.target, self.weight))]))

    @property
    def numbers(self) -> list[str]:
        """The columns that are features as they are."""
        return [feature.column for feature in self.features if feature.level is None]

    def block(self, batch: pa.RecordBatch, first_row: int) -> Block:
        """Return a batch as rows, labels and weights; `first_row` is the number of its first row, for errors."""
        columns = {name: _values(batch.column(name), name, first_row) for name in self.names}
        X = np.empty((batch.num_rows, len(self.features)), self.dtype)
        sources = [
            _is_level(columns[f.column], f.level) if f.level is not None else columns[f.column] for f in self.features
        ]
        staged = np.empty((len(sources), min(batch.num_rows, ROWS_AT_A_TIME)), self.dtype)
        for start in range(0, batch.num_rows, ROWS_AT_A_TIME):
            rows = X[start : start + ROWS_AT_A_TIME]
            for number, source in enumerate(sources):
                staged[number, : len(rows)] = source[start : start + ROWS_AT_A_TIME]
            rows_of_columns(staged, rows)
        y = None if self.target is None else _plain(columns[self.target])
        if self.weight is None:
            return Block(X, y, None)
        return Block(X, y, as_weights(_plain(columns[self.weight]), self.weight, first_row))


class _Coded(NamedTuple):
    """A column of text: the number of each row's value."""

    values: list[str]
    codes: Array


def _values(column: pa.Array, name: str, first_row: int) -> Any:
    if column.null_count:
        row = first_row + int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        raise ValueError(
            f"column {name!r} holds a null in row {row}: drop such rows (pyarrow.compute.drop_null), "
            "or fill them in (pyarrow.compute.fill_null)."
        )
    if pa.types.is_dictionary(column.type) and not _is_text(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        if coded.dictionary.null_count:
            raise ValueError(f"column {name!r} holds a null as one of its values: drop such rows, or fill them in.")
        return _Coded([str(value) for value in coded.dictionary.to_pylist()], coded.indices.to_numpy())
    return column.to_numpy(zero_copy_only=False)


def _is_level(source: Any, level: str) -> Array:
    if isinstance(source, _Coded):
        wanted: Array = np.array([value == level for value in source.values])
        return wanted[source.codes] if wanted.size else np.empty(0, bool)
    values, numbers = np.unique(source, return_inverse=True)
    return np.array([_level(value) == level for value in values.tolist()])[numbers]


def _level(value: Any) -> str:
    """Return what a level is called: 3 and 3.0 are one, whatever the file's format makes of them."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _plain(source: Any) -> Array:
    if isinstance(source, _Coded):
        return np.array(source.values, str)[source.codes] if source.values else np.empty(0, "U1")
    return np.asarray(source)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_number(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _may_be_number(reader: Reader, name: str) -> bool:
    kind = reader.schema.field(name).type
    return _is_number(kind) or (reader.is_text and bool(pa.types.is_null(kind)))  # empty in the first rows


def choose_columns(
    reader: Reader,
    target: Any,
    features: Sequence[Any] | None,
    weight: Any,
    categorical: Any,
    dtype: Any = None,
) -> Columns:
    """Return which columns are what, by name or number.

    Raises
    ------
    ValueError
        If a column is not there, or there are no features.
    TypeError
        If a feature is neither numeric nor to be coded.
    """
    schema = reader.schema
    target, weight = (
        None if name is None else _found(schema, name, what) for name, what in ((target, "target"), (weight, "weight"))
    )
    text = _categorical(schema, categorical, {target, weight})
    if features is None:
        chosen = [name for name in schema.names if name not in (target, weight)]
    else:
        chosen = [_found(schema, name, "features") for name in features]
    for name in chosen:
        kind = schema.field(name).type
        if name not in text and not _may_be_number(reader, name):
            raise TypeError(_not_numeric(reader, name, kind, [*chosen]))
    if not chosen:
        raise ValueError(f"{reader.name} has no columns for features beside target and weight.")
    unknown = [name for name in chosen if name in text and text[name] is None]
    levels = text | _scanned_levels(reader, unknown)
    expanded: list[Feature] = []
    for name in chosen:
        own = levels.get(name) or ()
        expanded += (
            [Feature(f"{name}={level}", name, level) for level in own] if name in text else [Feature(name, name)]
        )
    return Columns(
        tuple(expanded), target, weight, _dtype(reader, [name for name in chosen if name not in text], dtype)
    )


def columns_for(reader: Reader, names: Iterable[str], target: str | None, weight: str | None, dtype: Any) -> Columns:
    """Return the columns that make the features of these names: those of a model.

    Raises
    ------
    ValueError
        If a column that a feature needs is not there.
    """
    schema, features = reader.schema, []
    for name in names:
        # A column's own name may hold "=", too.
        cuts = [(name[:at], name[at + 1 :]) for at, letter in enumerate(name) if letter == "="]
        coded = [(column, level) for column, level in cuts if column in schema.names]
        if name in schema.names:
            features.append(Feature(name, name))
        elif coded:
            features.append(Feature(name, *coded[-1]))
        else:
            _found(schema, name, "feature")
    numeric = [feature.column for feature in features if feature.level is None]
    for name in numeric:
        if not _may_be_number(reader, name):
            raise TypeError(
                f"column {name!r} must hold numbers, as it did in training, but its type is {schema.field(name).type}."
            )
    return Columns(tuple(features), target, weight, _dtype(reader, numeric, dtype))


def found_column(reader: Reader, name: Any) -> str:
    """Return a column's name, given that or its number; or raise ValueError."""
    return _found(reader.schema, name, "columns")


def _found(schema: pa.Schema, name: Any, what: str) -> str:
    if isinstance(name, int | np.integer) and not isinstance(name, bool):
        if not -len(schema.names) <= name < len(schema.names):
            raise ValueError(f"{what}: there is no column {name}, but {len(schema.names)}, counted from 0.")
        return str(schema.names[name])
    if name not in schema.names and isinstance(name, str) and name.lstrip("-").isdigit():
        return _found(schema, int(name), what)
    if name not in schema.names:
        near = difflib.get_close_matches(str(name), schema.names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"the columns are {_listed(schema.names)}."
        raise ValueError(f"{what}: there is no column {name!r}; {hint}")
    return str(name)


def _categorical(schema: pa.Schema, categorical: Any, others: set[Any]) -> dict[str, tuple[str, ...] | None]:
    if categorical is None:
        return {}
    if isinstance(categorical, str) and categorical == "auto":
        return {field.name: None for field in schema if _is_text(field.type) and field.name not in others}
    if isinstance(categorical, dict):
        return {_found(schema, name, "categorical"): tuple(map(_level, levels)) for name, levels in categorical.items()}
    if isinstance(categorical, str):
        raise TypeError(
            f"categorical must be 'auto', a list of columns, or a dict of their levels, but is {categorical!r}."
        )
    return {_found(schema, name, "categorical"): None for name in categorical}


def _scanned_levels(reader: Reader, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the sorted levels of columns, from a read of these columns alone."""
    levels: dict[str, set[str]] = {name: set() for name in names}
    if not names:
        return {}
    first_row = 0
    for batch in reader.batches(names):
        for name in names:
            source = _values(batch.column(name), name, first_row)
            used = np.unique(source.codes) if isinstance(source, _Coded) else np.unique(source)
            values = (
                [source.values[code] for code in used] if isinstance(source, _Coded) else map(_level, used.tolist())
            )
            levels[name].update(values)
        first_row += batch.num_rows
    return {name: tuple(sorted(found)) for name, found in levels.items()}


def _dtype(reader: Reader, names: Iterable[str], dtype: Any) -> np.dtype:
    if dtype is not None or reader.is_text:
        return np.dtype(dtype or np.float32)
    types = [reader.schema.field(name).type for name in names]
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in types]
    kinds = [rows_dtype(np.dtype(kind.to_pandas_dtype())) for kind in plain]
    return np.dtype(np.float64 if np.float64 in kinds else np.float32)


def _not_numeric(reader: Reader, name: str, kind: pa.DataType, chosen: list[str]) -> str:
    others = [other for other in chosen if other != name]
    ways = f"leave it out (features={_listed(others)})"
    if _is_text(kind):
        ways += f", code its levels (categorical=[{name!r}] or 'auto')"
    return f"column {name!r} of {reader.name} is no feature, since its type is {kind}: {ways}, or make it the target."


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(map(repr, names[:12]))}{', ...' if len(names) > 12 else ''}]"
