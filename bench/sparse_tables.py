"""Made sparse tables: float32 CSR rows, labels drawn from a logistic model over them, a seed each."""

from itertools import pairwise

import numpy as np
from scipy import sparse

from bench.tables import labels_of

# Of the logits that labels are drawn from.
DEVIATION, SHIFT = 2.0, 0.3


def _csr(columns: np.ndarray, values: np.ndarray, n_features: int) -> sparse.csr_matrix:
    """Return rows of so many values each, of which those of the same column are added."""
    n_rows, per_row = columns.shape
    ends = np.arange(0, n_rows * per_row + 1, per_row, dtype=np.int32)
    parts = values.astype(np.float32).ravel(), columns.astype(np.int32).ravel(), ends
    X = sparse.csr_matrix(parts, shape=(n_rows, n_features))
    X.sum_duplicates()
    return X


def _zipf(n_levels: int, offset: float = 0.0) -> np.ndarray:
    share = 1 / (np.arange(1, n_levels + 1) + offset)
    return np.asarray(share / share.sum())


def scores(X: sparse.csr_matrix, rng: np.random.Generator, n_classes: int = 1) -> np.ndarray:
    """Return logits of random weights, of one deviation whatever the rows are: (n_rows,) or (n_rows, n_classes)."""
    z = X @ rng.standard_normal((X.shape[1], n_classes), dtype=np.float32)
    z = DEVIATION * (z - z.mean(axis=0)) / z.std(axis=0)
    return np.asarray(z[:, 0] + SHIFT if n_classes == 1 else z)


def documents(n_rows: int, n_features: int, rng: np.random.Generator) -> sparse.csr_matrix:
    """Return rows like TfidfVectorizer's: some 42 words of 44 differ, frequent ones weigh little, rows have norm 1."""
    words = rng.permutation(n_features)[rng.choice(n_features, (n_rows, 44), p=_zipf(n_features, offset=10))]
    X = _csr(words, np.ones(words.shape), n_features)
    in_documents = np.bincount(X.indices, minlength=n_features)
    X.data = (1 + np.log(X.data)) * (1 + np.log((1 + n_rows) / (1 + in_documents)))[X.indices].astype(np.float32)
    norms = np.sqrt(X.multiply(X).sum(axis=1)).A1
    X.data /= np.repeat(norms, np.diff(X.indptr)).astype(np.float32)
    return X


def text_like(n_rows: int, n_features: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return documents of two classes."""
    rng = np.random.default_rng(1)
    X = documents(n_rows, n_features, rng)
    return X, labels_of(scores(X, rng), rng)


def one_hot(n_rows: int, n_features: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return ten categories coded by 0 and 1 (of some 1000 columns and more): the widest has half of the columns."""
    rng = np.random.default_rng(1)
    edges = np.unique(np.round(n_features * 0.5 ** np.arange(11)).astype(int))
    edges[0] = 0
    categories = [first + rng.choice(end - first, n_rows, p=_zipf(end - first)) for first, end in pairwise(edges)]
    X = _csr(np.column_stack(categories), np.ones((n_rows, len(categories))), n_features)
    return X, labels_of(scores(X, rng), rng)


def uniform(n_rows: int, n_features: int, per_row: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Return normal values at random columns; two that meet are added."""
    rng = np.random.default_rng(1)
    columns = rng.integers(n_features, size=(n_rows, per_row))
    X = _csr(columns, rng.standard_normal(columns.shape, dtype=np.float32), n_features)
    return X, labels_of(scores(X, rng), rng)
