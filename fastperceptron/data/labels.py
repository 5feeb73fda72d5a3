"""Two labels of any kind (numbers, booleans, strings) as the class numbers 0 and 1 that kernels take."""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import read_only


def as_labels(y: Any, name: str = "y") -> Array:
    """Return labels as a 1-d array of numbers, booleans or strings.

    Raises
    ------
    ValueError
        If there are none, they are not one-dimensional, or one is missing (NaN or None).
    TypeError
        If they are neither numbers nor booleans nor strings, or a mixture of strings and others.
    """
    labels = np.asarray(y)
    if labels.dtype.kind == "U" and not isinstance(y, np.ndarray):
        labels = np.asarray(y, dtype=object)  # NumPy has turned numbers among strings into strings
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"{name} must have one dimension, a label a row, but its shape is {labels.shape}.")
    if labels.size == 0:
        raise ValueError(f"{name} is empty: at least two rows are needed.")
    if labels.dtype.kind == "T":  # variable-width strings
        labels = labels.astype(object)
    if labels.dtype == object:
        labels = _labels_of_objects(labels, name)
    if labels.dtype.kind not in "fiubU":
        raise TypeError(f"{name} must hold numbers, booleans or strings, but its dtype is {labels.dtype}.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        row = int(np.flatnonzero(~np.isfinite(labels))[0])
        raise ValueError(f"{name} holds {labels[row]} in row {row}: drop rows without a label first.")
    return labels


def _labels_of_objects(labels: Array, name: str) -> Array:
    kinds: dict[str, int] = {}
    for row, label in enumerate(labels):
        # pandas' NA has no truth value, so it is known by its type.
        if label is None or type(label).__name__ in ("NAType", "NaTType") or label != label:  # noqa: PLR0124  # NaN is not itself
            raise ValueError(f"{name} holds {label!r} in row {row}: drop rows without a label first.")
        kinds.setdefault("strings" if isinstance(label, str) else "others", row)
    if len(kinds) == 2:
        raise TypeError(
            f"{name} mixes strings (row {kinds['strings']}) with other labels (row {kinds['others']}): use one kind."
        )
    converted = np.array(labels.tolist())
    return converted if converted.ndim == 1 else labels


def _a_label_a_row(y: Any, n_rows: int) -> Array:
    labels = as_labels(y)
    if labels.size != n_rows:
        raise ValueError(f"X has {n_rows} rows, but y has {labels.size} labels: each row needs one.")
    return labels


def encode(y: Any, n_rows: int, classes: Array | None = None) -> tuple[Array, Array]:
    """Return the two classes, sorted, and the class number 0 or 1 of each row.

    Parameters
    ----------
    y : array-like of shape (n_rows,)
    n_rows : int
        How many labels there must be.
    classes : ndarray of shape (2,), optional
        The classes of a model that is trained further; the labels must be among them.

    Returns
    -------
    classes : ndarray of shape (2,), in the labels' own dtype
    codes : ndarray of shape (n_rows,), uint8

    Raises
    ------
    ValueError
        If the number of labels is not `n_rows`, or they are not of exactly two classes.
    TypeError
        As `as_labels` does.
    """
    labels = _a_label_a_row(y, n_rows)
    # Three comparisons of all labels; np.unique sorts them, at 16 to 37 ns each.
    differs = labels != labels[0]
    if not differs.any():
        one = labels[0].item()
        raise ValueError(f"y holds one class only ({one!r}): rows of two classes are needed to tell them apart.")
    found = np.sort(labels[np.array([0, np.argmax(differs)])])
    codes = labels == found[1]
    if not np.array_equal(codes, differs if found[0] == labels[0] else ~differs):
        found = np.unique(labels)
        listed = ", ".join(repr(label) for label in found[:5].tolist()) + (", ..." if found.size > 5 else "")
        raise ValueError(f"y holds {found.size} classes ({listed}), but one neuron tells two apart.")
    if classes is not None and not np.array_equal(found, classes):
        raise ValueError(f"y holds the classes {found.tolist()}, but the model knows {classes.tolist()}.")
    return (found if classes is None else classes), read_only(codes.astype(np.uint8))


def codes_of(y: Any, n_rows: int, classes: Array) -> Array:
    """Return the class number of each label, all of which must be among the two classes of a model."""
    labels = _a_label_a_row(y, n_rows)
    codes = (labels == classes[1]).astype(np.uint8)
    unknown = np.flatnonzero((codes == 0) & (labels != classes[0]))
    if unknown.size:
        row = int(unknown[0])
        raise ValueError(f"y holds {labels[row].item()!r} in row {row}, but the model knows {classes.tolist()}.")
    return read_only(codes)
