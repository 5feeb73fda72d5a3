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
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastperceptron

Array = NDArray[Any]
Setting = Mapping[str, Any]
OURS = "fastperceptron"


@dataclass(frozen=True)
class Fitted:
    """The weights and the bias of raw columns, float64."""

    weights: Array
    bias: float


@dataclass(frozen=True)
class Competitor:
    """One way to fit a sigmoid classifier.

    Attributes
    ----------
    name : str
    package : str
        The distribution it needs; where that is not installed, it is left out, and the results say so.
    fit : callable
        Takes X, y (0 and 1), C and a setting, returns Fitted. It is timed as a whole. C is the table's: the objective
        is sum(log loss) + |weights of standardised columns|^2 / (2 C). Who has no such penalty leaves it out.
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
        Elements of X beyond which it is not asked to fit.
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

    def version(self) -> str | None:
        """Return the installed version of its package, or None."""
        if self.package == OURS:
            return fastperceptron.__version__  # in a clone it need not be installed
        try:
            return importlib.metadata.version(self.package)
        except importlib.metadata.PackageNotFoundError:
            return None


def of_standardised(weights: Array, bias: float, means: Array, deviations: Array) -> Fitted:
    """Return a fit of standardised columns as one of raw columns."""
    raw = np.ravel(weights).astype(np.float64) / deviations
    return Fitted(raw, float(bias) - float(raw @ means))


def of_pipeline(pipeline: Any) -> Fitted:
    """Return the fit of StandardScaler before a linear model of scikit-learn's kind."""
    scaler, model = pipeline[0], pipeline[-1]
    return of_standardised(model.coef_, float(np.ravel(model.intercept_)[0]), scaler.mean_, scaler.scale_)


def fit_pipeline(model: Any, X: Array, y: Array) -> Fitted:
    """Fit StandardScaler before a model, as scikit-learn's user guide asks for; that it did not converge is known."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return of_pipeline(make_pipeline(StandardScaler(), model).fit(X, y))


def all_competitors() -> dict[str, Competitor]:
    """Return the competitors of all files here by name, ours first."""
    found: list[Competitor] = []
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        found.extend(importlib.import_module(f"{__name__}.{module}").COMPETITORS)
    return {each.name: each for each in sorted(found, key=lambda each: each.package != OURS)}
