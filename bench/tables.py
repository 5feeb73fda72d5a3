"""Made dense tables for the benchmarks of fitting: float32 rows, labels of a logistic model, a seed each."""

import numpy as np
from scipy.special import expit


def labels_of(z: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return labels, uint8, drawn by the logistic model of logits (n_rows,), or the softmax model of a column each."""
    if z.ndim == 1:
        return (rng.random(len(z)) < expit(z)).astype(np.uint8)
    return np.argmax(z + rng.gumbel(size=z.shape), axis=1).astype(np.uint8)


def _rows(n_rows: int, n_features: int, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((n_rows, n_features), dtype=np.float32)


def _weights(n_features: int, rng: np.random.Generator) -> np.ndarray:
    return (2 * rng.standard_normal(n_features) / np.sqrt(n_features)).astype(np.float32)


def independent(n_rows: int, n_features: int, shift: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Return standard normal columns."""
    rng = np.random.default_rng(1)
    X = _rows(n_rows, n_features, rng)
    return X, labels_of(X @ _weights(n_features, rng) + shift, rng)


def scaled(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of deviations 10^-3 to 10^3, each off zero by up to a few of its deviations."""
    X, y = independent(n_rows, n_features)
    scales = np.logspace(-3, 3, n_features)
    return (X * scales + 3 * scales * np.linspace(-1, 1, n_features)).astype(np.float32), y


def rare_class(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of which 1% are of the second class."""
    return independent(n_rows, n_features, shift=-6.2)


def heavy_tailed(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Student's t columns of 2.5 degrees of freedom: some values are hundreds of deviations off."""
    rng = np.random.default_rng(1)
    X = rng.standard_t(2.5, size=(n_rows, n_features)).astype(np.float32)
    return X, labels_of(X @ _weights(n_features, rng) / 2, rng)


def correlated(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mixed columns, so that the Hessian's condition number is about 1e5."""
    rng = np.random.default_rng(1)
    Z = _rows(n_rows, n_features, rng)
    basis, _ = np.linalg.qr(rng.standard_normal((n_features, n_features)))
    mixing = (basis * np.logspace(0, -2.5, n_features)) @ basis.T
    return Z @ mixing.astype(np.float32), labels_of(Z @ _weights(n_features, rng), rng)


def rare_columns(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return normal columns and 12 that are 0 but in 10^-0.5 to 10^-5.5 of the rows, where they are 1."""
    rng = np.random.default_rng(1)
    X = _rows(n_rows, n_features, rng)
    X[:, -12:] = rng.random((n_rows, 12), dtype=np.float32) < np.logspace(-0.5, -5.5, 12, dtype=np.float32)
    return X, labels_of(X @ (2 * _weights(n_features, rng)), rng)


def one_hot(n_rows: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of 0 and 1: five categories of a fifth of the columns each, whose levels are rare as words are."""
    rng = np.random.default_rng(1)
    X, n_levels = np.zeros((n_rows, n_features), np.float32), n_features // 5
    share = 1 / np.arange(1, n_levels + 1)
    for category in range(5):
        levels = rng.choice(n_levels, n_rows, p=share / share.sum())
        X[np.arange(n_rows), category * n_levels + levels] = 1
    return X, labels_of(X @ rng.standard_normal(n_features, dtype=np.float32), rng)


def digits(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows like 28 x 28 pictures of ten digits: smooth strokes in the middle, black margins, values 0 to 255."""
    rng = np.random.default_rng(1)
    place = np.arange(28)
    blur = np.exp(-((place[:, None] - place) ** 2) / 8)
    frame = np.exp(-((place - 13.5) ** 2) / 40)
    templates = blur @ (rng.random((10, 28, 28)) < 0.12) @ blur * np.outer(frame, frame)
    y = rng.integers(10, size=n_rows)
    X = np.empty((n_rows, 784), np.uint8)
    for start in range(0, n_rows, 4096):
        part = slice(start, start + 4096)
        noise = blur @ (rng.random((len(y[part]), 28, 28)) < 0.05) @ blur * np.outer(frame, frame)
        picture = 27 * templates[y[part]] + 90 * noise
        X[part] = np.clip(picture - 20, 0, 255).reshape(-1, 784)
    return X, y
