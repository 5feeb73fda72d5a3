"""Checks of what users pass to the estimator, with scikit-learn's error messages.

Values of X are not checked here, since the solver finds NaN and infinities as it reads them; nothing here copies X.
"""

import datetime
import itertools
import math
import os
from typing import Any

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.validation import column_or_1d, validate_data

from fastperceptron.checks import (
    BOOLEAN,
    Array,
    Rule,
    as_numpy,
    check_is_array_like,
    check_no_mask,
    frame_names,
    is_number,
    is_whole,
    name_by_text,
)
from fastperceptron.data.arrays import read_only
from fastperceptron.data.labels import as_labels, check_not_continuous
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.data.sparse_input import as_csr, is_sparse, is_sparse_frame, sparse_of_frame
from fastperceptron.estimator.multi_class import RULE as MULTI_CLASS, check_multi_class
from fastperceptron.training.problem import LARGEST
from fastperceptron.training.tile_tree import weights_by_class

# Rules for the parameters that no solver uses; the others are in solvers.py.
_RULES: dict[str, Rule] = {
    "class_weight": Rule(
        lambda value: value is None or isinstance(value, dict) or (isinstance(value, str) and value == "balanced"),
        "an instance of 'dict', a str among {'balanced'} or None",
    ),
    "multi_class": MULTI_CLASS,
    "warm_start": BOOLEAN,
    "n_jobs": Rule(
        lambda value: value is None or (is_whole(value) and 0 < abs(value) < 1 << 31),
        "None, or an int of 32 bits other than 0 (-1 means all cores)",
    ),
    "verbose": Rule(
        lambda value: isinstance(value, bool | np.bool) or (is_whole(value) and value >= 0),
        "an int in the range [0, inf) or an instance of 'bool'",
    ),
}


def check_parameters(estimator: Any, solver_rules: dict[str, Rule]) -> None:
    """Raise ValueError at the first wrong parameter; scikit-learn's own check is private, and takes 100 us."""
    for name, (is_valid, expected) in itertools.chain(solver_rules.items(), _RULES.items()):
        value = getattr(estimator, name)
        if not is_valid(value):
            raise ValueError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {expected}. Got {value!r} instead."
            )
    check_multi_class(estimator)
    check_random_state(estimator.random_state)


def as_rows(estimator: Any, X: Any, *, is_first: bool = False) -> Matrix:
    """Return X as a numeric 2-d array, not copied if it is one; set or check the number and names of the features.

    A sparse matrix, or a frame of sparse columns, becomes a `CsrArray`.

    It raises TypeError if X is a path or another thing that is not array-like, or holds objects that are not
    numbers; ValueError if X is empty, not 2-d, not of real numbers, or does not have the features of the fit.
    """
    if not _is_plain(X):
        check_is_array_like(X, "X")
        check_no_mask(X, "X")
        X = as_numpy(X, "X")
        if hasattr(X, "column_names") and not hasattr(X, "to_batches"):
            X = X.to_pandas()  # scikit-learn takes a record batch of pyarrow for an array without names
        if is_sparse(X):
            return _as_sparse_rows(estimator, X, is_first=is_first)
    is_plain = _is_plain(X)
    if is_plain and is_first:
        # The checks, ours and scikit-learn's, do no more to such arrays, and take 0.2 ms.
        estimator.n_features_in_ = X.shape[1]
        vars(estimator).pop("feature_names_in_", None)
        return np.asarray(X)
    if not isinstance(X, np.ndarray) and len(getattr(X, "shape", (0, 0))) == 1:
        # scikit-learn's words for arrays; it has others for a Series, and warns first that it has no names.
        raise ValueError(
            f"Expected 2D array, got 1D array instead: a {type(X).__name__} of {len(X)} values. Reshape your data "
            "either using array.reshape(-1, 1) if your data has a single feature or array.reshape(1, -1) if it "
            "contains a single sample; of a frame, take X[['name']] or X.iloc[[0]]."
        )
    check_columns_are_numbers(X)
    known = [] if is_first else list(getattr(estimator, "feature_names_in_", []))
    named = name_by_text(X, known)
    if named is not X:
        X = named[known] if {*named.columns} == {*known} else named  # others are refused below
    if is_sparse_frame(X):
        validate_data(estimator, X, reset=is_first, skip_check_array=True)
        return as_csr(sparse_of_frame(X))
    rows: Array = validate_data(estimator, X, reset=is_first, skip_check_array=is_plain, ensure_all_finite=False)
    if rows.dtype.kind not in "fiub":
        raise ValueError(f"X must hold real numbers, but its dtype is {rows.dtype}.")
    return rows


