"""Which columns are features, target and weight, and the rows made of them: one value per numeric column or per level.

A column of text is a feature only on request, as one column of zeros and ones per level, named "column=level": the
names of a model's features suffice to code other data the same way.
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
    dtype: np.dtype  # of the rows: float32, or float64 where a column needs it

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
        columns = {name: _column_values(batch.column(name), name, first_row) for name in self.names}
        coded = {name: _as_coded(columns[name]) for name in {f.column for f in self.features if f.level is not None}}
        sources = [columns[f.column] if f.level is None else _is_level(coded[f.column], f.level) for f in self.features]
        X = np.empty((batch.num_rows, len(sources)), self.dtype)
        staged = np.empty((len(sources), min(batch.num_rows, ROWS_AT_A_TIME)), self.dtype)
        for start in range(0, batch.num_rows, ROWS_AT_A_TIME):
            rows = X[start : start + ROWS_AT_A_TIME]
            for number, source in enumerate(sources):
                staged[number, : len(rows)] = source[start : start + ROWS_AT_A_TIME]
            rows_of_columns(staged, rows)
        y = None if self.target is None else _as_array(columns[self.target])
        if self.weight is None:
            return Block(X, y, None)
        return Block(X, y, as_weights(_as_array(columns[self.weight]), self.weight, first_row))


class _Coded(NamedTuple):
    """A column by its distinct values: row k holds values[codes[k]]."""

    values: list[str]
    codes: Array


def _column_values(column: pa.Array, name: str, first_row: int) -> Any:
    """Return a column of text as `_Coded`, any other one as an array; or raise ValueError at the first null."""
    if column.null_count:
        row = first_row + int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        raise ValueError(
            f"column {name!r} holds a null in row {row}: drop such rows (pyarrow.compute.drop_null), "
            "or fill them in (pyarrow.compute.fill_null)."
        )
    is_dictionary = pa.types.is_dictionary(column.type)
    if not _is_text(column.type):
        return (column.dictionary_decode() if is_dictionary else column).to_numpy(zero_copy_only=False)
    column = column if is_dictionary else column.dictionary_encode()
    if column.dictionary.null_count:
        raise ValueError(f"column {name!r} holds a null as one of its values: drop such rows, or fill them in.")
    return _Coded([str(value) for value in column.dictionary.to_pylist()], column.indices.to_numpy())


def _as_coded(source: Any) -> _Coded:
    if isinstance(source, _Coded):
        return source
    values, codes = np.unique(source, return_inverse=True)
    return _Coded([_level_name(value) for value in values.tolist()], codes)


def _is_level(source: _Coded, level: str) -> Array:
    return np.array([value == level for value in source.values], bool)[source.codes]


def _level_name(value: Any) -> str:
    """Return a level's name: 3 and 3.0 have the same, since file formats differ in their types."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_array(source: Any) -> Array:
    return np.array(source.values, str)[source.codes] if isinstance(source, _Coded) else np.asarray(source)


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _is_text(kind: pa.DataType) -> bool:
    types, kind = pa.types, _value_type(kind)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _may_be_number(reader: Reader, name: str) -> bool:
    types, kind = pa.types, _value_type(reader.schema.field(name).type)
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return True
    return reader.is_text and bool(types.is_null(kind))  # its first rows are empty


def choose_columns(
    reader: Reader, target: Any, features: Sequence[Any] | None, weight: Any, categorical: Any, dtype: Any = None
) -> Columns:
    """Return the role of each column, given by name or number; raise ValueError if one does not exist or none is left.

    It raises TypeError if a feature is neither numeric nor categorical.
    """
    schema = reader.schema
    target, weight = _find_roles(schema, target, weight)
    levels = _given_levels(schema, categorical, {target, weight})
    if features is None:
        chosen = [name for name in schema.names if name not in (target, weight)]
    else:
        chosen = [_find(schema, name, "features") for name in features]
    for name in chosen:
        if name not in levels and not _may_be_number(reader, name):
            raise TypeError(_not_numeric_message(reader, name, [other for other in chosen if other != name]))
    if not chosen:
        raise ValueError(f"{reader.name} has no columns for features beside target and weight.")
    levels |= _read_levels(reader, [name for name in chosen if name in levels and levels[name] is None])
    made = [
        Feature(name, name) if level is None else Feature(f"{name}={level}", name, level)
        for name in chosen
        for level in levels.get(name, (None,)) or ()
    ]
    return Columns(tuple(made), target, weight, _dtype(reader, made, dtype))


