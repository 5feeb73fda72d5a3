"""Synthetic data of any size: `synthetic`, with known true weights, and `two_flowers`, like the tutorial's flowers."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from fastperceptron.checks import Array, positive, whole_number
from fastperceptron.data.arrays import aligned_zeros, read_only
from fastperceptron.data.dataset import Block, Dataset, Table
from fastperceptron.data.generated import COMMON, VALUES, GeneratedCodes, GeneratedRows
from fastperceptron.kernels import dot_products, synthetic as kernels
from fastperceptron.kernels.labels import MAX_CLASSES
from fastperceptron.kernels.rows import padded_size

SIGNAL = 2.0  # the standard deviation of the true w . x of two classes where noise is 1
# Of the tutorial's 20 setosa and 26 versicolor: mean length and width in cm, and the covariance's Cholesky factor
# (entries 00, 10 and 11).
FLOWERS = {
    "setosa": (5.035, 3.48, 0.42708, 0.35665, 0.19672),
    "versicolor": (6.03462, 2.78462, 0.54914, 0.20059, 0.28481),
}
MAX_SPREAD = 60  # orders of magnitude between the columns' deviations that float32 can hold
ROWS_PER_BLOCK = 1 << 14  # rows per block that `blocks` yields


class SyntheticDataset(Dataset):
    """A data set that is made as it is read, by any number of threads, and not stored.

    Attributes
    ----------
    true_weights : ndarray of shape (n_features,) or (n_classes, n_features), or None
        For the raw columns. The probability of the second of two classes is sigmoid(true_weights . x + true_bias); more
        than two have the softmax. Without noise only the direction of the weights has a meaning.
    true_bias : float or ndarray of shape (n_classes,), or None
    """

    classes: Array
    engine: Any = None  # the client of a cluster whose workers make the rows for a fit

    def __init__(
        self, rows: GeneratedRows, classes: Array, names: tuple[str, ...] | None, truth: tuple[Any, Any] = (None, None)
    ) -> None:
        self._rows, self.feature_names, self.classes = rows, names, classes
        self.n_rows, self.n_features = rows.n_rows, rows.n_features
        self.true_weights, self.true_bias = truth

    @property
    def rows(self) -> GeneratedRows:
        """The rows, which are made as they are read."""
        return self._rows

    def blocks(self) -> Iterator[Block]:
        """Yield all rows once, in order."""
        for start in range(0, self._rows.n_rows, ROWS_PER_BLOCK):
            X, codes = self._rows.labelled(None, start, min(start + ROWS_PER_BLOCK, self._rows.n_rows))
            yield Block(X, self.classes[codes], None)

    def open_table(self, rows_read: Any = int) -> AbstractContextManager[Table]:  # noqa: ARG002  # nothing is decoded
        """Give the rows as a `Table`."""
        return nullcontext(Table(self._rows, self.classes, GeneratedCodes(self._rows)))


class _LogisticRows(GeneratedRows):
    """Normal columns with labels of the logistic model, or of the multinomial one for more than two classes."""

    def __init__(
        self, size: tuple[int, int, int], seed: int, columns: tuple[float, Array], model: Array, *, is_certain: bool
    ) -> None:
        super().__init__(*size, seed)
        self._correlation, self._scales = columns
        self._is_plain = self._correlation == 0 and bool((self._scales == 1).all())
        self._model, self._is_certain = model, is_certain

    @property
    def identity(self) -> str:
        """All that the rows are a function of."""
        model = [self._correlation, self._scales.tolist(), self._model.tolist(), self._is_certain]
        return f"{super().identity} {model}"

    def make(self, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers."""
        X = self.normals(places, VALUES, self.n_features)
        if not self._is_plain:
            common = np.zeros(len(X), np.float32)
            if self._correlation:
                shared = np.float32(math.sqrt(self._correlation))
                common = self.normals(places, COMMON, 1).reshape(-1) * shared
            own = np.float32(math.sqrt(1.0 - self._correlation))
            kernels.mix_columns(X, common, own, self._scales, X)
        return X, self._codes(read_only(X), places)

    def _codes(self, X: Array, places: range | Array) -> Array:
        codes, z = np.empty(len(X), np.uint8), np.empty((len(X), *self._model.shape[:-1]))
        if is_binary := z.ndim == 1:
            dot_products.decision_values(X, self._model, z)
        else:
            dot_products.class_decision_values(X, 0, self._model, z)
        if self._is_certain:
            codes[:] = z > 0 if is_binary else z.argmax(axis=1)
        else:
            draw: Any = kernels.draw_codes if is_binary else kernels.draw_class_codes
            draw(z, self.words(places), codes)
        return codes