def _is_plain(X: Any) -> bool:
    """Return whether X is a 2-d array of numbers or booleans, and nothing that NumPy would have to make one of."""
    return type(X) in (np.ndarray, np.memmap) and X.ndim == 2 and X.size > 0 and X.dtype.kind in "fiub"


def _as_sparse_rows(estimator: Any, X: Any, *, is_first: bool) -> CsrArray:
    if np.dtype(X.dtype).kind == "c":
        raise ValueError(f"Complex data not supported\n{X!r}\n")
    rows = as_csr(X)
    for n_found, axis in zip(rows.shape, ("sample", "feature"), strict=True):
        if n_found == 0:
            raise ValueError(
                f"Found array with 0 {axis}(s) (shape={rows.shape}) while a minimum of 1 is required by "
                f"{type(estimator).__name__}."
            )
    validate_data(estimator, rows, reset=is_first, skip_check_array=True)
    return rows


def check_columns_are_numbers(X: Any) -> None:
    """Raise ValueError naming the columns of text, dates or categories of a frame (pandas, polars, pyarrow).

    scikit-learn would read the text "1.5" and the category 3 as numbers, and name no column of others.
    """
    names, dtypes = frame_names(X), getattr(X, "dtypes", getattr(getattr(X, "schema", None), "types", ()))
    if names is None or callable(dtypes):
        return
    kinds = [(name, _kind_other_than_number(X, name, dtype)) for name, dtype in zip(names, dtypes, strict=False)]
    wrong = [f"{name!r} ({kind})" for name, kind in kinds if kind is not None]
    if wrong:
        raise ValueError(
            f"X has columns that are not numbers: {', '.join(wrong[:12])}{', ...' if len(wrong) > 12 else ''}. "
            "Code text and categories as one column of zeros and ones per level: "
            "fastperceptron.dataset(frame, target=..., categorical=[...]). Turn dates into numbers, or leave them out."
        )


def _kind_other_than_number(X: Any, name: Any, dtype: Any) -> str | None:
    """Return the name of the type of a frame's column, or None if it is a type of numbers."""
    kind = getattr(dtype, "kind", None)  # of NumPy and pandas
    if kind == "O" and isinstance(dtype, np.dtype):
        kinds = (str, bytes, datetime.date, datetime.time, datetime.timedelta)
        return next((type(value).__name__ for value in X[name] if isinstance(value, kinds)), None)
    if kind is not None:
        return None if kind in "fiubc" else str(dtype)
    text = str(dtype).lower()  # of polars and pyarrow
    is_number = text.startswith(("int", "uint", "float", "double", "halffloat", "bool", "decimal"))
    return None if is_number else str(dtype)


def as_label_vector(estimator: Any, y: Any, n_rows: int) -> Any:
    """Return y as a 1-d array-like; raise ValueError if it is None, not 1-d or not as long as X."""
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    if isinstance(y, str | bytes | os.PathLike):
        raise TypeError(
            f"y must be labels, one per row, but is the text {os.fsdecode(y)!r}. The labels in a column of a table are "
            f"read by fastperceptron.dataset(X, target={os.fsdecode(y)!r}): pass what it returns, without y."
        )
    y = as_numpy(y, "y")
    y = y if hasattr(y, "__len__") else np.asarray(y)
    if len(getattr(y, "shape", (1,))) != 1:
        y = column_or_1d(y, warn=True)
    if len(y) != n_rows:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: [{n_rows}, {len(y)}]")
    return y


