"""Rows that are raw already, in memory or in a memory map: they are read where they are."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows, read_only, rows_dtype
from fastperceptron.data.dataset import Block, Dataset, Table, no_labels
from fastperceptron.data.labels import encode_classes

# Elements of a block: some megabytes.
BLOCK_ELEMENTS = 1 << 20


class ArrayDataset(Dataset):
    """A matrix of rows with labels and weights.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : array-like of shape (n_rows,), optional
    weights : array-like of shape (n_rows,), optional
    feature_names : tuple of str, optional

    Raises
    ------
    ValueError
        If there is not one label and one weight a row.
    """

    def __init__(
        self, X: Array, y: Any = None, weights: Any = None, feature_names: tuple[str, ...] | None = None
    ) -> None:
        self._X, self._y, self.feature_names = X, None if y is None else as_vector(y, "y"), feature_names
        self._weights = None if weights is None else as_weights(weights)
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(rows_dtype(X.dtype))
        for name, part in (("labels", self._y), ("weights", self._weights)):
            if part is not None and len(part) != len(X):
                raise ValueError(f"X has {len(X)} rows, but there are {len(part)} {name}: each row needs one.")

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        step = max(1, BLOCK_ELEMENTS // self.n_features)
        for start in range(0, len(self._X), step):
            part = slice(start, start + step)
            y, weights = (None if array is None else array[part] for array in (self._y, self._weights))
            yield Block(self._X[part], y, weights)

    def open_table(self, tell: Any = int) -> AbstractContextManager[Table]:  # noqa: ARG002  # nothing is decoded
        """Give the rows as a `Table`."""
        if self._y is None:
            raise no_labels()
        classes, codes, counts = encode_classes(self._y, len(self._X))
        return nullcontext(Table(ArrayRows(self._X), classes, codes, self._weights, counts))


def as_vector(values: Any, name: str) -> Array:
    """Return labels or weights, one a row, as a 1-d array; or raise ValueError."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(
            f"{name} must have one dimension, a value a row, but is {'None' if values is None else array.shape}."
        )
    return array


def as_weights(weights: Any, name: str = "weights", first_row: int = 0) -> Array:
    """Return weights as float64, finite and none negative; `name` and `first_row`, the number of row 0, are for errors.

    Raises
    ------
    TypeError
        If they are no numbers.
    ValueError
        If they are not one a row, or one is negative or not finite.
    """
    given = as_vector(weights, name)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"weights must be numbers, but the dtype of {name!r} is {given.dtype}.")
    own = np.ascontiguousarray(given, np.float64)
    is_wrong = ~((own >= 0) & (own < np.inf))
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ValueError(
            f"weights must be finite and not negative: row {first_row + row} of {name!r} holds {own[row]}."
        )
    return read_only(own)
