"""Rows that come in chunks of arrays, from a generator or from a function that returns one."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastperceptron.checks import as_matrix
from fastperceptron.data.array_dataset import as_weights
from fastperceptron.data.arrays import as_vector, rows_dtype
from fastperceptron.data.dataset import Block
from fastperceptron.data.spool import DecodedDataset


class ChunksDataset(DecodedDataset):
    """Chunks (X, y) or (X, y, weights) from a generator, or from a function that returns one each time.

    All must have the number of features and the dtype of the first, and weights if it has some.
    """

    def __init__(self, source: Callable[[], Iterator[Any]] | Iterator[Any], cache_dir: Any = None) -> None:
        self._source, self.cache_dir = source, cache_dir
        chunks = source() if callable(source) else source
        if callable(source) and isinstance(chunks, Iterator) and chunks is source():
            raise ValueError("the function returns the same generator each time: let it make a new one.")
        first = next(iter(chunks), None)
        if first is None:
            raise ValueError("the generator gave no chunks: at least two rows are needed.")
        self._first = _as_block(first, 0)
        self._is_unread = True
        self.n_features, self.dtype = self._first.X.shape[1], np.dtype(rows_dtype(self._first.X.dtype))

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order; raise ValueError where a generator has been read before."""
        if callable(self._source):
            chunks = self._source()
        elif self._is_unread:
            self._is_unread = False
            chunks = itertools.chain([self._first], self._source)
        else:
            raise ValueError(
                "the generator has been read, and gives its rows only once: pass a function that makes one."
            )
        n_rows = 0
        for number, chunk in enumerate(chunks):
            block = chunk if isinstance(chunk, Block) else _as_block(chunk, number)
            if len(block.X) == 0:
                continue
            self._check_alike(block, number)
            n_rows += len(block.X)
            yield block
        self.n_rows = n_rows

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


def _as_block(chunk: Any, number: int) -> Block:
    """Return a chunk as a block of rows; `number` is the chunk's, for errors."""
    if not isinstance(chunk, tuple | list) or len(chunk) not in (2, 3):
        raise TypeError(f"chunk {number} must be (X, y) or (X, y, weights), but is a {type(chunk).__name__}.")
    X, y = np.asarray(chunk[0]), as_vector(chunk[1], f"y of chunk {number}")
    X = as_matrix(X, name=f"X of chunk {number}") if X.size else X
    weights = as_weights(chunk[2]) if len(chunk) == 3 else None
    for name, part in (("labels", y), ("weights", weights)):
        if part is not None and len(part) != len(X):
            raise ValueError(f"chunk {number} has {len(X)} rows, but {len(part)} {name}.")
    return Block(X, y, weights)
