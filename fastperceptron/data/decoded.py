"""Rows that must be decoded or come only once: columns of files and streams, and chunks of arrays."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from typing import Any

import numpy as np

from fastperceptron.checks import as_matrix
from fastperceptron.data.ahead import ahead
from fastperceptron.data.array_dataset import as_vector, as_weights
from fastperceptron.data.arrays import rows_dtype
from fastperceptron.data.columns import Columns, columns_for
from fastperceptron.data.dataset import Block, Dataset, Table, no_labels
from fastperceptron.data.readers import Reader
from fastperceptron.data.spool import spooled


class ColumnsDataset(Dataset):
    """Columns of files, frames or streams."""

    def __init__(self, reader: Reader, columns: Columns, cache_dir: Any = None) -> None:
        self._reader, self._columns, self.cache_dir, self.dtype = reader, columns, cache_dir, columns.dtype
        self.n_rows, self.n_features = reader.n_rows, len(columns.features)
        self.feature_names = tuple(feature.name for feature in columns.features)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        n_rows = 0
        # Decoding, turning columns into rows, and what is done with these go on at once.
        with closing(ahead(self._decoded())) as blocks:
            for block in blocks:
                yield block
                n_rows += len(block.X)
        self.n_rows = n_rows
        if n_rows == 0:
            raise ValueError(f"{self._reader.name} has no rows.")

    def _decoded(self) -> Iterator[Block]:
        first_row = 0
        for batch in self._reader.batches(self._columns.names, self._columns.numbers):
            if batch.num_rows:
                yield self._columns.block(batch, first_row)
            first_row += batch.num_rows

    def open_table(self, tell: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`; `tell` is told how many were decoded."""
        if self._columns.target is None:
            raise no_labels()
        return spooled(self.blocks(), (self.n_features, self.dtype), self.cache_dir, tell)

    def with_features(self, names: tuple[str, ...], *, has_labels: bool) -> "ColumnsDataset":
        """Return the same rows with the features of these names, which a model was trained on."""
        columns = self._columns
        target, weight = (columns.target, columns.weight) if has_labels else (None, None)
        chosen = columns_for(self._reader, names, target, weight, None if self._reader.is_text else columns.dtype)
        return ColumnsDataset(self._reader, chosen, self.cache_dir)

    @property
    def target_name(self) -> str | None:
        """The column of the labels."""
        return self._columns.target


class ChunksDataset(Dataset):
    """Chunks (X, y) or (X, y, weights) from a generator, or from a function that returns one each time.

    Raises
    ------
    ValueError
        If there are none, or one does not fit the first.
    TypeError
        If one is no such tuple.
    """

    def __init__(self, source: Callable[[], Iterator[Any]] | Iterator[Any], cache_dir: Any = None) -> None:
        self._source, self.cache_dir = source, cache_dir
        chunks = self._again()
        if callable(source) and isinstance(chunks, Iterator) and chunks is source():
            raise ValueError("the function returns the same generator each time: let it make a new one.")
        first = next(iter(chunks), None)
        if first is None:
            raise ValueError("the generator gave no chunks: at least two rows are needed.")
        self._first = _block(first, 0)
        self._has_more_to_give = True
        self.n_features, self.dtype = self._first.X.shape[1], np.dtype(rows_dtype(self._first.X.dtype))

    def _again(self) -> Iterator[Any]:
        return self._source() if callable(self._source) else self._source

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        if callable(self._source):
            chunks = self._again()
        elif self._has_more_to_give:
            self._has_more_to_give = False
            chunks = itertools.chain([self._first], self._source)
        else:
            raise ValueError(
                "the generator has been read, and gives its rows only once: pass a function that makes one."
            )
        n_rows = 0
        for number, chunk in enumerate(chunks):
            block = chunk if isinstance(chunk, Block) else _block(chunk, number)
            if len(block.X) == 0:
                continue
            self._check_alike(block, number)
            n_rows += len(block.X)
            yield block
        self.n_rows = n_rows

    def open_table(self, tell: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`; `tell` is told how many were decoded."""
        return spooled(self.blocks(), (self.n_features, self.dtype), self.cache_dir, tell)

    def _check_alike(self, block: Block, number: int) -> None:
        if block.X.shape[1] != self.n_features:
            raise ValueError(
                f"chunk {number} has {block.X.shape[1]} features, but the first one has {self.n_features}."
            )
        if rows_dtype(block.X.dtype) == np.float64 != self.dtype:
            raise ValueError(
                f"chunk {number} holds {block.X.dtype}, but the first one {self._first.X.dtype}: use one dtype."
            )
        if (block.weights is None) != (self._first.weights is None):
            raise ValueError(f"chunk {number} and the first one differ in whether they have weights.")


def _block(chunk: Any, number: int) -> Block:
    if not isinstance(chunk, tuple | list) or len(chunk) not in (2, 3):
        raise TypeError(f"chunk {number} must be (X, y) or (X, y, weights), but is a {type(chunk).__name__}.")
    X, y = np.asarray(chunk[0]), as_vector(chunk[1], f"y of chunk {number}")
    X = as_matrix(X, name=f"X of chunk {number}") if X.size else X
    weights = as_weights(chunk[2]) if len(chunk) == 3 else None
    for name, part in (("labels", y), ("weights", weights)):
        if part is not None and len(part) != len(X):
            raise ValueError(f"chunk {number} has {len(X)} rows, but {len(part)} {name}.")
    return Block(X, y, weights)
