"""Dataset: rows that may be stored anywhere. It describes its rows, yields them in blocks, and opens them for a fit.

Opened, a data set is a `Table`: rows that can be read repeatedly from any thread, with class numbers. Rows that must be
decoded are decoded once for it; rows that are raw or made as they are read stay where they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.labels import count_of_codes


class Block(NamedTuple):
    """Some rows in order, as decoded: what `partial_fit` and `predict` take."""

    X: Array  # (n, n_features)
    y: Any  # the labels, (n,), or None
    weights: Array | None  # (n,), float64


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with class numbers, ready for a fit."""

    rows: Any  # ArrayRows or GeneratedRows
    classes: Array  # (n_classes,), sorted
    codes: Any  # (n_rows,): positions in `classes`; an array, or an object that is indexed like one
    row_weights: Array | None = None  # (n_rows,) float64
    known_counts: Array | None = None  # (n_classes,) int64

    @property
    def counts(self) -> Array:
        """The number of rows of each class: (n_classes,) int64. Generated rows must be read once for it."""
        return count_of_codes(self.codes, self.classes.size) if self.known_counts is None else self.known_counts


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
    classes: Array | None = None
    dtype: np.dtype = np.dtype(np.float32)
    cache_dir: Any = None

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""

    @abstractmethod
    def open_table(self, rows_read: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`; what is decoded for it is deleted at the end.

        `rows_read` is called several times, with the number of rows decoded since the call before.
        """

    def with_features(self, names: tuple[str, ...], *, has_labels: bool) -> "Dataset":  # noqa: ARG002
        """Return the same rows with the features of these names; raise ValueError if they cannot be chosen."""
        if self.feature_names is not None and names != self.feature_names:
            pairs = zip(names, self.feature_names, strict=False)
            wanted, found = next((pair for pair in pairs if pair[0] != pair[1]), (names[-1], self.feature_names[-1]))
            raise ValueError(
                f"The feature names should match those that were passed during fit: {found!r} stands where "
                f"{wanted!r} was."
            )
        return self

    def arrays(self) -> tuple[Array, Array]:
        """Return all rows, (n_rows, n_features), and their labels, (n_rows,); raise ValueError if there are none."""
        blocks = list(self.blocks())
        if any(block.y is None for block in blocks):
            raise no_labels()
        return np.concatenate([block.X for block in blocks]), np.concatenate([block.y for block in blocks])

    def __repr__(self) -> str:
        """Show the numbers of rows and features."""
        rows = "some" if self.n_rows is None else f"{self.n_rows:,}"
        return f"{type(self).__name__}({rows} rows of {self.n_features} features)"


def no_labels() -> ValueError:
    """Return the error for rows without labels where some are needed."""
    return ValueError("this data set has no labels: name their column, dataset(..., target=...), or pass (X, y).")
