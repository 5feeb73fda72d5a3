"""Rows that come in chunks of arrays or frames, from a generator or from a function that returns one."""

import copy
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_array, as_matrix, frame_names, whole_number
from fastperceptron.data.array_dataset import as_weights, text_names
from fastperceptron.data.arrays import as_vector, kernel_dtype
from fastperceptron.data.dataset import Block, first_rows
from fastperceptron.data.sparse_arrays import CsrArray
from fastperceptron.data.sparse_input import as_csr, is_sparse, is_sparse_frame, sparse_of_frame
from fastperceptron.data.spool import DecodedDataset


class ChunksDataset(DecodedDataset):
    """Chunks (X, y) or (X, y, weights) from a generator, or from a function that returns one each time.

    X is an array, a frame or a sparse matrix. All must have the features, the dtype and the kind of rows of the first
    one with rows, and weights if it has some. The columns of
    frames are found by name.
    """

    def __init__(self, source: Callable[[], Iterator[Any]] | Iterator[Any], cache_dir: Any = None) -> None:
        self._source, self.cache_dir = source, cache_dir
        chunks = source() if callable(source) else source
        if not isinstance(chunks, Iterable):
            raise TypeError(f"the function must return a generator of chunks, but returned a {type(chunks).__name__}.")
        if callable(source) and isinstance(chunks, Iterator) and chunks is source():
            raise ValueError("the function returns the same generator each time: let it make a new one.")
        numbered = enumerate(chunks)
        read = (as_block(chunk, number) for number, chunk in numbered)
        first = next((pair for pair in read if len(pair[0].X)), None)
        if first is None:
            raise ValueError("the generator gave no chunks with rows: at least two rows are needed.")
        self._first, self._names = first
        self.n_features, self.dtype = self._first.X.shape[1], np.dtype(kernel_dtype(self._first.X.dtype))
        self.feature_names = text_names(self._names)
        if not callable(source):
            self._ahead, self._rest = [self._first], self._checked(numbered)

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order; raise ValueError where a generator has been read before."""
        n_rows = 0
        if callable(self._source):
            blocks: Iterator[Block] = self._checked(enumerate(self._source()))
        else:
            self._check_unread()
            blocks, self._ahead = itertools.chain(self._ahead, self._rest), []
        for block in blocks:
            n_rows += len(block.X)
            yield block
        self.n_rows = n_rows

    def head(self, n: int = 5) -> Block:
        """Return the first n rows, or all if there are fewer; the rows of a generator can still be read afterwards."""
        if callable(self._source):
            return super().head(n)
        self._check_unread()
        n_missing = whole_number(n, "n") - sum(len(block.X) for block in self._ahead)
        # Copied, since a generator may use its arrays again.
        self._ahead = [copy.deepcopy(block) for block in self._ahead]
        while n_missing > 0 and (block := next(self._rest, None)) is not None:
            self._ahead.append(copy.deepcopy(block))
            n_missing -= len(block.X)
        return first_rows(self._ahead, n)

    def _check_unread(self) -> None:
        if not self._ahead:
            raise ValueError(
                "the generator has been read, and gives its rows only once: pass a function that makes one."
            )

    def _checked(self, numbered: Iterable[tuple[int, Any]]) -> Iterator[Block]:
        """Yield chunks as blocks that are like the first one; those without rows are left out."""
        for number, chunk in numbered:
            block, names = as_block(chunk, number)
            if len(block.X) == 0:
                continue
            if names != self._names:
                places = self._places_of(names, number)
                block = block._replace(X=block.X[:, places])
            self._check_alike(block, number)
            yield block

    def _places_of(self, names: tuple[Any, ...] | None, number: int) -> list[int]:
        if names is None or self._names is None:
            raise ValueError(f"chunk {number} and the first one differ in whether their columns have names.")
        for one, other, lacks in ((self._names, names, "lacks"), (names, self._names, "has, unlike the first one,")):
            for name in one:
                if name not in other:
                    raise ValueError(f"chunk {number} {lacks} the column {name!r}: all chunks need the same columns.")
        return [names.index(name) for name in self._names]

    def _check_alike(self, block: Block, number: int) -> None:
        if block.X.shape[1] != self.n_features:
            raise ValueError(
                f"chunk {number} has {block.X.shape[1]} features, but the first one has {self.n_features}."
            )
        if isinstance(block.X, CsrArray) != isinstance(self._first.X, CsrArray):
            raise ValueError(f"chunk {number} and the first one differ in whether their rows are sparse: use one kind.")
        if kernel_dtype(block.X.dtype) == np.float64 != self.dtype:
            raise ValueError(
                f"chunk {number} holds {block.X.dtype}, but the first one {self._first.X.dtype}: use one dtype."
            )
        if (block.weights is None) != (self._first.weights is None):
            raise ValueError(f"chunk {number} and the first one differ in whether they have weights.")


def as_block(chunk: Any, number: int, kind: str = "chunk") -> tuple[Block, tuple[Any, ...] | None]:
    """Return a chunk as a block of rows, with its column names if it is a frame; `kind` and `number` are for errors."""
    if not isinstance(chunk, tuple) or len(chunk) not in (2, 3):
        raise TypeError(f"{kind} {number} must be a tuple (X, y) or (X, y, weights), but is a {type(chunk).__name__}.")
    given, y, weights = (*chunk, None)[:3]
    X: Any
    if is_sparse(given) or is_sparse_frame(given):
        X = as_csr(given if is_sparse(given) else sparse_of_frame(given), f"X of {kind} {number}")
    else:
        X = _as_rows(given, f"X of {kind} {number}")
    y = None if y is None else as_vector(y, f"y of {kind} {number}")
    weights = None if weights is None else as_weights(weights, f"weights of {kind} {number}")
    for name, part in (("labels", y), ("weights", weights)):
        if part is not None and len(part) != len(X):
            raise ValueError(f"{kind} {number} has {len(X)} rows, but {len(part)} {name}.")
    return Block(X, y, weights), frame_names(given, f"{kind} {number}")


def _as_rows(given: Any, name: str) -> Array:
    X = as_array(given, name)
    if X.size:
        if X.ndim != 2:
            raise ValueError(f"{name} must have two dimensions (rows, features), but has {X.ndim}.")
        X = as_matrix(X, name=name)
    return X
