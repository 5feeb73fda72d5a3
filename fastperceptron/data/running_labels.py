"""Class numbers of labels that come in blocks: the classes are known only at the end, and are sorted then."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.labels import as_labels, distinct, one_class_only
from fastperceptron.kernels.labels import MAX_CLASSES


class RunningLabels:
    """The distinct labels so far, numbered in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._counts = np.zeros(MAX_CLASSES, np.int64)
        self._dtypes: set[np.dtype] = set()
        self._n_rows = 0

    def codes_of(self, y: Any) -> Array:
        """Return the number of each label of the next rows: (n,) uint8.

        It raises what `as_labels` does, ValueError if there are more than 256 different labels, and TypeError if blocks
        mix strings and others.
        """
        labels = as_labels(y, "the target", self._n_rows)
        found = distinct(labels)
        values = labels[found.first_rows].tolist()
        self._dtypes.add(labels.dtype)
        if len({dtype.kind in "UT" for dtype in self._dtypes}) > 1:
            raise TypeError(f"the target mixes strings with other labels, from row {self._n_rows} on: use one kind.")
        self._n_rows += labels.size
        for value in values:
            self._numbers.setdefault(value, len(self._numbers))
        if found.codes.size == 0 or len(self._numbers) > MAX_CLASSES:
            raise ValueError(
                f"the target holds more than {MAX_CLASSES} different labels within its first {self._n_rows:,} rows: a "
                "classifier needs classes. Cut it into intervals, or name another column."
            )
        numbers = np.array([self._numbers[value] for value in values], np.uint8)
        np.add.at(self._counts, numbers, found.counts)
        return numbers[found.codes]

    def finish(self) -> tuple[Array, Array, Array]:
        """Return the sorted classes, each number's place among them, (n_numbers,) uint8, and the rows of each class.

        It raises ValueError if there were no rows, or all were of one class.
        """
        if not self._numbers:
            raise ValueError("there are no rows: at least two are needed.")
        values = np.array([*self._numbers], np.result_type(*self._dtypes))
        classes, places = np.unique(values, return_inverse=True)
        if classes.size == 1:
            raise one_class_only(values[0].item())
        counts = np.zeros(classes.size, np.int64)
        np.add.at(counts, places, self._counts[: len(values)])
        return classes, places.astype(np.uint8), counts
