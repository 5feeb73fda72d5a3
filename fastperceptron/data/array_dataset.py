"""Rows in an array or a memory map: they are read where they are."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fastperceptron.checks import Array, as_numbers
from fastperceptron.data.arrays import as_vector, kernel_dtype, read_only
from fastperceptron.data.dataset import Block, Dataset, Table, no_labels
from fastperceptron.data.labels import encode_classes
from fastperceptron.data.sparse_arrays import Matrix, rows_of, values_per_row

VALUES_PER_BLOCK = 1 << 20  # values per block that `blocks` yields: 4 MB of float32


class ArrayDataset(Dataset):
    """Rows (n_rows, n_features), dense or sparse, with labels and weights, (n_rows,); others raise ValueError."""

    def __init__(
        self, X: Matrix, y: Any = None, weights: Any = None, feature_names: tuple[str, ...] | None = None
    ) -> None:
        self._X, self._y, self.feature_names = X, None if y is None else as_vector(y, "y"), feature_names
        name = getattr(y, "name", None) or None  # of a pandas or polars Series
        self.target_name = name if isinstance(name, str) and name else None
        self._weights = None if weights is None else as_weights(weights)
        self.n_rows, self.n_features = X.shape
        self.dtype = np.dtype(kernel_dtype(X.dtype))
        for name, part in (("labels", self._y), ("weights", self._weights)):
            if part is not None and len(part) != len(X):
                raise ValueError(f"X has {len(X)} rows, but there are {len(part)} {name}: each row needs one.")

    @property
    def classes(self) -> Array | None:  # type: ignore[override]
        """The classes of the labels, sorted; None without labels."""
        return None if self._y is None else encode_classes(self._y, len(self._X)).classes

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        step = max(1, VALUES_PER_BLOCK // values_per_row(self._X))
        for start in range(0, len(self._X), step):
            part = slice(start, start + step)
            y, weights = (None if array is None else array[part] for array in (self._y, self._weights))
            yield Block(self._X[part], y, weights)

    def pick(self, places: Sequence[int]) -> "ArrayDataset":
        """Return the same rows with the features at these places only, copied."""
        names = None if self.feature_names is None else tuple(self.feature_names[place] for place in places)
        picked = ArrayDataset(self._X[:, list(places)], self._y, self._weights, names)
        picked.target_name = self.target_name
        return picked

    def open_table(self, rows_read: Any = int) -> AbstractContextManager[Table]:  # noqa: ARG002  # nothing is decoded
        """Give the rows as a `Table`; raise ValueError if there are no labels."""
        if self._y is None:
            raise no_labels()
        classes, codes, counts = encode_classes(self._y, len(self._X))
        return nullcontext(Table(rows_of(self._X), classes, codes, self._weights, counts))


def text_names(names: Sequence[Any] | None) -> tuple[str, ...] | None:
    """Return a frame's column names as text; None if there are none, or they are the numbers of the columns."""
    if names is None or tuple(names) == tuple(range(len(names))):
        return None
    return tuple(map(str, names)) if all(isinstance(name, str | int | np.integer) for name in names) else None


def as_weights(weights: Any, name: str = "weights", first_row: int = 0) -> Array:
    """Return weights as (n_rows,) float64, read-only; `name` and `first_row`, the number of row 0, are for errors.

    It raises TypeError if they are not numbers, ValueError if the shape is wrong or one is negative or not finite.
    """
    own = np.ascontiguousarray(as_numbers(as_vector(weights, name), name), np.float64)
    is_wrong = ~((own >= 0) & (own < np.inf))
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ValueError(
            f"weights must be finite and not negative: row {first_row + row} of {name!r} holds {own[row]}."
        )
    return read_only(own)
