"""Checks of users' input, shared by the model and data/: each error names the value, its place and what to do."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LARGEST = float(np.finfo(np.float64).max)


def as_matrix(X: Any, n_features: int | None = None, name: str = "X") -> Array:
    """Return X as a numeric 2-d array, without a copy if NumPy can; 1-d input is one feature. `name` is for errors.

    It raises ValueError if X is empty, has more than two dimensions or a number of columns other than `n_features`;
    TypeError if X holds something other than real numbers or booleans.
    """
    check_is_array_like(X, name)
    matrix = as_numbers(X, name)
    if matrix.ndim == 1:
        matrix = matrix.reshape(-1, 1)
    if matrix.ndim != 2:
        raise ValueError(f"{name} must have one or two dimensions (rows, features), but has {matrix.ndim}.")
    if matrix.size == 0:
        raise ValueError(f"{name} is empty: its shape is {matrix.shape}. At least one row and one feature are needed.")
    if n_features is not None and matrix.shape[1] != n_features:
        raise ValueError(f"{name} has {matrix.shape[1]} features, but the model was trained on {n_features}.")
    return matrix


def as_array(values: Any, name: str, dtype: Any = None) -> Array:
    """Return what a user passed as a plain array, without a copy if NumPy can; `name` is for errors.

    It raises TypeError if the values are sparse, or something other than an array, a frame or a list of values;
    ValueError if lists differ in length, or an element is masked.
    """
    if type(values) is np.ndarray and values.ndim > 0 and dtype is None:
        return values
    if hasattr(values, "toarray") and hasattr(values, "nnz"):
        raise TypeError(
            f"{name} is a sparse matrix, which is not supported: pass its toarray() if that fits in memory."
        )
    check_no_mask(values, name)
    try:
        array = np.asarray(as_numpy(values, name), dtype)
    except ValueError as error:
        raise ValueError(f"{name} is not a rectangular array: {error}") from error
    except (RuntimeError, TypeError) as error:  # such as a tensor that requires a gradient
        raise TypeError(f"{name} is a {type(values).__name__} that NumPy cannot read: {error}") from error
    if array.ndim == 0 and array.dtype == object and array.item() is not None:
        raise TypeError(f"{name} must be an array, but is a {type(values).__name__}.")
    return array


# What NumPy reads an array from, or an error of its own refuses (`toarray`).
_ARRAY_PROTOCOLS = ("__array__", "__array_interface__", "__array_namespace__", "__dlpack__", "__dataframe__", "toarray")


def is_collection(value: Any) -> bool:
    """Return whether a value is an array or a frame of Dask, which need not be imported for that."""
    return type(value).__module__.startswith("dask.") and hasattr(value, "to_delayed") and hasattr(value, "ndim")


def check_is_array_like(X: Any, name: str) -> None:
    """Raise TypeError if X is a path, or another thing that NumPy would read as one single object."""
    if is_collection(X):
        raise TypeError(
            f"{name} is a collection of Dask, which would have to be whole in memory here: pass what "
            "fastperceptron.dataset(...) returns of it, or X.compute() if it fits."
        )
    paths = [X] if isinstance(X, str | bytes | os.PathLike) else X
    if isinstance(paths, list | tuple) and paths and all(isinstance(each, str | bytes | os.PathLike) for each in paths):
        given = [repr(os.fsdecode(path)) for path in paths]
        shown = f"[{', '.join(given[:3])}{', ...' if len(given) > 3 else ''}]" if paths is X else given[0]
        raise TypeError(
            f"{name} is text, not rows of numbers: {shown}. "
            f"Files are read by fastperceptron.dataset({shown}, target=...): pass what it returns."
        )
    if isinstance(X, Sequence | Number | None) or any(hasattr(type(X), each) for each in _ARRAY_PROTOCOLS):
        return
    try:
        is_array_like = np.asarray(X, object).ndim > 0
    except Exception:  # other libraries raise errors of their own
        is_array_like = False
    if not is_array_like:
        raise TypeError(
            f"{name} is a {type(X).__name__}, not an array or a frame of rows. Lazy tables, streams and functions are "
            "read by fastperceptron.dataset(..., target=...): pass what it returns."
        )


def check_no_mask(values: Any, name: str) -> None:
    """Raise ValueError if an element is masked, also in a list of arrays: np.asarray reads what is below the mask."""
    if isinstance(values, list | tuple):
        kinds = set(map(type, values))
        if any(issubclass(kind, list | tuple | np.ma.MaskedArray) for kind in kinds):
            for row, value in enumerate(values):
                check_no_mask(value, f"row {row} of {name}")
    elif isinstance(values, np.ma.MaskedArray) and values.dtype.names is None and np.ma.is_masked(values):
        mask = np.ma.getmaskarray(values)
        place = ", ".join(f"{axis} {at}" for axis, at in zip(("row", "column"), np.argwhere(mask)[0], strict=False))
        raise ValueError(
            f"{name} is a masked array with {mask.sum():,} masked values, the first in {place or 'its one place'}: "
            "fill them in (such as X.filled(0.0)), or drop their rows."
        )


def as_numbers(values: Any, name: str) -> Array:
    """Return the values as an array of real numbers or booleans; raise TypeError naming the first of another type."""
    array = as_array(values, name)
    if array.dtype == object and array.ndim:
        array = _numbers_of_objects(array, name)
    if array.dtype.kind not in "fiub":
        first = f" (its first value is {array.flat[0]!r})" if array.size else ""
        raise TypeError(f"{name} must hold real numbers, but its dtype is {array.dtype}{first}.")
    # There are no kernels for types wider than float64. Other byte orders are converted block by block, later.
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def as_numpy(values: Any, name: str) -> Any:
    """Return an array of another library (PyTorch, JAX, CuPy) as a NumPy array, and anything else as it is.

    It raises TypeError if the array cannot be read from the computer's own memory, as those on a GPU.
    """
    is_foreign = hasattr(values, "__array_namespace__") or hasattr(values, "__dlpack__")
    if not is_foreign or isinstance(values, np.ndarray | np.generic):
        return values
    for convert in (np.asarray, np.from_dlpack):
        try:
            array = convert(values)
        except Exception:  # noqa: S112  # each library raises errors of its own
            continue
        if array.dtype != object:
            return array
    raise TypeError(
        f"{name} is a {type(values).__module__}.{type(values).__name__}, which NumPy cannot read: "
        "copy it to the CPU, as a NumPy array, and pass that."
    )


def _numbers_of_objects(array: Array, name: str) -> Array:
    for position, value in np.ndenumerate(array):
        is_int = isinstance(value, int | np.integer)
        # An int may be beyond float64. NaN and infinity are found where rows are read.
        if isinstance(value, bool | float | np.bool | np.floating) or (is_int and abs(int(value)) <= LARGEST):
            continue
        if not position:
            raise TypeError(f"{name} must hold real numbers, but is {value!r}.")
        row, *column = position
        place = f"row {row}, column {column[0]}" if column else f"row {row}"
        raise TypeError(
            f"{name} must hold real numbers, but {place} holds {value!r}. Encode or drop such values first."
        )
    return array.astype(np.float64)


def check_finite(block: Array, first_row: int, name: str = "X") -> None:
    """Raise ValueError naming row and column of the first NaN or infinity; `first_row` is the number of row 0."""
    if block.dtype.kind != "f":
        return
    with np.errstate(over="ignore", invalid="ignore"):
        # A sum is finite only if all its terms are, and takes a quarter of the time of checking each.
        if np.isfinite(block.sum()) or np.isfinite(block).all():
            return
    row, column = np.argwhere(~np.isfinite(block))[0]
    raise not_finite(block[row, column], first_row + row, column, name)


def not_finite(value: Any, row: int, column: int, name: str = "X") -> ValueError:
    """Return the error for NaN or infinity at a place."""
    kind = "NaN" if np.isnan(value) else str(value)
    # scikit-learn's words first, for those who look for them.
    return ValueError(
        f"Input {name} contains {'NaN' if kind == 'NaN' else 'infinity'}: "
        f"{name} holds {kind} in row {row}, column {column}. "
        "Drop or impute such rows first (for example with sklearn.impute.SimpleImputer)."
    )


def choice(value: Any, choices: Any, name: str) -> str:
    """Return the value if it is one of the choices; else raise ValueError listing them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, but is {value!r}.")
    return value


