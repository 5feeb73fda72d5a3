"""Files of JSON lines: their columns and types come from all rows, and what is wrong with one has its row.

pyarrow finds the columns of a stream in its first block: a key that appears later would be ignored. So a file is read
once for its schema, which takes 80% of the time of reading it (1.2 and 1.5 s for a million rows, 87 MB).
"""

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import json as arrow_json

from fastperceptron.data.files import SourceFile
from fastperceptron.data.pieces import is_text

BYTES_AT_A_TIME = 1 << 24  # of which the types are found at a time
KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}


@contextmanager
def open_json(file: SourceFile, types: Any) -> Iterator[tuple[pa.Schema, int | None, Any]]:
    """Give the schema and the number of rows of a file if `types` is None; else the schema and the record batches."""
    try:
        if types is None:
            yield *_schema_of(file), ()
            return
        options = arrow_json.ParseOptions(pa.schema(types), unexpected_field_behavior="ignore")
        with file.open_stream() as stream, arrow_json.open_json(stream, parse_options=options) as reader:
            yield reader.schema, None, reader
    except (pa.ArrowException, UnicodeError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise pa.ArrowInvalid(_first_wrong_row(file) or str(error)) from error


def _schema_of(file: SourceFile) -> tuple[pa.Schema, int]:
    types: dict[str, pa.DataType] = {}
    n_rows, rest = 0, b""
    with file.open_stream() as stream:
        while content := stream.read(BYTES_AT_A_TIME):
            whole, newline, rest = (rest + content).rpartition(b"\n")
            n_rows += _note_types(types, whole + newline)
        n_rows += _note_types(types, rest)
    return pa.schema(list(types.items())), n_rows


def _note_types(types: dict[str, pa.DataType], lines: bytes) -> int:
    """Add the columns of some lines, and return the number of rows in them."""
    if not lines.strip():
        return 0
    table = arrow_json.read_json(io.BytesIO(lines), arrow_json.ReadOptions(block_size=2 * BYTES_AT_A_TIME))
    for name, kind in zip(table.schema.names, table.schema.types, strict=True):
        types[name] = _common_type(types.get(name, kind), kind, name)
    return int(table.num_rows)


def _common_type(one: pa.DataType, other: pa.DataType, name: str) -> pa.DataType:
    kinds = pa.types
    if one == other or kinds.is_null(other):
        return one
    if kinds.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if all(is_text(kind) or kinds.is_timestamp(kind) for kind in (one, other)):
        return pa.string()
    raise pa.ArrowInvalid(f"column {name!r} holds {one} and {other}")


def _first_wrong_row(file: SourceFile) -> str:
    """Return what is wrong with the first row that is not an object with values of the types of the rows before."""
    known: dict[str, str] = {}
    with file.open_stream() as stream:
        lines = (line for line in io.BufferedReader(stream) if line.strip())
        for row, line in enumerate(lines):
            try:
                pairs = json.loads(line, object_pairs_hook=list)
            except ValueError as error:
                return f"row {row} is {_shown(line)}, which is not JSON ({error}); each line must hold one object"
            if not line.lstrip().startswith(b"{"):
                return f"row {row} is {_shown(line)}, but each line must hold one object"
            for name, count in Counter(name for name, _ in pairs).items():
                if count > 1:
                    return f"row {row} holds {name!r} more than once"
            for name, value in pairs:
                is_object = isinstance(value, list) and value and isinstance(value[0], tuple)
                kind = "an object" if is_object else KINDS.get(type(value))
                if kind is not None and known.setdefault(name, kind) != kind:
                    return f"column {name!r} holds {value!r} in row {row}, {kind}, but {known[name]} in rows before"
    return ""


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return repr(text[:60] + ("..." if len(text) > 60 else ""))
