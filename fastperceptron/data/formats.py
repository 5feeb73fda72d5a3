"""The file formats: `FORMATS` maps each file ending to how such files are read and written; all else derives from it.

To add a format, add an entry: the error messages, the search of folders and the command line list what the table holds.
pyarrow and NumPy are imported inside the functions, so that the command line can list the formats without them.
"""

import importlib
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from fastperceptron.checks import Array

BATCH_ROWS = 1 << 17  # rows per record batch


class OpenFile(NamedTuple):
    """An open file of columns."""

    schema: "pa.Schema"
    n_rows: int | None  # None where the file does not store it
    batches: Iterator["pa.RecordBatch"]  # of all rows, in order


class ColumnFormat(NamedTuple):
    """A format of files with named columns."""

    name: str  # in error messages
    # Takes a path and the columns to read, in order, with their types; gives the file. None instead of columns: only
    # the schema and the number of rows are used.
    open: Callable[[Path, "dict[str, pa.DataType] | None"], AbstractContextManager[OpenFile]]
    # Takes a path and a schema; returns a context manager with `write_table`. None: files are only read.
    open_writer: Callable[[Path, "pa.Schema"], Any] | None = None
    # Whether the types in the schema are guesses from the first rows; then `open` converts to the types it is given.
    is_text: bool = False
    is_in_folders: bool = False  # whether files of this format are looked for where a folder is given


class ArrayFormat(NamedTuple):
    """A format of files with arrays."""

    name: str  # in error messages
    # Takes a path; returns one matrix of shape (n_rows, n_columns), or a tuple (X, y, weights) with None for what the
    # file does not hold.
    load: Callable[[Path], "Array | tuple[Array | None, ...]"]


def endings(attribute: str) -> tuple[str, ...]:
    """Return the endings of the formats that have an attribute, such as "open_writer" or "is_in_folders"."""
    return tuple(ending for ending, form in FORMATS.items() if getattr(form, attribute, None))


def find_format(path: Path, attribute: str = "name", advice: str = "the known endings of files are") -> Any:
    """Return the format that a file's ending names, which must have an attribute; or raise ValueError with advice."""
    known = endings(attribute)
    for ending in known:
        if path.name.lower().endswith(ending):
            return FORMATS[ending]
    raise ValueError(f"{str(path)!r}: {advice} {', '.join(known)}.")


@contextmanager
def name_unreadable_file(path: Path, form: ColumnFormat | ArrayFormat) -> Iterator[None]:
    """Turn any error of a format's reader into a ValueError that names the file; OSErrors of the system stay."""
    try:
        yield
    except Exception as error:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise
        raise ValueError(f"{str(path)!r} is not a whole {form.name} file: {error}") from error


def load_arrays(path: Path, form: ArrayFormat) -> "Array | tuple[Array | None, ...]":
    """Return the arrays of a file; raise ValueError that names the file if it is broken."""
    return form.load(path)


def cut_batch(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch"]:
    """Yield a record batch in slices of at most BATCH_ROWS rows."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


@contextmanager
def _open_parquet(path: Path, types: "dict[str, pa.DataType] | None") -> Iterator[OpenFile]:
    from pyarrow import parquet

    # Measured on 5M x 20 float32: iter_batches without pre-buffering takes 0.30 s and one row group of memory;
    # pyarrow.dataset's scanner 0.36-0.51 s and 450 MB more; read_table 0.57-0.99 s and memory for the whole table.
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        batches = file.iter_batches(batch_size=BATCH_ROWS, columns=list(types or ()))
        yield OpenFile(file.schema_arrow, file.metadata.num_rows, batches)


@contextmanager
def _open_arrow(path: Path, types: "dict[str, pa.DataType] | None") -> Iterator[OpenFile]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        batches = (file.get_batch(number).select(list(types or ())) for number in range(file.num_record_batches))
        yield OpenFile(file.schema, None, itertools.chain.from_iterable(map(cut_batch, batches)))


@contextmanager
def _open_csv(path: Path, types: "dict[str, pa.DataType] | None") -> Iterator[OpenFile]:
    import pyarrow as pa
    from pyarrow import csv

    options = None if types is None else csv.ConvertOptions(column_types=types, include_columns=list(types))
    try:
        stream = pa.input_stream(str(path), compression="detect", buffer_size=1 << 20)
        with stream, csv.open_csv(stream, convert_options=options) as reader:
            yield OpenFile(reader.schema, None, reader)
    except pa.ArrowInvalid as error:
        raise ValueError(f"{_first_ragged_row(path)}{error}") from error


def _first_ragged_row(path: Path) -> str:
    """Return "row 17: " for the first row with too few or too many values, or ""; row 0 follows the header."""
    import pyarrow as pa
    from pyarrow import csv

    lines: list[int] = []

    def skip(row: Any) -> str:
        lines.append(row.number)
        return "skip"

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            options = csv.ParseOptions(invalid_row_handler=skip)
            for _ in csv.open_csv(stream, csv.ReadOptions(use_threads=False), options):
                if lines:
                    break
    except pa.ArrowInvalid:
        pass
    return f"row {lines[0] - 2}: " if lines and lines[0] else ""  # the header is line 1


def _load_npy(path: Path) -> "Array":
    from fastperceptron.data.array_files import load_npy

    return load_npy(path)


def _load_npz(path: Path) -> Any:
    from fastperceptron.data.array_files import load_npz

    return load_npz(path)


def _writer(module: str, function: str, **options: Any) -> Callable[[Path, "pa.Schema"], Any]:
    """Return `function` of a module, with options, such that the module is imported when it is called."""
    return lambda path, schema: getattr(importlib.import_module(module), function)(path, schema, **options)


_PARQUET = ColumnFormat(
    "Parquet",
    _open_parquet,
    _writer("pyarrow.parquet", "ParquetWriter", compression="snappy", use_dictionary=False),
    is_in_folders=True,
)
_ARROW = ColumnFormat("Arrow", _open_arrow, _writer("pyarrow.ipc", "new_file"))
_CSV = ColumnFormat("CSV", _open_csv, _writer("pyarrow.csv", "CSVWriter"), is_text=True)
NPY = ArrayFormat(".npy", _load_npy)
FORMATS: dict[str, ColumnFormat | ArrayFormat] = {
    ".parquet": _PARQUET,
    ".pq": _PARQUET,
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".ipc": _ARROW,
    ".csv": _CSV,
    ".csv.gz": _CSV._replace(open_writer=None),
    ".npy": NPY,
    ".npz": ArrayFormat(".npz", _load_npz),
}
