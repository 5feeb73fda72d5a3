"""Some rows of a source as columns, and the types that columns may have."""

from typing import NamedTuple

import pyarrow as pa

from fastperceptron.checks import Array


class Piece(NamedTuple):
    """Some rows of a source, as columns."""

    batch: pa.RecordBatch
    source: str  # what error messages call it: a file of several, or the frame
    first_row: int  # the number of the first row in it, from 0


def without_nulls(piece: Piece, name: str, role: str = "feature") -> pa.Array:
    """Return a column; raise ValueError at the first null."""
    column = piece.batch.column(name)
    n_nulls = column.null_count
    if n_nulls and n_nulls == len(column) and piece.first_row == 0:
        advice = "leave it out (`features`)" if role == "feature" else f"it cannot be the {role}"
        raise ValueError(f"column {name!r} of {piece.source} has no values: {advice}.")
    if not n_nulls and pa.types.is_dictionary(column.type) and column.dictionary.null_count:
        column = column.dictionary_decode()
        n_nulls = column.null_count
    if n_nulls:
        row = piece.first_row + int(column.is_null().to_numpy(zero_copy_only=False).argmax())
        raise ValueError(
            f"column {name!r} holds a null in row {row} of {piece.source}: drop such rows, or fill them in first."
        )
    return column


def values_of(column: pa.Array) -> Array:
    """Return a column without nulls as an array, (n_rows,)."""
    decoded = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return decoded.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def value_type(kind: pa.DataType) -> pa.DataType:
    """Return a type, or of a dictionary the type of its values."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are text."""
    types, kind = pa.types, value_type(kind)
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether values of a type are numbers or booleans."""
    types, kind = pa.types, value_type(kind)
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))