class _FlowerRows(GeneratedRows):
    """Length and width, in cm, of flowers of two kinds, each normally distributed."""

    def make(self, places: range | Array) -> tuple[Array, Array]:
        """Return the rows with these numbers and their class numbers."""
        elements = self.normals(places, VALUES, 2)
        X, codes = np.empty_like(elements), np.empty(len(elements), np.uint8)
        kernels.flower_rows(elements, self.words(places), np.array([*FLOWERS.values()], np.float32), X, codes)
        return X, codes


def synthetic(
    n_rows: int,
    n_features: int,
    *,
    informative: int | None = None,
    correlation: float = 0.0,
    scale_spread: float = 0.0,
    noise: float = 1.0,
    class_balance: float = 0.5,
    n_classes: int = 2,
    rng: Any = None,
    engine: Any = None,
) -> SyntheticDataset:
    """Return a data set of normal columns whose labels follow a logistic model with known weights.

    Each row is a function of the seed and its number: a billion rows take no memory, and a row is the same whichever
    rows it is read with. Values are float32.

    Parameters
    ----------
    n_rows, n_features : int
    informative : int, optional
        The number of features, from the first, with a weight other than 0; all by default.
    correlation : float
        The correlation of each pair of columns: from 0 to below 1.
    scale_spread : float
        Orders of magnitude between the standard deviations of the first and the last column, around 1; at most 60.
    noise : float
        The label is 1 where w . x + b + noise * e > 0, with e standard logistic; of more than two classes, it is the k
        with the largest w_k . x + noise * e_k, with e_k standard Gumbel. w . x has a standard deviation of 2. Without
        noise the classes are linearly separable.
    class_balance : float
        The share of the second of two classes. More than two classes are about equally frequent.
    n_classes : int
        Labels are 0 to n_classes - 1.
    rng : None, int, numpy.random.Generator or another seed of numpy.random.default_rng
    engine : distributed.Client, optional
        The cluster whose workers make the rows for a fit.

    Returns
    -------
    SyntheticDataset

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of the wrong type.

    References
    ----------
    Salmon, Moraes, Dror and Shaw (2011), Parallel random numbers: as easy as 1, 2, 3 (the generator, Philox-4x32-10).

    Examples
    --------
    >>> data = synthetic(1_000_000_000, 3, rng=0)
    >>> X, y = next(data.blocks())[:2]
    >>> X.shape, X.dtype, np.unique(y)
    ((16384, 3), dtype('float32'), array([0, 1]))
    >>> data.true_weights.round(2)
    array([ 0.38, -0.4 ,  1.92])
    """
    n_rows, n_features = whole_number(n_rows, "n_rows", 2), whole_number(n_features, "n_features")
    informative = n_features if informative is None else whole_number(informative, "informative")
    if informative > n_features:
        raise ValueError(f"informative must be at most n_features = {n_features}, but is {informative}.")
    n_classes = whole_number(n_classes, "n_classes", 2)
    if n_classes > MAX_CLASSES:
        raise ValueError(f"n_classes must be at most {MAX_CLASSES}, but is {n_classes}.")
    correlation, noise = _in_range(correlation, "correlation"), 0.0 if noise == 0 else positive(noise, "noise")
    balance = _in_range(class_balance, "class_balance", is_zero_allowed=False)
    if n_classes > 2 and balance != 0.5:
        raise ValueError("class_balance is for two classes: more are about equally frequent.")
    spread = 0.0 if scale_spread == 0 else positive(scale_spread, "scale_spread")
    if spread > MAX_SPREAD:
        raise ValueError(f"scale_spread must be at most {MAX_SPREAD}, but is {spread:g}: float32 holds no more.")
    generator = np.random.default_rng(rng)
    weights = generator.standard_normal((1 if n_classes == 2 else n_classes, n_features))
    weights[:, informative:] = 0.0
    variances = [(1 - correlation) * math.fsum(row**2) + correlation * math.fsum(row) ** 2 for row in weights]
    weights *= SIGNAL / np.sqrt(variances)[:, None]
    exponents = np.linspace(-spread / 2, spread / 2, n_features) if n_features > 1 else np.zeros(1)
    scales = np.array([10.0**exponent for exponent in exponents.tolist()], np.float32)
    weights /= (noise or 1.0) * scales.astype(np.float64)
    bias = np.zeros(len(weights))
    if n_classes == 2:
        bias[0] = _bias_for(balance, SIGNAL / (noise or 1.0), is_certain=noise == 0)
        weights, bias = weights[0], bias[0]
    model = aligned_zeros((*weights.shape[:-1], padded_size(n_features)), np.float64)
    model[..., :n_features], model[..., n_features] = weights, bias
    seed = int(generator.integers(1 << 64, dtype=np.uint64))
    rows = _LogisticRows(
        (n_rows, n_features, n_classes), seed, (correlation, scales), read_only(model), is_certain=noise == 0
    )
    data = SyntheticDataset(rows, np.arange(n_classes), None, (weights, bias if n_classes > 2 else float(bias)))
    data.engine = engine
    return data


