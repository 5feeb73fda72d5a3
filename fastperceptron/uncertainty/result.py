"""The result of `inference`: figures of each coefficient and of the model, tests, and comparisons of models."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array, is_whole
from fastperceptron.uncertainty.distributions import chi_squared_above, normal_quantile, two_sided
from fastperceptron.uncertainty.estimable import inverse_of
from fastperceptron.uncertainty.influence import Fitted, Influence, influence_of
from fastperceptron.uncertainty.summary import as_frame, as_html, as_text

INTERCEPT = "(Intercept)"


class ChiSquared(NamedTuple):
    """A test whose statistic is chi-squared with `df` degrees of freedom if the hypothesis holds."""

    statistic: float
    df: int
    p_value: float


@dataclass(frozen=True, eq=False, repr=False)
class Inference:
    """The result of `fastperceptron.inference`: how sure each coefficient is. `print` shows it as a table.

    Arrays have one value per coefficient, in the order of `names`: the intercept, if there is one, then the weights.
    A standard error is NaN where the data do not determine the coefficient (collinear or constant columns), and
    infinite where separated classes leave it without a finite estimate; `not_determined` and `infinite` name these.

    Attributes
    ----------
    names : tuple of str
        "(Intercept)" and the features' names, or x0, x1 and so on.
    coef : ndarray of shape (k,), float64
        The classifier's own `intercept_` and `coef_`: the change of the log odds per unit of a column.
    standard_error : ndarray of shape (k,), float64
    covariance_matrix : ndarray of shape (k, k), float64
        The covariance matrix of the coefficients.
    covariance : str
        "classical", "HC0", "HC1" or "cluster": how `covariance_matrix` was estimated.
    level : float
        The confidence level of the intervals.
    n : int or float
        The number of rows, or the sum of frequency weights.
    n_groups : int or None
        The number of clusters with covariance="cluster".
    log_likelihood, null_log_likelihood : float
        Of the model, and of one that gives all rows the same probability (1/2, if there is no intercept and no constant
        column). They are NaN for a loss without a likelihood, and so are the figures that follow from them.
    tjur_r2 : float
        The mean probability of the rows of the second class less that of the others (Tjur 2009).
    df_model, df_residual : int or float
        Coefficients that are determined, without the intercept; and n less these and the intercept.
    variance_inflation : ndarray of shape (k,), float64
        How many times collinearity with other columns raises the variance of a coefficient; NaN for the intercept. As
        ``car::vif`` in R for generalised linear models: by the information matrix, not by the columns alone.
    distance : float
        The distance from the optimum in standard errors, estimated by a Newton step: the largest of all coefficients.
    positive : bool, int, float or str, or None
        The class whose log odds the coefficients are of; None for a softmax layer.
    reference : bool, int, float or str, or None
        For a softmax layer, the first class: coefficients are those of each other class less its own, and names begin
        with the other class, as in "b: x0". It has no Tjur R2, variance inflation factors or leverages.
    C : float
        The classifier's `C`. If it is finite, the information includes the penalty, and intervals are those of a
        posterior mode, not of an unbiased estimate.
    loss, weights : str
        "log_loss" or "squared_error"; "frequency" or "probability".
    not_determined, infinite : tuple of str
        The coefficients without a finite standard error.
    """

    names: tuple[str, ...]
    coef: Array
    standard_error: Array
    covariance_matrix: Array
    covariance: str
    level: float
    n: float
    n_groups: int | None
    log_likelihood: float
    null_log_likelihood: float
    tjur_r2: float
    df_model: int
    df_residual: float
    variance_inflation: Array
    distance: float
    positive: Any
    C: float
    loss: str
    weights: str
    not_determined: tuple[str, ...]
    infinite: tuple[str, ...]
    reference: Any = field(default=None, kw_only=True)
    _fitted: Fitted | None = field(default=None, kw_only=True)

    @cached_property
    def z(self) -> Array:
        """The coefficients over their standard errors, (k,); NaN where these are not finite."""
        errors = self.standard_error
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.isfinite(errors), self.coef / errors, np.nan)

    @cached_property
    def p_value(self) -> Array:
        """The two-sided p-value of each hypothesis that a coefficient is 0, by the normal distribution of z; (k,)."""
        return two_sided(self.z)

    @cached_property
    def interval(self) -> Array:
        """The lower and upper bounds of the coefficients at `level`, (k, 2)."""
        reach = normal_quantile(self.level) * self.standard_error
        return np.column_stack([self.coef - reach, self.coef + reach])

    @cached_property
    def odds_ratio(self) -> Array:
        """By what one more unit of a column multiplies the odds: exp(coef), (k,)."""
        return _exp(self.coef)

    @cached_property
    def odds_ratio_interval(self) -> Array:
        """The bounds of the odds ratios, (k, 2)."""
        return _exp(self.interval)

    @property
    def deviance(self) -> float:
        """-2 log-likelihood."""
        return -2.0 * self.log_likelihood

    @property
    def null_deviance(self) -> float:
        """-2 log-likelihood of the model without columns."""
        return -2.0 * self.null_log_likelihood

    @property
    def mcfadden_r2(self) -> float:
        """1 - log-likelihood / null log-likelihood (McFadden 1974)."""
        return 1.0 - self.log_likelihood / self.null_log_likelihood if self.null_log_likelihood else float("nan")

    @property
    def aic(self) -> float:
        """Akaike's information criterion: deviance + 2 k, for the k coefficients that are determined."""
        return self.deviance + 2.0 * (self.n - self.df_residual)

    @property
    def bic(self) -> float:
        """Schwarz's criterion: deviance + k log(n)."""
        return self.deviance + float(np.log(self.n)) * (self.n - self.df_residual)

    @property
    def likelihood_ratio_test(self) -> ChiSquared:
        """The likelihood-ratio test of the hypothesis that all weights are 0."""
        statistic = self.null_deviance - self.deviance
        return ChiSquared(statistic, self.df_model, chi_squared_above(statistic, self.df_model))

    def compare(self, other: "Inference") -> ChiSquared:
        """Return the likelihood-ratio test of two nested models of the same rows, in either order.

        Raises
        ------
        ValueError
            If the models are of other rows, a loss without a likelihood, have as many coefficients, or columns of the
            smaller one are missing in the larger one.
        TypeError
            If `other` is not an `Inference`.

        Examples
        --------
        >>> import fastperceptron as fp
        >>> data = fp.synthetic(1000, 3, rng=0)
        >>> X, y = data.arrays()
        >>> fit = fp.PerceptronClassifier(loss="log_loss", C=float("inf"), tol=1e-6).fit
        >>> fp.inference(fit(X, y), X, y).compare(fp.inference(fit(X[:, :2], y), X[:, :2], y)).df
        1
        """
        if not isinstance(other, Inference):
            raise TypeError(f"other must be an Inference, but is a {type(other).__name__}.")
        small, large = sorted((self, other), key=lambda each: each.df_model)
        df = large.df_model - small.df_model
        if self.n != other.n or not np.isclose(self.null_log_likelihood, other.null_log_likelihood, 1e-9, 0.0):
            raise ValueError("the models can be compared only on the same rows, labels and weights, with a likelihood.")
        if missing := [name for name in small.names if name not in large.names]:
            raise ValueError(f"the models are not nested: {missing[0]!r} is in the smaller one only.")
        if df == 0:
            raise ValueError(f"the models have the same number of coefficients, {small.df_model}: none is nested.")
        statistic = small.deviance - large.deviance
        return ChiSquared(statistic, df, chi_squared_above(statistic, df))

    def wald_test(self, columns: Any) -> ChiSquared:
        """Return the Wald test that the coefficients of some columns are all 0, by `covariance_matrix`.

        Parameters
        ----------
        columns : str or int, or a sequence of these
            Names, as in `names`; or numbers of features, from 0.

        Raises
        ------
        ValueError
            If a column is not known or there twice, or there is none.
        """
        places = self._places(columns)
        part = self.covariance_matrix[np.ix_(places, places)]
        if not np.isfinite(part).all():
            return ChiSquared(float("nan"), len(places), float("nan"))
        inverse, left_out, _ = inverse_of(part, first=0)
        coef, df = self.coef[places], int((~left_out).sum())
        statistic = float((coef * (inverse * coef).sum(axis=1)).sum())
        return ChiSquared(statistic, df, chi_squared_above(statistic, df))

    def _places(self, columns: Any) -> list[int]:
        every = [columns] if isinstance(columns, str) or is_whole(columns) else list(columns)
        offset, places = int(self.names[0] == INTERCEPT), []
        for column in every:
            is_number = self._fitted is not None and is_whole(column) and 0 <= column < len(self.names) - offset
            if not is_number and column not in self.names:
                raise ValueError(f"{column!r} is not among the coefficients: {', '.join(self.names[:12])}.")
            places.append(int(column) + offset if is_number else self.names.index(column))
        if not places or len(set(places)) < len(places):
            raise ValueError(f"columns must name one or more different coefficients, but is {columns!r}.")
        return places

    def influence(self, X: Any, y: Any = None, sample_weight: Any = None) -> Influence:
        """Return leverage and Cook's distance of each row, by one more read of the rows of the fit.

        The leverage is a row's diagonal element of the weighted hat matrix. Cook's distance is that of R's
        ``cooks.distance`` for generalised linear models, r^2 h / (1 - h)^2 / k with Pearson's residual r (Pregibon
        1981). They are the only result with a value per row: two arrays of shape (n_rows,).

        Parameters
        ----------
        X, y, sample_weight
            As for `inference`.

        Raises
        ------
        ValueError, TypeError
            As `inference` does.
        """
        if self._fitted is None:
            raise ValueError(
                "leverage and Cook's distance are those of one neuron: fit with multi_class='one_vs_rest'."
            )
        return influence_of(self._fitted, X, y, sample_weight)

    def leverage(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Return the leverage of each row, see `influence`."""
        return self.influence(X, y, sample_weight).leverage

    def cooks_distance(self, X: Any, y: Any = None, sample_weight: Any = None) -> Array:
        """Return Cook's distance of each row, see `influence`."""
        return self.influence(X, y, sample_weight).cooks_distance

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a frame with a row per coefficient, of pandas or polars; None means pandas, if it is installed.

        Its columns are name, coef, standard_error, z, p_value, lower, upper, odds_ratio, odds_ratio_lower and
        odds_ratio_upper.

        Raises
        ------
        ValueError
            If the backend is another one.
        ModuleNotFoundError
            If it, or narwhals, is not installed.
        """
        return as_frame(self.table(), backend)

    def table(self) -> dict[str, list[Any]]:
        """Return the columns of `to_frame` by name, each a list."""
        arrays = (self.coef, self.standard_error, self.z, self.p_value, *self.interval.T)
        odds = (self.odds_ratio, *self.odds_ratio_interval.T)
        of_coefficients = ("coef", "standard_error", "z", "p_value", "lower", "upper")
        names = (*of_coefficients, "odds_ratio", "odds_ratio_lower", "odds_ratio_upper")
        values = (each.tolist() for each in (*arrays, *odds))
        return {"name": list(self.names), **dict(zip(names, values, strict=True))}

    def __str__(self) -> str:
        """Return the table as text."""
        return as_text(self)

    def __repr__(self) -> str:
        """Show what it is of; `print` shows the table."""
        return f"Inference({len(self.names)} coefficients, n={self.n:g}, covariance={self.covariance!r})"

    def _repr_html_(self) -> str:
        """Return the table for notebooks."""
        return as_html(self)


def _exp(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(values)
