"""The objective that all competitors minimise, computed in float64 by none of them.

Two classes have one logit z a row and the loss log(1 + exp(z)) - y z; more have one logit per class and the loss
log(sum(exp(z))) - z[y], with a penalty on all weight vectors, as scikit-learn's LogisticRegression has it.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from bench.competitors import Array, Fitted, Rows

BLOCK_ROWS = 1 << 16


def _blocks(X: Rows) -> Iterator[slice]:
    n_rows = X.shape[0]
    for start in range(0, n_rows, BLOCK_ROWS):
        yield slice(start, min(start + BLOCK_ROWS, n_rows))


def deviations(X: Rows) -> Array:
    """Return the columns' standard deviations; 1 for a constant column, as scikit-learn's StandardScaler has it.

    Of sparse rows the implicit zeros count, and nothing is made dense.
    """
    n_rows = X.shape[0]
    if sparse.issparse(X):
        values, n_features = X.data.astype(np.float64), X.shape[1]
        sums, counts = (np.bincount(X.indices, each, minlength=n_features) for each in (values, None))
        means = sums / n_rows
        squares = np.bincount(X.indices, (values - means[X.indices]) ** 2, minlength=n_features)
        variances = (squares + (n_rows - counts) * means**2) / n_rows
    else:
        means = sum(X[part].astype(np.float64).sum(axis=0) for part in _blocks(X)) / n_rows
        variances = sum(((X[part].astype(np.float64) - means) ** 2).sum(axis=0) for part in _blocks(X)) / n_rows
    return np.where(variances > 0, np.sqrt(variances), 1.0)


def log_loss_objective(X: Rows, y: Array, fitted: Fitted, scale: Array, C: float = 1.0) -> float:
    """Return sum(log loss) + |weights of standardised columns|^2 / (2 C)."""
    total = sum(_log_loss(fitted.logits(X[part]), y[part]) for part in _blocks(X))
    return total + float(((fitted.weights * scale) ** 2).sum()) / (2 * C)


def _log_loss(z: Array, y: Array) -> float:
    if z.ndim == 1:
        return float((np.logaddexp(0, z) - y * z).sum())
    return float((logsumexp(z, axis=1) - z[np.arange(len(y)), y]).sum())
