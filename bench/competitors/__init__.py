"""What every competitor is to the suite: a name, a fit from raw rows to raw weights, and settings, cheapest first.

A competitor is one file here that defines COMPETITORS; to add one is to add a file. What an adapter does to the rows
before its library sees them (scaling, another dtype, another format) is part of its fit, and so of its time.
"""

import importlib
import importlib.metadata
import pkgutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

import fastperceptron

Array = NDArray[Any]
Rows = Any  # an ndarray or a scipy.sparse CSR matrix, float32 or float64
Setting = Mapping[str, Any]
OURS = "fastperceptron"


@dataclass(frozen=True)
class Fitted:
    """The weights and the bias of raw columns, float64; of three classes and more, those of the softmax model.

    Attributes
    ----------
    weights : ndarray of shape (n_features,) or (n_classes, n_features)
    bias : float, or ndarray of shape (n_classes,)
    """

    weights: Array
    bias: float | Array

    @classmethod
    def of(cls, weights: Any, bias: Any) -> "Fitted":
        """Return what a linear model of scikit-learn's kind has: weights of shape (1, n_features) for two classes."""
        rows, biases = np.atleast_2d(np.asarray(weights, np.float64)), np.ravel(np.asarray(bias, np.float64))
        return cls(rows, biases) if len(rows) > 1 else cls(rows[0], float(biases[0]))

    def logits(self, X: Rows) -> Array:
        """Return float64 logits of rows, of shape (n_rows,) or (n_rows, n_classes)."""
        return np.asarray(X.astype(np.float64) @ self.weights.T + self.bias)


class TableKind(NamedTuple):
    """What decides whether a competitor is asked to fit a table.

    Attributes
    ----------
    n_values : int
        Elements of X; the stored ones where it is sparse.
    n_features, n_classes : int
    is_sparse : bool
    """

    n_values: int
    n_features: int
    n_classes: int
    is_sparse: bool

    @classmethod
    def of(cls, X: Rows, y: Array) -> "TableKind":
        """Return the kind of a table whose classes are 0, 1, and so on."""
        is_sparse = sparse.issparse(X)
        return cls(X.nnz if is_sparse else X.size, X.shape[1], int(y.max()) + 1, is_sparse)


@dataclass(frozen=True)
class Competitor:
    """One way to fit a sigmoid classifier, and a softmax classifier where it takes three classes and more.

    Attributes
    ----------
    name : str
    package : str
        The distribution it needs; where that is not installed, it is left out, and the results say so.
    fit : callable
        Takes X, y (0, 1, and so on), C and a setting, returns Fitted. It is timed as a whole. C is the table's: the
        objective is sum(log loss) + |weights of standardised columns|^2 / (2 C). Who has no such penalty leaves it out.
    settings : tuple of mappings
        What it may choose from, cheapest first; the fastest that reaches the target counts.
    source : str
        The documentation that recommends this use.
    tuned : str
        What was chosen for it, and why.
    is_scaled : bool
        Whether its documentation asks for columns of one scale, so that its fit has to see to that.
    checks_values : bool
        Whether its fit refuses NaN, as ours must.
    most_values : int
        Elements of X beyond which it is not asked to fit; stored ones where X is sparse.
    most_weights : int
        Columns times classes beyond which it is not asked to fit: the square of them is what it keeps in memory.
    takes_sparse : bool
        Whether it fits scipy.sparse CSR rows without making them dense. All fit dense rows of two classes.
    takes_classes : bool
        Whether it fits the softmax model of three classes and more. One-vs-rest is another model, and does not count.
    has_probabilities : bool
        Whether its weights are those of a model of probabilities.
    """

    name: str
    package: str
    fit: Callable[..., Fitted]
    settings: tuple[Setting, ...]
    source: str
    tuned: str
    is_scaled: bool = True
    checks_values: bool = True
    most_values: int = field(default=1 << 62)
    most_weights: int = field(default=1 << 62)
    takes_sparse: bool = False
    takes_classes: bool = False
    has_probabilities: bool = True

    def refusal(self, table: TableKind) -> str:
        """Return why it is not asked to fit a table, or an empty string where it is."""
        reasons = {
            f"more than {self.most_values:,} values": table.n_values > self.most_values,
            f"more than {self.most_weights:,} weights": _n_weights(table) > self.most_weights,
            "it does not take sparse rows": table.is_sparse and not self.takes_sparse,
            "it has no softmax model of three classes and more": table.n_classes > 2 and not self.takes_classes,
        }
        given = [reason for reason, holds in reasons.items() if holds]
        return f"not asked: {'; '.join(given)}" if given else ""

    def version(self) -> str | None:
        """Return the installed version of its package, or None."""
        if self.package == OURS:
            return fastperceptron.__version__  # in a clone it need not be installed
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def _n_weights(table: TableKind) -> int:
    return table.n_features * (table.n_classes if table.n_classes > 2 else 1)


def of_standardised(weights: Any, bias: Any, means: Array, deviations: Array) -> Fitted:
    """Return a fit of standardised columns as one of raw columns."""
    raw = np.atleast_2d(np.asarray(weights, np.float64)) / deviations
    return Fitted.of(raw, np.ravel(bias) - raw @ means)


def coefficients(model: Any) -> tuple[Any, Any]:
    """Return the weights and the bias of a linear model of scikit-learn's kind."""
    return model.coef_, model.intercept_


def fit_pipeline(
    model: Any, X: Rows, y: Array, read: Callable[[Any], tuple[Any, Any]] = coefficients, layout: str | None = None
) -> Fitted:
    """Fit StandardScaler before a model, as scikit-learn's user guide asks for; that it did not converge is known.

    Sparse columns are divided by their deviations about the mean and not centred: the bias absorbs that, the objective
    is the same. `layout` is the sparse format that the model is fastest on ("csc"), where that is not the rows' own.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.preprocessing import StandardScaler

    is_sparse = sparse.issparse(X)
    scaler = StandardScaler(with_mean=not is_sparse)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        scaled = scaler.fit_transform(X)
        model.fit(scaled.asformat(layout) if is_sparse else scaled, y)
    means = np.zeros(X.shape[1]) if is_sparse else scaler.mean_
    return of_standardised(*read(model), means, scaler.scale_)


def all_competitors() -> dict[str, Competitor]:
    """Return the competitors of all files here by name, ours first."""
    found: list[Competitor] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found.extend(importlib.import_module(f"{__name__}.{module}").COMPETITORS)
    return {each.name: each for each in sorted(found, key=lambda each: each.package != OURS)}
