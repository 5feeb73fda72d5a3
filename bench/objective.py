"""The objective that all competitors minimise, computed in float64 by none of them."""

import numpy as np

BLOCK_ROWS = 1 << 16


def deviations(X: np.ndarray) -> np.ndarray:
    """Return the columns' standard deviations; 1 for a constant column, as scikit-learn's StandardScaler has it."""
    blocks = [X[start : start + BLOCK_ROWS].astype(np.float64) for start in range(0, len(X), BLOCK_ROWS)]
    means = sum(block.sum(axis=0) for block in blocks) / len(X)
    variances = sum(((block - means) ** 2).sum(axis=0) for block in blocks) / len(X)
    return np.where(variances > 0, np.sqrt(variances), 1.0)


def log_loss_objective(
    X: np.ndarray, y: np.ndarray, weights: np.ndarray, bias: float, scale: np.ndarray, C: float = 1.0
) -> float:
    """Return sum(log loss) + |weights of standardised columns|^2 / (2 C)."""
    total = 0.0
    for start in range(0, len(X), BLOCK_ROWS):
        z = X[start : start + BLOCK_ROWS].astype(np.float64) @ weights + bias
        total += float((np.logaddexp(0, z) - y[start : start + BLOCK_ROWS] * z).sum())
    return total + float(((weights * scale) ** 2).sum()) / (2 * C)
