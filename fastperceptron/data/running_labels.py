"""Labels that come in blocks, as class numbers: the classes are only known in the end, so their order comes last."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.labels import as_labels, distinct, one_class_only

# Class numbers of a stream take one byte each.
MAXIMUM_CLASSES = 256


class RunningLabels:
    """The distinct labels so far, numbered as they came."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {}
        self._counts: list[int] = []
        self._dtypes: set[np.dtype] = set()
        self._n_rows = 0

    def codes_of(self, y: Any) -> Array:
        """Return a number for each label of the next rows, as uint8.

        Raises
        ------
        ValueError
            If a label is missing, or there are more than 256 different ones.
        TypeError
            If they are neither numbers nor booleans nor strings, or strings and others.
        """
        labels = as_labels(y, "the target", self._n_rows)
        found = distinct(labels)
        if found.codes.size == 0 < labels.size:
            raise _too_many(self._n_rows + labels.size)
        values = labels[found.first_rows].tolist()
        self._dtypes.add(labels.dtype)
        if len({dtype.kind in "UT" for dtype in self._dtypes}) > 1:
            raise TypeError(f"the target mixes strings with other labels, from row {self._n_rows} on: use one kind.")
        for value in values:
            self._numbers.setdefault(value, len(self._numbers))
        if len(self._numbers) > MAXIMUM_CLASSES:
            raise _too_many(self._n_rows + labels.size)
        self._counts += [0] * (len(self._numbers) - len(self._counts))
        numbers = np.array([self._numbers[value] for value in values], np.uint8)
        for number, count in zip(numbers.tolist(), found.counts.tolist(), strict=True):
            self._counts[number] += count
        self._n_rows += labels.size
        return numbers[found.codes]

    def finish(self) -> tuple[Array, Array, Array]:
        """Return the sorted classes, the place among them of each number given out, and the rows of each class.

        Raises
        ------
        ValueError
            If there were no rows, or all were of one class.
        """
        if not self._numbers:
            raise ValueError("there are no rows: at least two are needed.")
        values = np.array([*self._numbers], np.result_type(*self._dtypes))
        classes, places = np.unique(values, return_inverse=True)
        if classes.size == 1:
            raise one_class_only(values[0].item())
        counts = np.zeros(classes.size, np.int64)
        np.add.at(counts, places, self._counts)
        return classes, places.astype(np.uint8), counts


def _too_many(n_rows: int) -> ValueError:
    return ValueError(
        f"the target holds more than {MAXIMUM_CLASSES} different labels within its first {n_rows:,} rows: a classifier "
        "needs classes. Cut it into intervals, or name another column."
    )
