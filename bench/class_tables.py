"""Made tables of three classes and more: float32 rows, labels drawn from a softmax model over them, a seed each."""

from typing import Any

import numpy as np

from bench import sparse_tables, tables


def _drawn(X: Any, n_classes: int) -> tuple[Any, np.ndarray]:
    rng = np.random.default_rng(2)
    return X, tables.labels_of(sparse_tables.scores(X, rng, n_classes), rng)


def independent(n_rows: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal columns."""
    return _drawn(tables.independent(n_rows, n_features)[0], n_classes)


def correlated(n_rows: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns whose covariance has the condition number 1e5."""
    return _drawn(tables.correlated(n_rows, n_features)[0], n_classes)


def text_like(n_rows: int, n_features: int, n_classes: int) -> tuple[Any, np.ndarray]:
    """Return sparse rows like documents."""
    return _drawn(sparse_tables.documents(n_rows, n_features, np.random.default_rng(1)), n_classes)


def pictures(n_rows: int, n_features: int, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows like pictures of ten digits, whose labels are the digits."""
    X, y = tables.digits(n_rows)
    if (X.shape[1], int(y.max()) + 1) != (n_features, n_classes):
        raise ValueError(f"pictures have {X.shape[1]} columns and {int(y.max()) + 1} classes")
    return X.astype(np.float32), y.astype(np.uint8)
