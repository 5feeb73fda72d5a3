"""Class numbers of labels that come in blocks: the classes are known only at the end, and are sorted then."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import kind_of
from fastperceptron.data.labels import (
    as_labels,
    check_not_continuous,
    code_dtype,
    distinct,
    distinct_by_sorting,
    exact_array,
    one_class_only,
)
from fastperceptron.kernels.labels import MAX_CLASSES


class RunningLabels:
    """The distinct labels so far, numbered in the order in which they came.

    `convert` takes the distinct labels, (n_distinct,), and returns labels of another kind; equal ones become one class.
    """

    def __init__(self, convert: Callable[[Array], Array] | None = None) -> None:
        self._convert = convert
        self._numbers: dict[Any, int] = {}
        self._counts = np.zeros(MAX_CLASSES, np.int64)
        self._dtypes: set[np.dtype] = set()
        self._kind = ""
        self._n_rows = 0

    def codes_of(self, y: Any, name: str = "the target") -> Array:
        """Return the number of each label of the next rows: (n,) uint8, wider once there are more labels.

        It raises what `as_labels` does, TypeError if blocks mix strings, booleans and numbers, and ValueError if there
        are more than 256 different labels and some are fractions.
        """
        labels = as_labels(y, name, self._n_rows)
        found = distinct(labels)
        values = labels[found.first_rows]
        kind = kind_of(type(values.tolist()[0]))
        if self._kind not in ("", kind):
            raise TypeError(f"{name} mixes {self._kind} with {kind}, from row {self._n_rows} on: use one kind.")
        self._kind = kind
        self._dtypes.add(labels.dtype)
        if len(values) > MAX_CLASSES:
            check_not_continuous(values)  # before all are sorted
        if found.codes.size == 0:
            found = distinct_by_sorting(labels)
            values = labels[found.first_rows]
        self._n_rows += labels.size
        n_before = len(self._numbers)
        numbers = [self._numbers.setdefault(value, len(self._numbers)) for value in values.tolist()]
        if n_before <= MAX_CLASSES < len(self._numbers):
            check_not_continuous(self.values())
        elif n_before > MAX_CLASSES:
            check_not_continuous(values)
        if len(self._numbers) > self._counts.size:
            self._counts = np.append(self._counts, np.zeros(len(self._numbers), np.int64))
        np.add.at(self._counts, numbers, found.counts)
        return np.array(numbers, code_dtype(len(self._numbers)))[found.codes]

    def finish(self) -> tuple[Array, Array, Array]:
        """Return the sorted classes, each number's place among them, (n_classes,), and the rows of each class.

        It raises ValueError if there were no rows, all were of one class, or no dtype holds all labels.
        """
        if not self._numbers:
            raise ValueError("there are no rows: at least two are needed.")
        values = self.values()
        classes, numbers = np.unique(values, return_inverse=True)
        if classes.size == 1:
            raise one_class_only(values.tolist()[0])
        counts = np.zeros(classes.size, np.int64)
        np.add.at(counts, numbers, self._counts[: values.size])
        return classes, numbers.astype(code_dtype(classes.size)), counts

    def values(self) -> Array:
        """Return the distinct labels so far, (n_distinct,), in the order of their numbers."""
        values = exact_array([*self._numbers], "the target", np.result_type(*self._dtypes))
        return values if self._convert is None else self._convert(values)
