"""Dataset: the one idea of rows that may be anywhere. It says what is in it, yields blocks, and opens itself for a fit.

An opened data set is a `Table`: rows that can be read again and again from any thread, with class numbers. What must be
decoded is decoded once for that; what is made or stored raw stays where it is.
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

    X: Array
    y: Any  # the labels, or None
    weights: Array | None


@dataclass(frozen=True, eq=False)
class Table:
    """Rows with class numbers, ready for a fit.

    Attributes
    ----------
    rows : ArrayRows or GeneratedRows
    classes : ndarray of shape (n_classes,)
        Sorted.
    codes : ndarray of shape (n_rows,), or what is read like one
    row_weights : ndarray of shape (n_rows,), float64, optional
    known_counts : ndarray of shape (n_classes,), optional
    """

    rows: Any
    classes: Array
    codes: Any
    row_weights: Array | None = None
    known_counts: Array | None = None

    @property
    def counts(self) -> Array:
        """How many rows each class has; one more read of what is made as it is read."""
        if self.known_counts is None:
            return count_of_codes(self.codes, self.classes.size)
        return self.known_counts


class Dataset(ABC):
    """Rows of numbers with labels, in memory, in files, in a stream or made as they are read.

    `fastperceptron.dataset` makes one of what is stored, `fastperceptron.synthetic` one of nothing. It takes the place
    of X, without y, in `fit`, `partial_fit`, `predict`, `predict_proba`, `score` and `fastperceptron.train`.

    Attributes
    ----------
    n_rows : int or None
        None where that is only known in the end.
    n_features : int
    feature_names : tuple of str, or None
    classes : ndarray, or None
        Sorted; None where they are only known after a read.
    """

    n_rows: int | None = None
    n_features: int
    feature_names: tuple[str, ...] | None = None
    classes: Array | None = None
    # How rows are decoded, and where to.
    dtype: np.dtype = np.dtype(np.float32)
    cache_dir: Any = None

    @abstractmethod
    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""

    @abstractmethod
    def open_table(self, tell: Callable[[int], object] = int) -> AbstractContextManager[Table]:
        """Give the rows as a `Table`, decoded if they must be: `tell` is told of every few rows. Nothing is left."""

    def with_features(self, names: tuple[str, ...], *, has_labels: bool) -> "Dataset":  # noqa: ARG002
        """Return the same rows with the features of these names, where they can be chosen; without labels on request.

        Raises
        ------
        ValueError
            If there are other names.
        """
        if self.feature_names is not None and names != self.feature_names:
            pairs = zip(names, self.feature_names, strict=False)
            wanted, found = next((pair for pair in pairs if pair[0] != pair[1]), (names[-1], self.feature_names[-1]))
            raise ValueError(
                f"The feature names should match those that were passed during fit: {found!r} stands where "
                f"{wanted!r} was."
            )
        return self

    def arrays(self) -> tuple[Array, Array]:
        """Return all rows and their labels as arrays.

        Raises
        ------
        ValueError
            If there are no labels.
        """
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
