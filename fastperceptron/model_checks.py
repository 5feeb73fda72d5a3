"""What a `Perceptron` may be made of: whatever passes here can be saved, compared, predicted with and trained on."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.labels import as_labels
from fastperceptron.history import History


def as_float64(values: Any, name: str) -> Array:
    """Return a copy of numbers as float64; raise ValueError if they are none, or do not fit."""
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "biufO":
            raise ValueError(f"their dtype is {given.dtype}")
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
            return np.array(given, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be real numbers within float64: {error}.") from error


def as_classes(classes: Any) -> Array:
    """Return a copy of labels in this machine's byte order; raise ValueError if one is missing or there twice."""
    labels = as_labels(classes, "classes")
    own = np.array(labels, np.float64 if labels.dtype.itemsize > 8 and labels.dtype.kind == "f" else labels.dtype)
    own = own.astype(own.dtype.newbyteorder("="))
    _check_differ(own.tolist(), "classes")
    return own


def as_names(names: Any) -> tuple[str, ...]:
    """Return the features' names; raise ValueError if one is not text or is there twice."""
    if isinstance(names, str):
        raise ValueError(f"feature_names must be a sequence of names, but is the text {names!r}.")
    known = tuple(names)
    for name in known:
        if not isinstance(name, str):
            raise ValueError(f"feature_names must be text, but {name!r} is a {type(name).__name__}.")
    _check_differ(known, "feature_names")
    return tuple(map(str, known))


def _check_differ(values: Iterable[Any], name: str) -> None:
    known = set[Any]()
    for value in values:
        if value in known:
            raise ValueError(f"{name} must differ, but {value!r} is there twice.")
        known.add(value)


def check_history(history: Any, n_features: int) -> None:
    """Raise ValueError if a history is none, or its unfinished step does not fit the features."""
    if not isinstance(history, History):
        raise ValueError(f"history must be a History, but is a {type(history).__name__}.")
    unfinished = history._unfinished_step
    if unfinished is not None and not (unfinished.shape == (2, n_features + 1) and np.isfinite(unfinished).all()):
        raise ValueError(
            f"the history's unfinished step must be finite, of shape {(2, n_features + 1)}, but has {unfinished.shape}."
        )


def check_shapes(weights: Array, bias: Array, classes: Array) -> None:
    """Raise ValueError if weights, bias and classes are not those of one neuron, or of one per class."""
    n_classes = 2 if weights.ndim == 1 else len(weights)
    if weights.ndim not in (1, 2) or weights.size == 0 or (weights.ndim == 2 and n_classes < 3):
        raise ValueError(
            "weights must have shape (n_features,), or (n_classes, n_features) for three or more classes, "
            f"but have {weights.shape}."
        )
    if classes.shape != (n_classes,):
        number = "two" if weights.ndim == 1 else n_classes
        raise ValueError(f"classes must be {number} labels, but have shape {classes.shape}.")
    expected = weights.shape[:-1]
    if bias.shape != expected:
        shape = "a single number" if weights.ndim == 1 else f"of shape {expected}"
        raise ValueError(f"bias must be {shape}, but has shape {bias.shape}.")