def as_row_weights(sample_weight: Any, n_rows: int, *, may_all_be_zero: bool = False) -> Array | None:
    """Return the row weights, of shape (n_rows,), float64, finite and not negative; None means that all are 1.

    It raises ValueError if there is not one weight per row, or one is negative or not finite, or all are zero.
    """
    if sample_weight is None:
        return None
    check_no_mask(sample_weight, "sample_weight")
    given = np.asarray(as_numpy(sample_weight, "sample_weight"))
    if given.dtype.kind not in "fiubO":
        raise ValueError(f"sample_weight must hold real numbers, but its dtype is {given.dtype}.")
    if given.ndim == 0:
        given = np.full(n_rows, given)
    if given.ndim != 1:
        raise ValueError(
            f"Sample weights must be 1D array or scalar, got {given.ndim}D array. "
            f"Expected either a scalar value or a 1D array of length {n_rows}."
        )
    if given.size != n_rows:
        raise ValueError(f"sample_weight.shape == {given.shape}, expected {(n_rows,)}!")
    weights = np.require(given, np.float64, ["C", "A"])
    largest = weights.max()
    if not (weights.min() >= 0 and largest < math.inf):
        raise _unfit_weight(weights)
    if not may_all_be_zero and largest == 0:
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return read_only(weights)


def _unfit_weight(weights: Array) -> ValueError:
    row = int(np.flatnonzero(~((weights >= 0) & (weights < math.inf)))[0])
    if weights[row] < 0:
        return ValueError(f"Negative values in data passed to `sample_weight`: {weights[row]} in row {row}.")
    kind = "NaN" if math.isnan(weights[row]) else "infinity"
    return ValueError(f"Input sample_weight contains {kind}, in row {row}.")


def weights_of_classes(codes: Array, counts: Array, row_weights: Array | None, class_weight: Any) -> Array:
    """Return the sums of the row weights of the classes, in some unit; or the counts, if only zeros are looked for.

    Weights are added by the tree of training/tile_tree.py, for the same bits on any machine and however rows are cut.
    """
    if row_weights is None or (class_weight != "balanced" and row_weights.min() > 0):
        return counts
    # Over a power of two, which changes no digit: the sums of large weights would overflow.
    exponent = int(np.frexp(row_weights.max())[1])
    return weights_by_class(row_weights, codes, counts.size, -exponent)


def as_class_weights(class_weight: Any, classes: Array, sums: Array) -> Array | None:
    """Return one weight per class as scikit-learn defines them: "balanced" uses the sums of the row weights.

    A class that has no rows of positive weight gets 0 from "balanced". It raises ValueError if a weight is negative or
    not finite, or the dict lacks classes while it names unknown ones.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        factors = np.zeros(classes.size)
        np.divide(math.fsum(sums), classes.size * sums, out=factors, where=sums > 0)
        return read_only(factors)
    labels = classes.tolist()
    missing = [label for label in labels if label not in class_weight]
    if missing and len(labels) - len(missing) != len(class_weight):
        raise ValueError(f"The classes, {missing}, are not in class_weight")
    for label, weight in class_weight.items():
        if not (is_number(weight) and 0 <= weight <= LARGEST):
            raise ValueError(
                f"class_weight must hold numbers from 0 to {LARGEST:g}, but that of class {label!r} is {weight!r}."
            )
    return read_only(np.array([float(class_weight.get(label, 1.0)) for label in labels]))


def classes_to_expect(estimator: Any, classes: Any) -> Array:
    """Return the classes of partial_fit: those that the estimator has, or those given in its first call, sorted."""
    known = np.asarray(estimator.classes_) if hasattr(estimator, "classes_") else None
    if isinstance(estimator.class_weight, str):
        raise ValueError(
            "class_weight 'balanced' is not supported for partial_fit, which does not know how many rows will come. "
            "Pass a dict of weights, for example from sklearn.utils.class_weight.compute_class_weight."
        )
    if classes is None:
        if known is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return known
    given = np.unique(as_labels(classes, "classes"))
    check_not_continuous(given)
    if given.size < 2:
        raise ValueError(f"classes holds one class only ({given.item(0)!r}): two or more are needed.")
    if known is not None and not np.array_equal(given, np.unique(known)):
        raise ValueError(f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {known!r}")
    return given if known is None else known
