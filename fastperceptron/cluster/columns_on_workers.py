"""Columns of frames of Dask, or of files that workers read: rows are decoded where they will lie.

Which column is what, and the levels of categorical ones, are found here, from the schema and, for levels, one read of
these columns. Each worker makes rows of its frames or files by the same `Columns`.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.cluster import parts
from fastperceptron.cluster.collections import kept_by_workers, pieces_of
from fastperceptron.cluster.parted_dataset import parted_table
from fastperceptron.cluster.parts import Loaded
from fastperceptron.data.choose_columns import choose_columns, columns_for, label_texts_are_numbers
from fastperceptron.data.column_dataset import ColumnsDataset
from fastperceptron.data.columns import Columns
from fastperceptron.data.dataset import Block, Table, no_labels
from fastperceptron.data.file_reader import FileReader
from fastperceptron.data.open_reader import open_reader
from fastperceptron.data.pieces import Piece
from fastperceptron.data.reader import Reader
from fastperceptron.data.sparse_arrays import joined


class FrameReader(Reader):
    """A frame of Dask: its partitions are computed one after another."""

    def __init__(self, frame: Any) -> None:
        self.frame, self.name = frame, "the DataFrame of Dask"
        of_sample = open_reader(frame._meta_nonempty)
        self._note_schema(of_sample.schema, of_sample.labels)

    def partitions(self, columns: Sequence[str]) -> list[Any]:
        """Return the partitions with these columns, not computed yet."""
        return pieces_of(self.frame[[self.labels[self.schema.names.index(name)] for name in columns]])

    def pieces(
        self,
        columns: Sequence[str],
        numbers: Sequence[str] = (),
        *,
        n_files: int | None = None,
    ) -> Iterator[Piece]:
        """Yield the columns of all rows, in order, or of the first partitions."""
        from dask import compute

        for number, partition in enumerate(self.partitions(columns)[:n_files]):
            yield from pieces_of_partition(compute(partition)[0], columns, numbers, number)


def pieces_of_partition(frame: Any, columns: Sequence[str], numbers: Sequence[str], number: int) -> Iterator[Piece]:
    """Yield the columns of a partition of a frame."""
    if len(frame) == 0:
        return
    for piece in open_reader(frame).pieces(columns, numbers):
        yield piece._replace(source=f"partition {number}")


class ColumnsOnWorkers(ColumnsDataset):
    """The data set of a frame of Dask or of files, for a cluster. `client` is the one that was given, or None."""

    def __init__(
        self,
        reader: Reader,
        columns: Columns,
        given_dtype: Any,
        *,
        client: Any,
        cache_dir: Any = None,
    ) -> None:
        super().__init__(reader, columns, cache_dir, given_dtype)
        self._client = client

    @classmethod
    def of(
        cls, source: Any, choice: dict[str, Any], csv: Any, *, client: Any, cache_dir: Any = None
    ) -> "ColumnsOnWorkers":
        """Return the data set of a frame of Dask, or of files; `choice` has the arguments of `choose_columns`."""
        reader = open_reader(source, csv) if isinstance(source, list) else FrameReader(source)
        types = None
        if csv is not None:
            from fastperceptron.data.csv_files import csv_options

            types = csv_options(csv, "").column_types
        columns = choose_columns(reader, **choice, column_types=types)
        return cls(reader, columns, choice["dtype"], client=client, cache_dir=cache_dir)

    def with_features(
        self, names: Sequence[str], *, has_labels: bool, classes: Array | None = None
    ) -> "ColumnsOnWorkers":
        """Return the same rows with the features of these names, which a model of some classes was trained on."""
        target, weight = (self._columns.target, self._columns.weight) if has_labels else (None, None)
        columns = columns_for(self._reader, names, target, weight, self._given_dtype, classes)
        data = ColumnsOnWorkers(self._reader, columns, self._given_dtype, client=self._client, cache_dir=self.cache_dir)
        data.n_threads = self.n_threads
        return data

    @contextmanager
    def open_table(self, rows_read: Any = int) -> Iterator[Table]:
        """Give the rows as a `Table`: on the workers of the client, or decoded into files here without one."""
        from fastperceptron.cluster.dask_engine import current_engine

        columns = self._columns
        if columns.target is None:
            raise no_labels()
        if columns.refusal is not None:
            raise TypeError(columns.refusal)
        with ExitStack() as stack:
            open_engine = getattr(self._reader, "open_engine", None)
            engine: Any = stack.enter_context(open_engine() if open_engine else current_engine(self._client))
            if engine is None:
                yield stack.enter_context(super().open_table(rows_read))
                return
            if columns.target in columns.text and columns.has_numeric_labels is None:
                are_numeric = label_texts_are_numbers(self._reader, columns.target)
                columns = dataclasses.replace(columns, has_numeric_labels=are_numeric)
            tasks, names = self._tasks(columns, engine.n_bundles)
            kept = kept_by_workers(self._reader.frame) if isinstance(self._reader, FrameReader) else []
            shelves = engine.together(kept) if len(kept) == len(tasks) else None
            yield parted_table(engine, tasks, names, self.n_threads, rows_read, load_columns, shelves)

    def _tasks(self, columns: Columns, n_groups: int) -> tuple[list[tuple[Any, ...]], list[str]]:
        """Return the arguments of `load_columns` of each partition, and the partitions' names."""
        reader = self._reader
        sources: list[Any]
        if isinstance(reader, FileReader):
            sources = reader.groups(n_groups)
            names = [each.name for each in sources]
        else:
            sources = reader.partitions(columns.names)  # type: ignore[attr-defined]  # a reader of partitions
            names = [f"partition {number}" for number in range(len(sources))]
        return [(source, columns, number) for number, source in enumerate(sources)], names


def load_columns(source: Any, columns: Columns, number: int) -> Loaded:
    """Return the rows of a partition of a frame, or of the files of a reader."""
    if isinstance(source, Reader):
        pieces = source.pieces(columns.names, columns.numbers)
    else:
        pieces = pieces_of_partition(source, columns.names, columns.numbers, number)
    n_rows = source.n_rows if isinstance(source, Reader) else len(source)
    X, stop = np.empty((0 if columns.is_sparse else n_rows or 0, len(columns.features)), columns.dtype), 0
    sparse: list[Any] = []
    labels: list[Any] = []
    weights: list[Any] = []
    for piece in pieces:
        if piece.batch.num_rows:
            start, stop = stop, stop + piece.batch.num_rows
            if stop > len(X) and not columns.is_sparse:  # that of a text file is not known before it is read
                X = np.concatenate([X[:start], np.empty((stop, X.shape[1]), X.dtype)])
            block = columns.block(piece, X[start:stop])
            sparse.append(block.X)
            labels.append(block.y)
            weights.append(block.weights)
    if stop == 0:
        return parts.no_rows()
    own = None if weights[0] is None else np.concatenate(weights)
    rows = joined(sparse) if columns.is_sparse else X[:stop]
    return parts.loaded_of(Block(rows, np.concatenate(labels), own), None, number)
