"""Labels of any kind (numbers, booleans, strings) as the class numbers that kernels take.

Numbers are encoded, counted and checked in one compiled read. Measured with 2 million random labels, ns per label, in
brackets np.unique with inverse and counts: int64 and float64 of 2 classes 1.2 (18), bool and uint8 1.1 (31), float64 of
the other byte order 1.5 (22), a column of a matrix 2.4 (20), int64 of 10 classes 2.4 (34), of 256 3.3 (76); strings of
2 classes 19 (195), of 3 27 (208), of 10 as np.unique; objects
that are strings are looked up in a dict. 2 million continuous targets are refused within 0.5 ms.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import as_vector, for_kernels, kind_of, read_only
from fastperceptron.kernels.labels import MAX_CLASSES, empty_table, encode_block, renumber

BLOCK_LABELS = 1 << 16  # labels converted to 64-bit patterns at a time: 512 KB
# Up to this many classes of strings are found by comparing all labels with each: 9 ns per string and class; sorting
# takes 200 ns per string.
MAX_COMPARED = 8


class Labels(NamedTuple):
    """The labels of all rows as class numbers."""

    classes: (
        Array  # (n_classes,), sorted unless given; in the labels' dtype, object where that is object or StringDType
    )
    codes: Array  # (n_rows,) uint8, uint16 or int32, read-only: the position in `classes` of each row's label
    counts: Array  # (n_classes,) int64: the number of rows of each class


class Distinct(NamedTuple):
    """Distinct labels in any order."""

    first_rows: Array  # (n_distinct,) int64: the row where each label occurs first
    codes: Array  # (n_rows,): the position in `first_rows` of each row's label; (0,) where there are over 256 numbers
    counts: Array  # (n_distinct,) int64: the number of rows with each label


def as_labels(y: Any, name: str = "y", first_row: int = 0) -> Array:
    """Return labels as a 1-d array of numbers, booleans or strings; `first_row` is the number of the first, for errors.

    It raises ValueError if there are none, they are not one-dimensional, or one is missing (NaN or None) or infinite;
    TypeError if they are neither numbers nor booleans nor strings, or a mixture of strings and others.
    """
    labels = _label_vector(y, name, first_row)
    _check_finite(labels, slice(None), name, first_row)
    return labels


def _label_vector(y: Any, name: str = "y", first_row: int = 0) -> Array:
    """Return what `as_labels` does, but floats may be NaN or infinite: finding these would be one more read."""
    labels = as_vector(y, name)
    if labels.size == 0:
        raise ValueError(f"{name} is empty: at least two rows are needed.")
    is_series = labels.dtype.kind == "U" and not isinstance(y, np.ndarray | list | tuple)
    if is_series or labels.dtype.kind == "T":  # strings of any width where they come from
        labels = labels.astype(object)
    if labels.dtype == object:
        labels = _labels_of_objects(labels, name, first_row)
    if labels.dtype.kind not in "fiubUO":
        raise TypeError(f"{name} must hold numbers, booleans or strings, but its dtype is {labels.dtype}.")
    return labels


def _labels_of_objects(labels: Array, name: str, first_row: int) -> Array:
    """Return strings as they are, and objects that are all numbers or all booleans as an array of these."""
    values = labels.tolist()
    # The types of all values are found first, in 20 ns per value; their rows only for an error.
    if set(map(kind_of, set(map(type, values)))) == {"strings"}:
        return labels
    places: dict[str, int] = {}
    for row, value in enumerate(values, first_row):
        # pandas' NA has no truth value, so it is recognised by its type.
        if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:  # noqa: PLR0124  # NaN is not itself
            raise _missing_label(value, row, name)
        kind = kind_of(type(value))
        if not kind:
            raise TypeError(f"{name} must hold numbers, booleans or strings, but row {row} holds {value!r}.")
        places.setdefault(kind, row)
    if len(places) > 1:
        (first, row), (other, other_row) = [*places.items()][:2]
        raise TypeError(f"{name} mixes {first} (row {row}) with {other} (row {other_row}): use one kind.")
    return exact_array(values, name)


def exact_array(values: list[Any], name: str, dtype: Any = None) -> Array:
    """Return numbers as an array; raise ValueError if its dtype cannot hold one of them exactly."""
    array = np.array(values, dtype)
    if array.tolist() != values or (array.dtype == object and not isinstance(values[0], str)):
        raise ValueError(f"{name} holds whole numbers that one dtype cannot hold exactly: name its classes by strings.")
    return array


def _missing_label(label: Any, row: int, name: str) -> ValueError:
    return ValueError(f"{name} holds {label!r} in row {row}: drop rows without a label first.")


def _check_finite(labels: Array, rows: Array | slice, name: str = "y", first_row: int = 0) -> None:
    if labels.dtype.kind == "f" and not np.isfinite(labels[rows]).all():
        row = int(np.arange(labels.size)[rows][~np.isfinite(labels[rows])].min())
        raise _missing_label(labels[row].item(), first_row + row, name)


def encode_classes(y: Any, n_rows: int, classes: Array | None = None, first_row: int = 0) -> Labels:
    """Return the classes, sorted, and each row's class number, with the number of rows of each class.

    `classes`, (n_classes,), are those of a model that is trained further: labels must be among them, but need not be
    all of them. `first_row` is the number of the first row, for errors. It raises TypeError as `as_labels` does;
    ValueError if the number of labels is not `n_rows`, one is missing, all are of one class, or one is not among
    `classes`; or if there are more than 256 distinct labels and some are fractions: these are not classes.

    Examples
    --------
    >>> encode_classes(["rose", "lily", "rose"], 3)
    Labels(classes=array(['lily', 'rose'], dtype='<U4'), codes=array([1, 0, 1], dtype=uint8), counts=array([1, 2]))
    """
    labels = _label_vector(y, "y", first_row)
    if labels.size != n_rows:
        raise ValueError(f"X has {n_rows} rows, but y has {labels.size} labels: each row needs one.")
    if (given := _given_as_codes(labels, classes)) is not None:
        return given
    found = distinct(labels)
    if found.codes.size == 0:
        # Checked before gigabytes are sorted: the first 257 distinct labels suffice to find most wrong targets.
        _order(labels, found, classes, first_row)
        check_not_continuous(labels[found.first_rows])
        found = distinct_by_sorting(labels)
    classes, numbers = _order(labels, found, classes, first_row)
    counts = np.bincount(numbers, found.counts, classes.size).astype(np.int64)  # of 2^53 rows, exact
    return Labels(classes, read_only(_renumber(found.codes, numbers, classes.size)), counts)


def _given_as_codes(labels: Array, classes: Array | None) -> Labels | None:
    """Return labels that are class numbers 0 and 1 already: widening a million to look them up took 3 ms."""
    if labels.dtype.itemsize != 1 or labels.dtype.kind not in "ub" or labels.max() > 1:
        return None
    n_ones = np.count_nonzero(labels)
    is_expected = 0 < n_ones < labels.size if classes is None else np.array_equal(classes, [0, 1])
    if not is_expected:
        return None
    known = np.array([0, 1], labels.dtype) if classes is None else classes
    codes = read_only(np.ascontiguousarray(labels).view(np.uint8))
    return Labels(known, codes, np.array([labels.size - n_ones, n_ones]))


def distinct(labels: Array) -> Distinct:
    """Return the distinct labels of a vector, in any order; without codes if they are more than 256 numbers."""
    if labels.dtype == object:
        return _distinct_objects(labels)
    if labels.dtype.kind in "iub" or (labels.dtype.kind == "f" and labels.dtype.itemsize <= 8):
        return _distinct_numbers(labels)
    return _distinct_by_comparing(labels) or distinct_by_sorting(labels)


def _distinct_numbers(labels: Array) -> Distinct:
    wide = {"f": np.float64, "u": np.uint64}.get(labels.dtype.kind, np.int64)
    table, codes, are_few = empty_table(), np.empty(labels.size, np.uint8), True
    for start in range(0, labels.size, BLOCK_LABELS):
        block = for_kernels(labels[start : start + BLOCK_LABELS], wide).view(np.uint64)
        are_few = encode_block(table, read_only(block), start, codes[start : start + BLOCK_LABELS])
        if not are_few:
            break
    n_classes = int(table.n_classes[0])
    first_rows = table.first_rows[:n_classes]
    return Distinct(first_rows, codes if are_few else codes[:0], table.counts[:, :n_classes].sum(axis=0))


def _distinct_objects(labels: Array) -> Distinct:
    values = labels.tolist()
    counted = Counter(values)
    numbers = dict(zip(counted, range(len(counted)), strict=True))
    codes: Array = np.fromiter(map(numbers.__getitem__, values), code_dtype(len(counted)), labels.size)
    first_rows = np.empty(len(counted), np.int64)
    first_rows[codes[::-1]] = np.arange(labels.size - 1, -1, -1)  # the last value written is that of the first row
    return Distinct(first_rows, codes, np.fromiter(counted.values(), np.int64, len(counted)))


def _distinct_by_comparing(labels: Array) -> Distinct | None:
    codes, unknown = np.zeros(labels.size, np.uint8), np.ones(labels.size, bool)
    first_rows: list[int] = []
    counts: list[int] = []
    while unknown.any():
        if len(counts) == MAX_COMPARED:
            return None
        first_rows.append(int(unknown.argmax()))
        same = labels == labels[first_rows[-1]]
        codes += same.view(np.uint8) * np.uint8(len(counts))
        counts.append(int(np.count_nonzero(same)))
        unknown ^= same
    return Distinct(np.array(first_rows), codes, np.array(counts))


def distinct_by_sorting(labels: Array) -> Distinct:
    """Return the distinct labels of a vector, sorted."""
    _, first_rows, codes, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    return Distinct(first_rows, codes, counts)


def _order(labels: Array, found: Distinct, classes: Array | None, first_row: int) -> tuple[Array, Array]:
    """Return the classes and the class number of each distinct label; raise ValueError if one is missing."""
    _check_finite(labels, found.first_rows, "y", first_row)
    values = labels[found.first_rows]
    if classes is None and values.size == 2 and values[0] != values[1]:
        # Sorted without np.unique, whose first call takes 0.1 ms.
        return (values, np.array([0, 1])) if values[0] < values[1] else (values[::-1].copy(), np.array([1, 0]))
    if classes is None:
        # A sort of the few classes, which also joins 0.0 and -0.0.
        classes, numbers = np.unique(values, return_inverse=True)
        if classes.size == 1:
            raise one_class_only(values.tolist()[0])
        return classes, numbers
    number_of = {label: number for number, label in enumerate(classes.tolist())}
    numbers = np.array([number_of.get(label, -1) for label in values.tolist()])
    if (numbers < 0).any():
        row = int(found.first_rows[numbers < 0].min())
        raise ValueError(
            f"y holds {labels[row : row + 1].tolist()[0]!r} in row {first_row + row}, "
            f"but the model knows [{_format_classes(classes, 20)}]."
        )
    return classes, numbers


def code_dtype(n_classes: int) -> type:
    """Return the dtype of class numbers."""
    return np.uint8 if n_classes <= MAX_CLASSES else np.uint16 if n_classes <= 1 << 16 else np.int32


def _renumber(codes: Array, numbers: Array, n_classes: int) -> Array:
    dtype = code_dtype(n_classes)
    if codes.dtype != np.uint8 or dtype is not np.uint8:
        return numbers[codes].astype(dtype)
    if numbers.tolist() != list(range(numbers.size)):
        renumber(codes, numbers.astype(np.uint8))
    return codes


def _format_classes(classes: Array, limit: int) -> str:
    return ", ".join(repr(label) for label in classes[:limit].tolist()) + (", ..." if classes.size > limit else "")


def encode(y: Any, n_rows: int, classes: Array | None = None) -> tuple[Array, Array]:
    """Return the two classes, sorted unless they are given, and each row's class number 0 or 1: (n_rows,) uint8.

    It raises what `encode_classes` does, and ValueError if there are not exactly two classes, or not the given ones.
    """
    found, codes, _ = encode_classes(y, n_rows)
    return codes_of_two(found, codes, classes)


def one_class_only(label: Any) -> ValueError:
    """Return the error for labels that are all the same."""
    # scikit-learn's words first, for those who look for them.
    return ValueError(
        f"This solver needs samples of at least 2 classes in the data, but y holds one class only ({label!r})."
    )


def codes_of_two(found: Array, codes: Any, classes: Array | None = None) -> tuple[Array, Any]:
    """Return two classes and the class numbers of rows, by the order of a model's classes if these are given.

    It raises ValueError if there are more than two classes, or they are not those of the model.
    """
    if found.size > 2:
        raise ValueError(f"y holds {found.size} classes ({_format_classes(found, 5)}), but one neuron tells two apart.")
    if classes is None or found.tolist() == classes.tolist():
        return found if classes is None else classes, codes
    if found.tolist() != classes.tolist()[::-1]:
        raise ValueError(f"y holds the classes {found.tolist()}, but the model knows {classes.tolist()}.")
    return classes, read_only(1 - codes[:])


def codes_of(y: Any, n_rows: int, classes: Array, first_row: int = 0) -> Array:
    """Return each label's class number; raise ValueError if one is not among the classes of a model."""
    return encode_classes(y, n_rows, classes, first_row).codes


def count_of_codes(codes: Any, n_classes: int) -> Array:
    """Return the number of rows of each class, (n_classes,) int64; the class numbers are read in blocks."""
    counts = np.zeros(n_classes, np.int64)
    for start in range(0, len(codes), BLOCK_LABELS):
        counts += np.bincount(codes[start : start + BLOCK_LABELS], minlength=n_classes)
    return counts


def check_not_continuous(classes: Array) -> None:
    """Raise ValueError if classes are fractions, which scikit-learn calls a continuous target; fp.train takes them."""
    fractions = classes[classes != np.trunc(classes)] if classes.dtype.kind == "f" else classes[:0]
    if fractions.size:
        raise ValueError(
            f"Unknown label type: continuous. y holds {fractions[0].item()!r}, but a classifier needs classes: "
            "cut y into intervals, or name its values by whole numbers or strings."
        )
