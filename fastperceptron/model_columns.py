"""Rows for a model whose features have names: a frame goes by its column names, anything else by position."""

import warnings
from typing import Any

import numpy as np

from fastperceptron.checks import column_names, name_by_text
from fastperceptron.model_text import shortened


def columns_by_name(X: Any, names: tuple[str, ...] | None) -> Any:
    """Return the columns of a frame, or the values of a Series, that have these names; anything else as it is.

    It raises ValueError if a name is missing, and warns if X has names but there are none to choose by.
    """
    X = name_by_text(X, names)
    given = column_names(X)
    if given is None and names is not None and len(names) > 1 and np.ndim(X) == 1:
        index = getattr(X, "index", None)  # of a Series that is one row
        given = None if callable(index) or index is None else tuple(index)
        given = given if given and all(isinstance(name, str) for name in given) else None
    if given is None or given == names:
        return X
    if names is None:
        message = "X has feature names, but the model was trained without feature names: its columns go by position."
        warnings.warn(message, stacklevel=6)  # the caller of `predict` or `train`
        return X
    for name in names:
        if name not in given:
            raise ValueError(
                f"X lacks {name!r}, a feature that the model was trained on; its columns are [{shortened(given)}]."
            )
    return X.select(list(names)) if hasattr(X, "select") else X[list(names)]