def whole_number(value: Any, name: str, minimum: int = 1) -> int:
    """Return the value as an int if it is a whole number of at least `minimum`, else raise."""
    if not is_whole(value):
        raise TypeError(f"{name} must be a whole number, but is {value!r}.")
    if value < minimum:
        raise ValueError(f"{name} must be at least {minimum}, but is {value}.")
    return int(value)


def positive(value: Any, name: str) -> float:
    """Return the value as a float if it is a finite number above 0, else raise."""
    if not is_number(value):
        raise TypeError(f"{name} must be a number, but is {value!r}.")
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a finite number above 0, but is {value}.")
    return float(value)


def frame_names(X: Any, name: str = "X") -> tuple[Any, ...] | None:
    """Return the names of a frame's columns (pandas, polars, pyarrow, ...), of any type, or None if X is not a frame.

    It raises ValueError if two columns have one name.
    """
    names = getattr(X, "columns", None)
    if isinstance(getattr(X, "column_names", None), list):
        names = X.column_names  # the columns of a pyarrow table are arrays
    if names is None or callable(names) or not hasattr(X, "shape"):
        return None
    names = tuple(names)
    if len(set(names)) < len(names):
        twice = next(column for column in names if names.count(column) > 1)
        raise ValueError(f"{name} has two columns called {twice!r}: rename or drop one.")
    return names


def name_by_text(X: Any, known: Iterable[str] | None) -> Any:
    """Return a frame whose columns are called 0, 1, ... with these names as text, if one is known; else X as it is.

    A data set names the columns of such a frame so; by position, a frame with other columns would pass silently. It
    raises ValueError if two columns have one name then.
    """
    names, known = frame_names(X), set(() if known is None else known)
    if names is None or all(isinstance(name, str) for name in names) or not hasattr(X, "set_axis"):
        return X
    texts = list(map(str, names))
    if known.isdisjoint(texts):
        return X
    named = X.set_axis(texts, axis=1)
    frame_names(named)
    return named


def column_names(X: Any) -> tuple[str, ...] | None:
    """Return the column names of a frame, or None if there are none or not all are strings."""
    names = frame_names(X)
    return names if names and all(isinstance(name, str) for name in names) else None


class Rule(NamedTuple):
    """The valid values of a parameter: a test, and their description in errors."""

    is_valid: Callable[[Any], bool]
    expected: str


def option(default: Any, rule: Rule) -> Any:
    """Return a dataclass field with a rule for its values: an option is declared and restricted in one place."""
    return field(default=default, metadata={"rule": rule})


def is_whole(value: Any) -> bool:
    """Return whether a value is an integer, and not a boolean."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return whether a value is a real number, and not a boolean."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def one_of(choices: Iterable[str]) -> Rule:
    """Return the rule for one of some strings, looked up at each check: losses may be added."""
    listed = ", ".join(map(repr, choices))
    return Rule(lambda value: isinstance(value, str) and value in choices, f"a str among {{{listed}}}")


BOOLEAN = Rule(lambda value: isinstance(value, bool | np.bool), "an instance of 'bool'")
