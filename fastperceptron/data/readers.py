"""Readers of columns: files of one format, frames, and whatever else gives Arrow record batches.

A reader knows the schema and yields record batches of chosen columns; it knows nothing of features and targets.
"""

import copy
import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from fastperceptron.data.files import SourceFile
from fastperceptron.data.formats import ColumnFormat, cut_batch, format_of_files, name_unreadable_file
from fastperceptron.data.pieces import Piece, is_number, is_text

Item = TypeVar("Item")


class Reader(ABC):
    """Columns of files, of a frame or of a stream."""

    schema: pa.Schema
    labels: Sequence[Any]  # the columns' names as the user knows them, which may be integers
    text: frozenset[str] = frozenset()  # the columns that are stored as text, which may mean numbers
    index: frozenset[str] = frozenset()  # the columns that were the index of a pandas frame
    decimal_point = "."  # in text
    n_rows: int | None = None  # None where it is not known before all rows are read
    name: str  # what error messages call the source

    @abstractmethod
    def pieces(
        self, columns: Sequence[str], numbers: Sequence[str] = (), *, n_files: int | None = None
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order, or of the first files; those in `numbers` are to become float64."""

    def _note_schema(self, schema: pa.Schema, labels: Sequence[Any] | None = None) -> None:
        """Set what follows from the schema; raise ValueError if two columns have one name."""
        self.schema, self.labels = schema, schema.names if labels is None else labels
        twice = [name for name, count in Counter(schema.names).items() if count > 1]
        if twice:
            raise ValueError(
                f"{self.name} has more than one column called {', '.join(map(repr, twice))}: rename or drop them."
            )
        described = (schema.pandas_metadata or {}).get("index_columns", ())
        self.index = frozenset(name for name in described if isinstance(name, str))


class FileReader(Reader):
    """Files of one format, one after the other."""

    def __init__(self, files: Sequence[SourceFile], csv: Any) -> None:
        form = format_of_files(list(files))
        assert isinstance(form, ColumnFormat)  # noqa: S101  # sources.py reads the others
        self._files, self._format, self._csv = files, form, csv
        self.name = f"{files[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
        if csv is not None and not form.is_text:
            raise ValueError(f"csv is for CSV files, and cannot be given for {form.name}: leave it out.")
        self._stamps = [file.stamp() for file in files]
        opened = [self._read_schema(file) for file in files]
        keys = list(dict.fromkeys(key for file in files for key in file.partitions))
        for file in files:
            if missing := [key for key in keys if key not in file.partitions]:
                raise ValueError(f"{file} lies in no folder called '{missing[0]}=...', unlike other files.")
        schema = _joined([schema for schema, _ in opened], files)
        if doubled := [key for key in keys if key in schema.names]:
            raise ValueError(
                f"{files[0]} has a column {doubled[0]!r}, and lies in a folder of that name, too: rename one."
            )
        self._own = frozenset(schema.names)
        self.text = frozenset([*keys, *(schema.names if form.is_text else ())])
        for key in keys:
            schema = schema.append(pa.field(key, pa.string()))
        self._note_schema(schema)
        self._lengths = [length for _, length in opened]
        self.n_rows = _sum_of_known(self._lengths)
        self.decimal_point = str((csv or {}).get("decimal_point", "."))

    def pieces(
        self, columns: Sequence[str], numbers: Sequence[str] = (), *, n_files: int | None = None
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order; raise OSError if a file has changed since it was opened."""
        self._check_unchanged()
        own = [name for name in columns if name in self._own]
        types = {name: self.schema.field(name).type for name in own}
        types |= {name: pa.float64() for name in own if name in numbers and pa.types.is_integer(types[name])}
        with closing(read_ahead(self._read_files(types, columns, n_files))) as pieces:
            yield from pieces
        self._check_unchanged()

    def groups(self, n: int) -> list["FileReader"]:
        """Return readers of the same columns, of at most n runs of files of about the same size each."""
        sizes = np.cumsum([size for size, _ in self._stamps])
        of_file = ((sizes - 1) * n // max(int(sizes[-1]), 1)).tolist()
        readers = []
        for _, places in itertools.groupby(range(len(self._files)), of_file.__getitem__):
            chosen, reader = [*places], copy.copy(self)
            part = slice(chosen[0], chosen[-1] + 1)
            reader._files, reader._stamps, reader.n_rows = (
                self._files[part],
                self._stamps[part],
                _sum_of_known(self._lengths[part]),
            )
            reader.name = f"{reader._files[0]}" + (f" and {len(chosen) - 1} more" if len(chosen) > 1 else "")
            readers.append(reader)
        return readers

    def _read_files(
        self, types: dict[str, pa.DataType], columns: Sequence[str], n_files: int | None
    ) -> Iterator[Piece]:
        for file in self._files[:n_files]:
            first_row = 0
            with name_unreadable_file(file, self._format), self._format.open(file, types, self._csv) as opened:
                for batch in opened.batches:
                    values = {
                        key: pa.repeat(pa.scalar(file.partitions[key], pa.string()), batch.num_rows)
                        for key in columns
                        if key not in self._own
                    }
                    arrays = [values[name] if name in values else batch.column(name) for name in columns]
                    whole = pa.RecordBatch.from_arrays(arrays, list(columns)) if arrays else batch
                    yield Piece(whole, str(file), first_row)
                    first_row += batch.num_rows

    def _read_schema(self, file: SourceFile) -> tuple[pa.Schema, int | None]:
        if file.stamp()[0] == 0:
            raise ValueError(f"{file} is empty.")
        with name_unreadable_file(file, self._format), self._format.open(file, None, self._csv) as opened:
            if not self._format.is_text:
                return opened.schema, opened.n_rows
            return pa.schema([(name, pa.string()) for name in opened.schema.names]), None

    def _check_unchanged(self) -> None:
        for before, file in zip(self._stamps, self._files, strict=True):
            if before != file.stamp():
                raise OSError(f"{file} has changed since it was opened: call dataset again once it is written.")


def _sum_of_known(lengths: Sequence[int | None]) -> int | None:
    """Return how many rows files have together; None if that of one is not known."""
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) else None


def _joined(schemas: list[pa.Schema], files: Sequence[SourceFile]) -> pa.Schema:
    """Return the schema of several files: columns go by name, and numbers of different types become float64."""
    first = schemas[0]
    types = dict(zip(first.names, first.types, strict=True))
    for schema, file in zip(schemas, files, strict=True):
        names = f"{files[0]} and {file} differ"
        if set(schema.names) != set(first.names):
            odd = sorted(set(first.names) ^ set(schema.names))
            raise ValueError(f"{names} in their columns: {odd}. Give files of one schema.")
        for field in schema if len(schema.names) == len(types) else ():
            known = types[field.name]
            if field.type != known and is_number(field.type) and is_number(known):
                types[field.name] = pa.float64()
            elif field.type != known and not (is_text(field.type) and is_text(known)):
                raise ValueError(
                    f"{names} in column {field.name!r}: {known} and {field.type}. Give files of one schema."
                )
    if len(types) < len(first.names):
        return first  # two columns have one name
    return pa.schema(list(types.items()), first.metadata)


class BatchReader(Reader):
    """Any source of record batches: `open` takes the columns, and returns an iterator of batches of them, in order."""

    def __init__(
        self,
        source: Any,
        schema: pa.Schema,
        open: Callable[[list[str]], Iterable[pa.RecordBatch]],  # as in formats.py
        *,
        labels: Sequence[Any] | None = None,
        n_rows: int | None = None,
        is_once: bool = False,
    ) -> None:
        self.name, self._open, self.n_rows, self._is_once = f"the {type(source).__name__}", open, n_rows, is_once
        self._was_read = False
        self._note_schema(schema, labels)

    def pieces(
        self,
        columns: Sequence[str],
        numbers: Sequence[str] = (),  # noqa: ARG002  # types are known
        *,
        n_files: int | None = None,  # noqa: ARG002
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order; raise ValueError where a stream has been read before."""
        if self._is_once and self._was_read:
            raise ValueError(
                f"{self.name} has been read, and gives its rows only once: make a new one; or, if that was for the "
                "levels of columns, name these, categorical={column: levels}."
            )
        self._was_read, first_row = True, 0
        for batch in self._open(list(columns)):
            for part in cut_batch(batch.select(list(columns))):
                yield Piece(part, self.name, first_row)
                first_row += part.num_rows


def open_reader(source: Any, csv: Any = None) -> Reader:
    """Return the reader of a list of files, of a frame without its index, or of an object that streams Arrow."""
    if isinstance(source, list) and source and all(isinstance(file, SourceFile) for file in source):
        return FileReader(source, csv)
    if csv is not None:
        raise ValueError("csv is for CSV files, and cannot be given for a frame or a stream: leave it out.")
    if type(source).__name__ == "Series" or isinstance(source, pa.Array | pa.ChunkedArray):
        raise TypeError(f"the {type(source).__name__} is one column or one row: make a frame of it.")
    try:
        for kind in (_of_arrow_dataset, _of_lazy_frame, _of_frame, _of_stream):
            reader = kind(source)
            if reader is not None:
                return reader
    except (pa.ArrowException, OverflowError, KeyError) as error:
        raise TypeError(f"the {type(source).__name__} cannot be read as columns: {error}.") from error
    raise TypeError(
        "source must be a path, a frame, a list of paths, an Arrow stream, an array, a tuple of arrays or a generator, "
        f"but is a {type(source).__name__}."
    )


def _of_arrow_dataset(source: Any) -> Reader | None:
    from pyarrow import dataset

    if isinstance(source, dataset.Dataset):
        return BatchReader(source, source.schema, lambda columns: source.to_batches(columns=columns))
    if isinstance(source, dataset.Scanner):
        return BatchReader(source, source.projected_schema, lambda _: source.to_reader())
    return None


def _of_lazy_frame(source: Any) -> Reader | None:
    if not (hasattr(source, "collect_batches") and hasattr(source, "collect_schema")):
        return None  # polars has them

    def read(columns: list[str]) -> Iterator[pa.RecordBatch]:
        for frame in source.select(columns).collect_batches(maintain_order=True):
            yield from frame.to_arrow().to_batches()

    return BatchReader(source, source.head(0).collect().to_arrow().schema, read)


def _of_frame(source: Any) -> Reader | None:
    import narwhals as nw

    names: Any = getattr(source, "columns", None)
    if isinstance(source, pa.Table | pa.RecordBatch):
        return BatchReader(source, source.schema, _batches_of(source), n_rows=source.num_rows)
    twice = [name for name, count in Counter(map(str, names)).items() if count > 1] if _is_listing(names) else []
    if twice:
        raise ValueError(
            f"the {type(source).__name__} has more than one column called {', '.join(map(repr, twice))}: rename or "
            "drop them."
        )
    dtypes: Any = getattr(source, "dtypes", None)
    kinds = dtypes.items() if hasattr(dtypes, "items") else ()
    if sparse := [
        name for name, dtype in kinds if hasattr(dtype, "fill_value")
    ]:  # pandas' SparseDtype, which Arrow does not have
        raise TypeError(
            f"column {sparse[0]!r} of the {type(source).__name__} is sparse: pass (frame[features], frame[target]), "
            "which keeps such columns sparse, or make it dense, frame[column].sparse.to_dense()."
        )
    try:
        frame = nw.from_native(source, eager_only=True)
    except TypeError:
        return None
    try:
        table = frame.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise TypeError(f"the {type(source).__name__} cannot be read: {'; '.join(map(str, error.args))}") from error
    labels = list(frame.columns)
    table = table.select(list(map(str, labels)))  # without the index
    schema = table.schema.remove_metadata()
    return BatchReader(source, schema, _batches_of(table), labels=labels, n_rows=table.num_rows)


def _is_listing(names: Any) -> bool:
    return names is not None and not callable(names) and hasattr(names, "__iter__")


def _batches_of(table: Any) -> Callable[[list[str]], Iterable[pa.RecordBatch]]:
    if isinstance(table, pa.RecordBatch):
        return lambda columns: [table.select(columns)]
    return lambda columns: table.select(columns).to_batches()


def _of_stream(source: Any) -> Reader | None:
    if not hasattr(source, "__arrow_c_stream__"):
        return None
    if isinstance(source, pa.RecordBatchReader):
        return BatchReader(source, source.schema, lambda _: source, is_once=True)
    # One stream is open at a time: a DuckDB connection, for one, has no second.
    with pa.RecordBatchReader.from_stream(source) as stream:
        schema = stream.schema
    return BatchReader(source, schema, lambda _: pa.RecordBatchReader.from_stream(source))


def read_ahead(items: Iterator[Item]) -> Generator[Item]:
    """Yield items, while a thread makes the next one: decoding and NumPy release the GIL.

    No item may be None, nor change after it was yielded.
    """
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
