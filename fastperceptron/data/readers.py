"""Readers of columns: files of one format, and any object that streams Arrow.

A reader knows the schema and yields Arrow record batches of chosen columns; it knows nothing of features and targets.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from fastperceptron.data.formats import cut_batch, find_format, name_unreadable_file

Item = TypeVar("Item")


class Reader(ABC):
    """Record batches of files or of a stream."""

    schema: pa.Schema
    n_rows: int | None = None  # None where it is not known before all rows are read
    name: str  # what error messages call the source
    is_text = False  # whether values are stored as text, so that the schema's types are guesses from the first rows

    @abstractmethod
    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the columns of all rows, in order; those in `numbers` are converted if they are stored as text."""


class FileReader(Reader):
    """Files of one format, one after the other. Numbers in text are read as `dtype`: via float64 they round twice."""

    def __init__(self, paths: Sequence[Path], dtype: Any) -> None:
        self._paths, self._text_type = paths, pa.from_numpy_dtype(dtype)
        self._format = find_format(paths[0], "open", "files with columns end in")
        self.name = f"{str(paths[0])!r}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
        self.is_text, self._stamps = self._format.is_text, self._take_stamps()
        opened = [self._read_schema(path) for path in paths]
        self.schema = opened[0][0]
        for path, (schema, _) in zip(paths, opened, strict=True):
            _check_same(self.schema, schema, paths[0], path, are_types_known=not self.is_text)
        lengths = [length for _, length in opened if length is not None]
        self.n_rows = sum(lengths) if len(lengths) == len(opened) else None

    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the columns of all rows, in order; raise OSError if a file has changed since it was opened."""
        self._check_unchanged()
        types = {name: self.schema.field(name).type for name in columns}
        if self.is_text:
            types |= dict.fromkeys(numbers, self._text_type)
        with closing(read_ahead(self._read_files(types))) as batches:
            yield from batches
        self._check_unchanged()

    def _read_files(self, types: dict[str, pa.DataType]) -> Iterator[pa.RecordBatch]:
        for path in self._paths:
            with name_unreadable_file(path, self._format), self._format.open(path, types) as file:
                yield from file.batches

    def _read_schema(self, path: Path) -> tuple[pa.Schema, int | None]:
        if path.stat().st_size == 0:
            raise ValueError(f"{str(path)!r} is empty.")
        with name_unreadable_file(path, self._format), self._format.open(path, None) as file:
            return file.schema, file.n_rows

    def _take_stamps(self) -> list[tuple[int, int]]:
        return [(stat.st_size, stat.st_mtime_ns) for stat in map(Path.stat, self._paths)]

    def _check_unchanged(self) -> None:
        for before, now, path in zip(self._stamps, self._take_stamps(), self._paths, strict=True):
            if before != now:
                raise OSError(f"{str(path)!r} has changed since it was opened: call dataset again once it is written.")


class StreamReader(Reader):
    """An object with the Arrow PyCapsule interface, ``__arrow_c_stream__``: a table, or a reader of a database."""

    def __init__(self, source: Any) -> None:
        self._source, self.name = source, f"the {type(source).__name__}"
        self._is_once = isinstance(source, pa.RecordBatchReader)
        self._stream: Any = pa.RecordBatchReader.from_stream(source)
        self.schema = self._stream.schema
        self.n_rows = len(source) if hasattr(source, "__len__") else None

    def batches(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:  # noqa: ARG002
        """Yield the columns of all rows, in order; raise ValueError where a stream has been read before."""
        stream, self._stream = self._stream, None
        if stream is None:
            if self._is_once:
                raise ValueError(
                    f"{self.name} has been read, and gives its rows only once: make a new one; or, if that was for the "
                    "levels of columns, name these, categorical={column: levels}."
                )
            stream = pa.RecordBatchReader.from_stream(self._source)
        for batch in stream:
            yield from cut_batch(batch.select(list(columns)))


def open_reader(source: Any, dtype: Any) -> Reader:
    """Return the reader of a list of paths, of a frame without its index, or of an object that streams Arrow."""
    if isinstance(source, list) and all(isinstance(path, Path) for path in source):
        return FileReader(source, np.float32 if dtype is None else dtype)
    import narwhals as nw

    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        if hasattr(source, "__arrow_c_stream__"):
            return StreamReader(source)
        raise TypeError(
            f"source must be a path, a frame, an Arrow stream, an array, a tuple of arrays or a generator, but is a "
            f"{type(source).__name__}."
        ) from None
    known, table = set(map(str, frame.columns)), frame.to_arrow()
    return StreamReader(table.select([name for name in table.column_names if name in known]))


def read_ahead(items: Iterator[Item]) -> Generator[Item]:
    """Yield items, while a thread makes the next one: decoding and NumPy release the GIL.

    No item may be None, nor change after it was yielded.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


def _check_same(schema: pa.Schema, other: pa.Schema, path: Path, other_path: Path, *, are_types_known: bool) -> None:
    names = f"{str(path)!r} and {str(other_path)!r} differ"
    if schema.names != other.names:
        odd = sorted(set(schema.names) ^ set(other.names)) or "the order of columns"
        raise ValueError(f"{names} in their columns: {odd}. Give files of one schema.")
    for field, other_field in zip(schema, other, strict=True):
        if are_types_known and field.type != other_field.type:
            raise ValueError(
                f"{names} in column {field.name!r}: {field.type} and {other_field.type}. Give files of one schema."
            )