def columns_for(reader: Reader, names: Iterable[str], target: Any, weight: Any, dtype: Any) -> Columns:
    """Return the columns that make the features of these names: those of a model.

    It raises ValueError if a column does not exist, TypeError if one does not hold numbers as it did in training.
    """
    schema = reader.schema
    target, weight = _find_roles(schema, target, weight)
    features = [_feature_of(schema, name) for name in names]
    for feature in features:
        if feature.level is None and not _may_be_number(reader, feature.column):
            kind = schema.field(feature.column).type
            raise TypeError(
                f"column {feature.column!r} must hold numbers, as it did in training, but its type is {kind}."
            )
    return Columns(tuple(features), target, weight, _dtype(reader, features, dtype))


def _feature_of(schema: pa.Schema, name: str) -> Feature:
    if name in schema.names:
        return Feature(name, name)
    for at in range(len(name) - 1, -1, -1):  # a column's own name may contain "=", too
        if name[at] == "=" and name[:at] in schema.names:
            return Feature(name, name[:at], name[at + 1 :])
    raise _unknown_column(schema, name, "feature")


def _find_roles(schema: pa.Schema, target: Any, weight: Any) -> list[str | None]:
    roles = (target, "target"), (weight, "weight")
    return [None if name is None else _find(schema, name, role) for name, role in roles]


def _find(schema: pa.Schema, name: Any, role: str) -> str:
    """Return the name of a column that is given by name or number; or raise ValueError."""
    if isinstance(name, int | np.integer) and not isinstance(name, bool):
        if not -len(schema.names) <= name < len(schema.names):
            raise ValueError(f"{role}: there is no column {name}, but {len(schema.names)}, counted from 0.")
        return str(schema.names[name])
    if name in schema.names:
        return str(name)
    if isinstance(name, str) and name.lstrip("-").isdigit():
        return _find(schema, int(name), role)
    raise _unknown_column(schema, name, role)


def _unknown_column(schema: pa.Schema, name: Any, role: str) -> ValueError:
    near = difflib.get_close_matches(str(name), schema.names, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"the columns are {_format_names(schema.names)}."
    return ValueError(f"{role}: there is no column {name!r}; {hint}")


def _given_levels(schema: pa.Schema, categorical: Any, others: set[Any]) -> dict[str, tuple[str, ...] | None]:
    """Return the categorical columns with their levels, None where these must be read."""
    if categorical is None:
        return {}
    if isinstance(categorical, str):
        if categorical == "auto":
            return {field.name: None for field in schema if _is_text(field.type) and field.name not in others}
        raise TypeError(
            f"categorical must be 'auto', a list of columns, or a dict of their levels, but is {categorical!r}."
        )
    given = categorical if isinstance(categorical, dict) else dict.fromkeys(categorical)
    return {
        _find(schema, name, "categorical"): None if levels is None else tuple(map(_level_name, levels))
        for name, levels in given.items()
    }


def _read_levels(reader: Reader, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the sorted levels of columns, from a read of these columns alone."""
    levels: dict[str, set[str]] = {name: set() for name in names}
    first_row = 0
    for batch in reader.batches(names) if names else ():
        for name in names:
            coded = _as_coded(_column_values(batch.column(name), name, first_row))
            levels[name].update(coded.values[code] for code in np.unique(coded.codes))
        first_row += batch.num_rows
    return {name: tuple(sorted(found)) for name, found in levels.items()}


def _dtype(reader: Reader, features: Iterable[Feature], dtype: Any) -> np.dtype:
    if dtype is not None or reader.is_text:
        return np.dtype(dtype or np.float32)
    types = [_value_type(reader.schema.field(feature.column).type) for feature in features if feature.level is None]
    kinds = [rows_dtype(np.dtype(kind.to_pandas_dtype())) for kind in types]
    return np.dtype(np.float64 if np.float64 in kinds else np.float32)


def _not_numeric_message(reader: Reader, name: str, others: list[str]) -> str:
    kind = reader.schema.field(name).type
    ways = f"leave it out (features={_format_names(others)})"
    if _is_text(kind):
        ways += f", code its levels (categorical=[{name!r}] or 'auto')"
    return f"column {name!r} of {reader.name} is no feature, since its type is {kind}: {ways}, or make it the target."


def _format_names(names: Sequence[str]) -> str:
    return f"[{', '.join(map(repr, names[:12]))}{', ...' if len(names) > 12 else ''}]"
