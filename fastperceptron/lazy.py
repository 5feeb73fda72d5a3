"""Predictions of arrays and frames of Dask: computed when they are asked for, partition by partition."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastperceptron.checks import Array, frame_names


def dtype_of_collection(X: Any) -> np.dtype:
    """Return the dtype that the rows of an array or a frame of Dask have as an array."""
    names = frame_names(X._meta)
    kinds = [X.dtype] if names is None else [np.dtype(getattr(each, "numpy_dtype", each)) for each in X._meta.dtypes]
    dtype: np.dtype = np.result_type(*kinds)
    return dtype


def n_features_of_collection(X: Any) -> int:
    """Return the number of columns; raise ValueError if X is not rows and columns."""
    if X.ndim != 2:
        raise ValueError(f"Expected 2D array, got {X.ndim}D array instead: X must have rows and columns.")
    names = frame_names(X._meta)
    return int(X.shape[1]) if names is None else len(names)


def with_whole_rows(X: Any) -> Any:
    """Return a collection none of whose rows is cut."""
    return X.rechunk({1: -1}) if hasattr(X, "rechunk") and X.ndim == 2 and X.numblocks[1] > 1 else X


def predicted(of_rows: Callable[[Any], Array], X: Any, model: Any) -> Any:
    """Return what a function gives of the rows of a collection, for a model, not computed yet.

    Of an array, an array of the same chunks; of a frame, a series or, of several columns, a frame of the same index.
    """
    n_features = n_features_of_collection(X)
    if n_features != model.n_features:
        raise ValueError(f"X has {n_features} features, but the model was trained on {model.n_features}.")
    like, X = of_rows(np.zeros((1, n_features), dtype_of_collection(X)))[:0], with_whole_rows(X)
    if frame_names(X._meta) is not None:
        meta = _as_frame(like, X._meta.iloc[:0].index, model)
        return X.map_partitions(_of_partition, of_rows, model, like, meta=meta)
    shape = {"drop_axis": 1} if like.ndim == 1 else {"chunks": (X.chunks[0], (like.shape[1],))}
    return X.map_blocks(_of_block, of_rows, like, dtype=like.dtype, meta=like, **shape)


def _of_block(block: Any, of_rows: Callable[[Any], Array], empty: Array) -> Array:
    return of_rows(block) if block.shape[0] else empty


def _of_partition(frame: Any, of_rows: Callable[[Any], Array], model: Any, empty: Array) -> Any:
    return _as_frame(_of_block(frame, of_rows, empty), frame.index, model)


def _as_frame(values: Array, index: Any, model: Any) -> Any:
    """Return values of a partition as a pandas Series, or a DataFrame with a column per class."""
    import pandas as pd

    if values.ndim == 1:
        return pd.Series(values.astype(object) if values.dtype.kind == "U" else values, index, name=model.target_name)
    return pd.DataFrame(values, index, model.classes.tolist())
