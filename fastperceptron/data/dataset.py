"""Dataset: rows that may be stored anywhere. It describes its rows, yields them in blocks, and opens them for a fit.

Opened, a data set is a `Table`: rows that can be read repeatedly from any thread, with class numbers. Rows that must be
decoded are decoded once for it; rows that are raw or made as they are read stay where they are.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array, whole_number
from fastperceptron.data.labels import count_of_codes
from fastperceptron.data.sparse_arrays import CsrArray, joined


class Block(NamedTuple):
    """Some rows in order, as decoded: what `partial_fit` and `predict` take."""

    X: Any  # (n, n_features): an array, or a CsrArray of sparse rows
    y: Any  # the labels, (n,), or None
    weights: Array | None  # (n,), float64


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with class numbers, ready for a fit."""

    rows: Any  # ArrayRows, SparseRows, GeneratedRows or PartedRows
    classes: Array  # (n_classes,), sorted
    codes: Any  # (n_rows,): positions in `classes`; an array, or an object that is indexed like one
    row_weights: Any = None  # (n_rows,) float64, or what is indexed like it
    known_counts: Array | None = None  # (n_classes,) int64

    @property
    def counts(self) -> Array:
        """The number of rows of each class: (n_classes,) int64. Generated rows must be read once for it."""
        if self.known_counts is not None:
            return self.known_counts
        own: Array | None = getattr(self.codes, "counts", None)
        return count_of_codes(self.codes, self.classes.size) if own is None else own


class Dataset(ABC):
    """Rows of numbers with labels, in memory, in files, in a stream or made as they are read.

    `fastperceptron.dataset` makes one of stored rows, `fastperceptron.synthetic` a synthetic one. It takes the place of
    X, without y, in `fit`, `partial_fit`, `predict`, `predict_proba`, `score` and `fastperceptron.train`.

    Attributes
    ----------
    n_rows : int or None
        None where it is known only after a read.
    n_features : int
    feature_names : tuple of str, or None
    target_name : str or None
        The name of the labels, where they have one.
    classes : ndarray of shape (n_classes,), or None
        Sorted; None where they are known only after a read.
    dtype : dtype
        Of the rows: float32 or float64.
    cache_dir : path, or None
        Where decoded rows are kept during a fit; None for the default.
    """

    n_rows: int | None = None
    n_features: int
    feature_names: tuple[str, ...] | None = None
    target_name: str | None = None
    first_column: int | None = None  # its number in svmlight files
    classes: Array | None = None
    dtype: np.dtype = np.dtype(np.float32)
    cache_dir: Any = None
    n_threads = 1  # that a worker of a cluster takes for one task

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""

    @abstractmethod
    def open_table(self, rows_read: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`; what is decoded for it is deleted at the end.

        `rows_read` is called several times, with the number of rows decoded since the call before.
        """

    def with_features(
        self,
        names: tuple[str, ...],
        *,
        has_labels: bool,  # noqa: ARG002
        classes: Array | None = None,  # noqa: ARG002
    ) -> "Dataset":
        """Return the same rows with the features of these names, in this order; raise ValueError if one is missing.

        `classes` are those of the model that learns from the rows or is compared with them.
        """
        own = self.feature_names
        if own is None or names == own:
            return self
        for name in names:
            if name not in own:
                raise ValueError(
                    "The feature names should match those that were passed during fit: "
                    f"{name!r} is not among {list(own[:12])}{' and others' if len(own) > 12 else ''}."
                )
        return self.pick([own.index(name) for name in names])

    def pick(self, places: Sequence[int]) -> "Dataset":
        """Return the same rows with the features at these places only, in this order."""
        raise NotImplementedError(f"{type(self).__name__} has no names to pick features by.")

    def widened(self, n_features: int, first_column: int | None = None) -> "Dataset":  # noqa: ARG002
        """Return the same rows with this many features where the source leaves open how many follow, all 0.

        Where it also leaves open what the number of the first column is, that is `first_column`, if known.
        """
        return self

    def head(self, n: int = 5) -> Block:
        """Return the first n rows, or all if there are fewer, as (X, y, weights); only the beginning is read."""
        n, blocks = whole_number(n, "n"), self.blocks()
        with closing(blocks) if isinstance(blocks, Generator) else nullcontext():
            return first_rows(blocks, n)

    def arrays(self) -> tuple[Any, Array]:
        """Return all rows, (n_rows, n_features), and their labels, (n_rows,); raise ValueError if there are none.

        Sparse rows are a `CsrArray`, whose `to_scipy()` is a scipy.sparse.csr_array.
        """
        X, y, _ = first_rows(self.blocks(), math.inf)
        if y is None:
            raise no_labels()
        return X, y

    def __len__(self) -> int:
        """Return the number of rows; raise TypeError if it is known only after a read."""
        if self.n_rows is None:
            raise TypeError("the number of rows of this data set is known only after all have been read.")
        return self.n_rows

    def __bool__(self) -> bool:
        """Return True, also where the number of rows is not known."""
        return True

    def __repr__(self) -> str:
        """Show the numbers of rows and features."""
        rows = "some" if self.n_rows is None else f"{self.n_rows:,}"
        return f"{type(self).__name__}({rows} rows of {self.n_features} features)"


def first_rows(blocks: Iterable[Block], n: float) -> Block:
    """Return the first n rows of blocks, or all if there are fewer; no block after these is read.

    Blocks are copied as they come, since a generator may use its arrays again.
    """
    found, n_found = [], 0
    for block in blocks:
        rows = block.X.copy() if isinstance(block.X, CsrArray) else np.array(block.X)
        found.append([rows, *(None if part is None else np.array(part) for part in block[1:])])
        n_found += len(block.X)
        if n_found >= n:
            break
    if not found:
        raise ValueError("there are no rows.")
    X, y, weights = (None if part[0] is None else joined(part)[: min(n, n_found)] for part in zip(*found, strict=True))
    return Block(X, y, weights)


def no_labels() -> ValueError:
    """Return the error for rows without labels where some are needed."""
    return ValueError("this data set has no labels: name their column, dataset(..., target=...), or pass (X, y).")