def two_flowers(n_rows: int, rng: Any = None) -> SyntheticDataset:
    """Return a data set like the tutorial's: sepal length and width, in cm, of setosa and versicolor irises.

    Each kind is normally distributed with the means, standard deviations and correlation of the tutorial's flowers, and
    has half the rows.

    Parameters
    ----------
    n_rows : int
    rng : None, int, numpy.random.Generator or another seed of numpy.random.default_rng

    Returns
    -------
    SyntheticDataset
        Its true weights are None: the two distributions differ in more than their means.

    Examples
    --------
    >>> data = two_flowers(1000, rng=0)
    >>> data.feature_names, data.classes
    (('sepal length', 'sepal width'), array(['setosa', 'versicolor'], dtype='<U10'))
    """
    n_rows = whole_number(n_rows, "n_rows", 2)
    seed = int(np.random.default_rng(rng).integers(1 << 64, dtype=np.uint64))
    return SyntheticDataset(_FlowerRows(n_rows, 2, 2, seed), np.array([*FLOWERS]), ("sepal length", "sepal width"))


def _in_range(value: Any, name: str, *, is_zero_allowed: bool = True) -> float:
    number = 0.0 if is_zero_allowed and value == 0 else positive(value, name)
    if number >= 1:
        raise ValueError(f"{name} must be below 1, but is {number}.")
    return number


def _bias_for(share: float, deviation: float, *, is_certain: bool) -> float:
    """Return the b for which the mean of sigmoid(deviation * g + b), or of deviation * g + b > 0, is `share`."""
    if share == 0.5:
        return 0.0
    nodes, factors = np.polynomial.hermite_e.hermegauss(80)
    low, high = -60.0 - 8 * deviation, 60.0 + 8 * deviation
    for _ in range(80):
        middle = (low + high) / 2
        if is_certain:
            mean = math.erfc(-middle / (deviation * math.sqrt(2))) / 2
        else:
            mean = float(factors @ (0.5 + 0.5 * np.tanh((deviation * nodes + middle) / 2)) / factors.sum())
        low, high = (middle, high) if mean < share else (low, middle)
    return middle
