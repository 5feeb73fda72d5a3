"""The file formats: `FORMATS` maps each file ending to how such files are read and written; all else derives from it.

To add a format, add an entry: the error messages, the search of folders and the command line list what the table holds.
pyarrow and NumPy are imported inside the functions, so that the command line can list the formats without them.
"""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pyarrow as pa

    from fastperceptron.checks import Array

# Rows per record batch.
BATCH_ROWS = 1 << 17


class ColumnFormat(NamedTuple):
    """A format of files with named columns.

    Attributes
    ----------
    name : str
        The format's name in error messages.
    read_schema : callable
        Takes a path; returns the pyarrow.Schema and the number of rows, None where the file does not store it.
    read_batches : callable
        Takes a path and a dict of the wanted columns to their pyarrow types; yields each pyarrow.RecordBatch in order.
    open_writer : callable, optional
        Takes a path and a pyarrow.Schema; returns a context manager with `write_table`. None: files are only read.
    is_text : bool
        Whether the types in the schema are guesses from the first rows; then `read_batches` must convert to its types.
    is_in_folders : bool
        Whether files of this format are looked for where a folder is given.
    """

    name: str
    read_schema: Callable[[Path], tuple["pa.Schema", int | None]]
    read_batches: Callable[[Path, dict[str, "pa.DataType"]], Iterator["pa.RecordBatch"]]
    open_writer: Callable[[Path, "pa.Schema"], Any] | None = None
    is_text: bool = False
    is_in_folders: bool = False


class ArrayFormat(NamedTuple):
    """A format of files with arrays.

    Attributes
    ----------
    name : str
        The format's name in error messages.
    load : callable
        Takes a path; returns one matrix of shape (n_rows, n_columns), or a tuple (X, y, weights) with None for what the
        file does not hold.
    """

    name: str
    load: Callable[[Path], "Array | tuple[Array | None, ...]"]


def format_of(path: Path) -> ColumnFormat | ArrayFormat:
    """Return the format of a file by its ending.

    Raises
    ------
    ValueError
        If the ending is unknown.
    """
    for ending, form in FORMATS.items():
        if path.name.lower().endswith(ending):
            return form
    raise ValueError(f"{str(path)!r} is a file of an unknown kind. Known endings: {', '.join(FORMATS)}.")


def endings(attribute: str) -> tuple[str, ...]:
    """Return the endings of the formats of which an attribute, such as "open_writer", is set."""
    return tuple(ending for ending, form in FORMATS.items() if getattr(form, attribute, None))


def open_writer(target: Path, path: Path, schema: "pa.Schema") -> Any:
    """Return a writer, a context manager with `write_table`, of a file at `path` in the format that `target` names.

    Raises
    ------
    ValueError
        If files of that format cannot be written.
    """
    for ending, form in FORMATS.items():
        if isinstance(form, ColumnFormat) and form.open_writer and target.name.lower().endswith(ending):
            return form.open_writer(path, schema)
    raise ValueError(f"{str(target)!r}: rows can be written as {', '.join(endings('open_writer'))}.")


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
    with name_unreadable_file(path, form):
        return form.load(path)


def _parquet_schema(path: Path) -> tuple["pa.Schema", int | None]:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        return file.schema_arrow, file.metadata.num_rows


def _parquet_batches(path: Path, types: dict[str, "pa.DataType"]) -> Iterator["pa.RecordBatch"]:
    from pyarrow import parquet

    # Measured on 5M x 20 float32: iter_batches without pre-buffering takes 0.30 s and one row group of memory;
    # pyarrow.dataset's scanner 0.36-0.51 s and 450 MB more; read_table 0.57-0.99 s and memory for the whole table.
    with parquet.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=list(types))


def _parquet_writer(path: Path, schema: "pa.Schema") -> Any:
    from pyarrow import parquet

    return parquet.ParquetWriter(path, schema, compression="snappy", use_dictionary=False)


@contextmanager
def _open_arrow(path: Path) -> Iterator[Any]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        yield file


def _arrow_schema(path: Path) -> tuple["pa.Schema", int | None]:
    with _open_arrow(path) as file:
        return file.schema, None


def _arrow_batches(path: Path, types: dict[str, "pa.DataType"]) -> Iterator["pa.RecordBatch"]:
    with _open_arrow(path) as file:
        for number in range(file.num_record_batches):
            yield from cut_batch(file.get_batch(number).select(list(types)))


def cut_batch(batch: "pa.RecordBatch") -> Iterator["pa.RecordBatch"]:
    """Yield a record batch in slices of at most BATCH_ROWS rows."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)


def _arrow_writer(path: Path, schema: "pa.Schema") -> Any:
    import pyarrow as pa

    return pa.ipc.new_file(path, schema)


@contextmanager
def _open_csv(path: Path, conversion: Any = None) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    try:
        with (
            pa.input_stream(str(path), compression="detect", buffer_size=1 << 20) as stream,
            csv.open_csv(stream, convert_options=conversion) as reader,
        ):
            yield reader
    except pa.ArrowInvalid as error:
        raise ValueError(f"{_first_ragged_row(path)}{error}") from error


def _csv_schema(path: Path) -> tuple["pa.Schema", int | None]:
    with _open_csv(path) as reader:
        return reader.schema, None


def _csv_batches(path: Path, types: dict[str, "pa.DataType"]) -> Iterator["pa.RecordBatch"]:
    from pyarrow import csv

    with _open_csv(path, csv.ConvertOptions(column_types=types, include_columns=list(types))) as reader:
        yield from reader


def _csv_writer(path: Path, schema: "pa.Schema") -> Any:
    from pyarrow import csv

    return csv.CSVWriter(path, schema)


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
    import numpy as np

    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _load_npz(path: Path) -> "tuple[Array | None, ...]":
    import numpy as np

    # Opened here: np.load does not close a file that is not an archive.
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("it is not a zip archive")
        with np.load(file, allow_pickle=False) as archive:
            if "X" not in archive:
                raise ValueError(
                    f"it holds {sorted(archive)}, but rows must be called 'X', labels 'y', weights 'weights'"
                )
            X, *others = parts = tuple(archive.get(name) for name in ("X", "y", "weights"))
    for name, part in zip(("y", "weights"), others, strict=True):
        if part is not None and part.shape[:1] != X.shape[:1]:
            raise ValueError(f"X has {len(X)} rows, but {name} {len(part)}")
    return parts


_PARQUET = ColumnFormat("Parquet", _parquet_schema, _parquet_batches, _parquet_writer, is_in_folders=True)
_ARROW = ColumnFormat("Arrow", _arrow_schema, _arrow_batches, _arrow_writer)
_CSV = ColumnFormat("CSV", _csv_schema, _csv_batches, _csv_writer, is_text=True)
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
