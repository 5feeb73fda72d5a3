"""Columns from where they are stored, batch by batch: Parquet, Arrow IPC and CSV files, and whatever streams Arrow.

A reader knows the schema and yields Arrow record batches of chosen columns; it knows nothing of features and targets.
Measured on 5M x 20 float32 in Parquet: iter_batches without pre-buffering takes 0.30 s and one row group of memory;
pyarrow.dataset's scanner 0.36-0.51 s and 450 MB more; read_table 0.57-0.99 s and all of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from fastperceptron.data.ahead import ahead

BATCH_ROWS = 1 << 17
FORMATS = {
    ".parquet": "Parquet",
    ".pq": "Parquet",
    ".arrow": "Arrow",
    ".feather": "Arrow",
    ".ipc": "Arrow",
    ".csv": "CSV",
    ".csv.gz": "CSV",
}


class Reader(ABC):
    """Record batches from somewhere.

    Attributes
    ----------
    schema : pyarrow.Schema
    n_rows : int or None
    name : str
        What errors call it.
    is_text : bool
        Whether its numbers are text, whose types are a guess from the first rows.
    """

    schema: pa.Schema
    n_rows: int | None = None
    name: str
    is_text = False

    @abstractmethod
    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the columns of all rows, in order; those that text files are to be read as numbers from are named."""


class FileReader(Reader):
    """Files of one format, one after the other.

    Parameters
    ----------
    paths : sequence of Path
    text_type : pyarrow.DataType
        What numbers in text files are read as.
    """

    def __init__(self, paths: Sequence[Path], text_type: Any) -> None:
        self._paths, self._text_type = paths, text_type
        self.name = f"{str(paths[0])!r}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        self._format = _format(paths[0])
        self.is_text = self._format == "CSV"
        self._stamps = self._stamped()
        lengths = []
        for path in paths:
            with _reading(path, self._format):
                schema, length = self._opened(path)
            lengths.append(length)
            if path is paths[0]:
                self.schema = schema
            else:
                _check_same(self.schema, schema, paths[0], path, are_types_known=not self.is_text)
        self.n_rows = None if None in lengths else sum(filter(None, lengths))

    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the columns of all rows, in order; raise OSError if a file changes meanwhile."""
        self._check_unchanged()
        with closing(ahead(self._in_order(list(columns), numbers))) as batches:
            yield from batches
        self._check_unchanged()

    def _in_order(self, columns: list[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        for path in self._paths:
            with _reading(path, self._format):
                if self.is_text:
                    yield from self._csv(path, columns, numbers)
                else:
                    yield from (_parquet if self._format == "Parquet" else _arrow)(path, columns)

    def _stamped(self) -> list[tuple[str, int, int]]:
        return [(path.name, stat.st_size, stat.st_mtime_ns) for path in self._paths for stat in [path.stat()]]

    def _check_unchanged(self) -> None:
        for before, now, path in zip(self._stamps, self._stamped(), self._paths, strict=True):
            if before != now:
                raise OSError(f"{str(path)!r} has changed since it was opened: call dataset again once it is written.")

    def _opened(self, path: Path) -> tuple[pa.Schema, int | None]:
        if path.stat().st_size == 0:
            raise ValueError(f"{str(path)!r} is empty.")
        if self._format == "Parquet":
            import pyarrow.parquet as pq

            with pq.ParquetFile(path) as file:
                return file.schema_arrow, file.metadata.num_rows
        if self._format == "Arrow":
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
                return file.schema, None
        from pyarrow import csv

        with pa.input_stream(str(path), compression="detect") as stream, csv.open_csv(stream) as reader:
            return reader.schema, None

    def _csv(self, path: Path, columns: list[str], numbers: Sequence[str]) -> Iterator[pa.RecordBatch]:
        from pyarrow import csv

        # Numbers are read as what they are wanted as: float64 rounded to float32 would be rounded twice.
        kinds = {name: self._text_type if name in numbers else self.schema.field(name).type for name in columns}
        options = csv.ConvertOptions(column_types=kinds, include_columns=columns)
        with pa.input_stream(str(path), compression="detect", buffer_size=1 << 20) as stream:
            yield from csv.open_csv(stream, convert_options=options)


def _first_ragged_row(path: Path) -> str:
    """Return "row 17" for the first row that has not as many values as there are columns, counted as rows of data."""
    from pyarrow import csv

    rows: list[int] = []

    def note(row: Any) -> str:
        rows.append(row.number)
        return "skip"

    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            options = csv.ParseOptions(invalid_row_handler=note)
            for _ in csv.open_csv(stream, csv.ReadOptions(use_threads=False), options):
                if rows:
                    break
    except pa.ArrowInvalid:
        pass
    return f"row {rows[0] - 2}" if rows and rows[0] else ""  # the header is line 1


class StreamReader(Reader):
    """Whatever has the Arrow PyCapsule interface: frames, tables, readers of databases."""

    def __init__(self, source: Any) -> None:
        self._source, self.name = source, f"the {type(source).__name__}"
        self._is_once = isinstance(source, pa.RecordBatchReader)
        self._stream: Any = pa.RecordBatchReader.from_stream(source)
        self.schema = self._stream.schema
        self.n_rows = len(source) if hasattr(source, "__len__") else None

    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield the columns of all rows, in order; raise ValueError if they are gone."""
        stream, self._stream = self._stream, None
        if stream is None:
            if self._is_once:
                raise ValueError(
                    f"{self.name} has been read, and gives its rows only once: make a new one; or, if that was for the "
                    "levels of columns, name these, categorical={column: levels}."
                )
            stream = pa.RecordBatchReader.from_stream(self._source)
        for batch in stream:
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.select(list(columns)).slice(start, BATCH_ROWS)


def _format(path: Path) -> str:
    for ending, name in FORMATS.items():
        if path.name.lower().endswith(ending):
            return name
    raise ValueError(
        f"{str(path)!r}: what kind of file this is cannot be told. Known endings: {', '.join(FORMATS)}, .npy, .npz."
    )


def _parquet(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS, columns=columns)


def _arrow(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        for number in range(file.num_record_batches):
            batch = file.get_batch(number).select(columns)
            for start in range(0, batch.num_rows, BATCH_ROWS):
                yield batch.slice(start, BATCH_ROWS)


class _reading:  # noqa: N801  # used like a function
    """Turns what Arrow says of a broken file into an error that names it."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path, self._kind = path, kind

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, pa.ArrowException) or (isinstance(error, OSError) and error.errno is None):
            ragged = _first_ragged_row(self._path) if self._kind == "CSV" else ""
            place = f", {ragged}" if ragged else f" is not a whole {self._kind} file"
            raise ValueError(f"{str(self._path)!r}{place}: {error}") from error


def _check_same(schema: pa.Schema, other: pa.Schema, path: Path, other_path: Path, *, are_types_known: bool) -> None:
    names = f"{str(path)!r} and {str(other_path)!r} differ"
    if schema.names != other.names:
        odd = sorted(set(schema.names) ^ set(other.names)) or "the order of columns"
        raise ValueError(f"{names} in their columns: {odd}. Give files of one schema.")
    for mine, its in zip(schema, other, strict=True):
        if are_types_known and mine.type != its.type:
            raise ValueError(f"{names} in column {mine.name!r}: {mine.type} and {its.type}. Give files of one schema.")
