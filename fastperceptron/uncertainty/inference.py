"""`inference`: standard errors, intervals and tests of a fitted classifier's coefficients, by one read of the rows."""

import copy
import dataclasses
import math
import warnings
from typing import Any

import numpy as np

from fastperceptron.checks import Array, choice, is_number
from fastperceptron.data.labels import as_labels
from fastperceptron.estimator.coefficients import Coefficients, coefficients_of
from fastperceptron.estimator.solvers import thread_count
from fastperceptron.estimator.table import open_fitted
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.information import Information, Point, RowsAt, read_information, read_scores_of_groups
from fastperceptron.training.parted_rows import PerRow, Question, ask_rows
from fastperceptron.training.problem import OutOfRangeError, Problem
from fastperceptron.training.threads import MapInOrder, open_pool
from fastperceptron.training.tile_sums import Part
from fastperceptron.training.units import scaled
from fastperceptron.uncertainty.by_class import InferenceByClass
from fastperceptron.uncertainty.figures import Asked, Reading, inference_from
from fastperceptron.uncertainty.result import Inference
from fastperceptron.uncertainty.softmax import softmax_inference
from fastperceptron.uncertainty.standing import Options, standing_of

COVARIANCES = ("classical", "HC0", "HC1", "robust", "cluster")
WEIGHTS = ("frequency", "probability")


def inference(
    classifier: Any,
    X: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    covariance: str = "classical",
    groups: Any = None,
    weights: str = "frequency",
    level: float = 0.95,
) -> Inference | InferenceByClass:
    """Return standard errors, intervals and tests of the coefficients of a fitted classifier.

    The rows are those of the fit. One read of them gives the exact Hessian of the loss, H, at the classifier's
    coefficients, in float64; the memory is that of H, times the logarithm of the number of rows at most. The figures
    are of the `coef_` that the classifier has: with the default ``tol=0.01`` these are within 0.01 standard errors of
    the optimum. For as many digits as other packages print, fit with ``tol=1e-6``. Figures of an unpenalised logistic
    regression are those of
    ``PerceptronClassifier(loss="log_loss", C=float("inf"))``.

    Parameters
    ----------
    classifier : PerceptronClassifier
        Fitted. Of more than two classes, a softmax layer has coefficients of each class against the first, as
        statsmodels' MNLogit and R's multinom; else each neuron is a regression of its class against all others.
    X : array-like of shape (n_rows, n_features), or Dataset
    y : array-like of shape (n_rows,)
        None with a Dataset, which has its own.
    sample_weight : array-like of shape (n_rows,), optional
        As in the fit; None with a Dataset.
    covariance : {"classical", "HC0", "HC1", "robust", "cluster"}
        How the covariance matrix of the coefficients is estimated. "classical": H^-1, right if the model is. The others
        are sandwiches H^-1 S H^-1, which hold if it is not (White 1982). "HC0", or "robust": S is the sum of the outer
        products of the rows' scores, as in R's ``sandwich`` and in statsmodels. "HC1" multiplies it by n / (n - k) (the
        cov_type "HC1" of statsmodels' Logit and GLM does not: it is HC0). "cluster": S is that of the sums of scores of
        each group, times G / (G - 1) * (n - 1) / (n - k) for G groups, as statsmodels does (Stata leaves out the second
        factor for logistic regression).
    groups : array-like of shape (n_rows,), optional
        For "cluster": the group of each row: numbers, booleans or strings.
    weights : {"frequency", "probability"}
        What `sample_weight` means. "frequency": a row of weight w stands for w equal rows, as statsmodels'
        `freq_weights` and Stata's fweights do; n is their sum. "probability": one row each, drawn with a probability of
        1 / w, as in surveys (R's svyglm, Stata's pweights, statsmodels' `var_weights`): n is the number of rows, their
        unit does not matter, and only sandwiches are right. Class weights change the loss in both.
    level : float
        Of the intervals, between 0 and 1.

    Returns
    -------
    Inference, or InferenceByClass
        The second, with an `Inference` by class, for three or more classes without softmax.

    Raises
    ------
    ValueError
        If a parameter is not as described; X, y or groups do not have as many rows; labels are not the classifier's; n
        is not above the number of coefficients; the loss has no likelihood, or weights are probabilities, and the
        covariance is "classical".
    TypeError
        If the classifier is not a `PerceptronClassifier`.
    sklearn.exceptions.NotFittedError
        If it has no coefficients.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the coefficients are not near the optimum for these rows, since they were changed, or the fit was of other
        rows or stopped early; or if separated classes leave coefficients without a finite estimate.
    UserWarning
        If collinear or constant columns leave coefficients that the data do not determine.

    Notes
    -----
    The formulas are those of McCullagh and Nelder (1989), Generalized Linear Models, section 4.4, and of White (1982),
    Maximum likelihood estimation of misspecified models. With a penalty, H includes its second derivatives: intervals
    are then those of a posterior mode. The constant factor of the loss does not matter.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> data = fp.synthetic(1000, 2, rng=0)
    >>> X, y = data.arrays()
    >>> classifier = fp.PerceptronClassifier(loss="log_loss", C=float("inf")).fit(X, y)
    >>> found = fp.inference(classifier, X, y)
    >>> found.names
    ('(Intercept)', 'x0', 'x1')
    >>> bool((found.interval[:, 0] < found.coef).all())
    True
    """
    if not hasattr(type(classifier), "model_"):
        raise TypeError(f"classifier must be a PerceptronClassifier, but is a {type(classifier).__name__}.")
    known = coefficients_of(classifier)
    asked = _checked(classifier, covariance, groups, weights, level)
    options = Options(classifier.loss, classifier.C, classifier.fit_intercept, classifier.standardize)
    with (
        open_fitted(classifier, X, y, sample_weight) as problem,
        open_pool(thread_count(classifier.n_jobs)) as map_in_order,
    ):
        _check_size(problem, options, asked)
        asked = asked._replace(groups=_numbers_of(groups, problem))
        n_groups = None if asked.groups is None else _groups_of_weight(problem, asked.groups, map_in_order)
        if getattr(classifier.model_, "activation", "sigmoid") == "softmax":
            if problem.absent:
                raise ValueError(
                    f"class {known.classes.tolist()[problem.absent[0]]!r} has no rows of weight, so that its "
                    "coefficients have no estimate: give rows of every class, or fit without this one."
                )
            result, remarks = softmax_inference(problem, options, asked, n_groups, known, map_in_order)
            for kind, remark in remarks:
                warnings.warn(remark, kind, stacklevel=2)
            return result
        results: dict[Any, Inference] = {}
        for neuron, positive in enumerate(problem.positives):
            reading = _read(problem, options, asked, (positive, known, neuron), map_in_order)
            label = known.classes.tolist()[positive]
            results[label], remarks = inference_from(
                reading, asked, n_groups, known, neuron, label, copy.copy(classifier)
            )
            for kind, remark in remarks:
                of_class = f"class {label!r}: " if len(problem.positives) > 1 else ""
                warnings.warn(of_class + remark, kind, stacklevel=2)
    return InferenceByClass(results) if len(results) > 1 else next(iter(results.values()))


def _checked(classifier: Any, covariance: Any, groups: Any, weights: Any, level: Any) -> Asked:
    """Return the checked options; raise ValueError or TypeError at the first wrong one."""
    covariance = choice(covariance, COVARIANCES, "covariance")
    covariance = "HC0" if covariance == "robust" else covariance
    choice(weights, WEIGHTS, "weights")
    if not is_number(level):
        raise TypeError(f"level must be a number, but is {level!r}.")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, as in level=0.95, but is {level}.")
    if (groups is not None) != (covariance == "cluster"):
        told = "needs groups, one per row" if groups is None else f"is {covariance!r}, but groups are given"
        raise ValueError(f"covariance='cluster' and groups go together: covariance {told}.")
    if covariance == "classical" and not LOSSES[classifier.loss].IS_LIKELIHOOD:
        raise ValueError(
            f"loss={classifier.loss!r} has no likelihood, so that classical standard errors do not exist: "
            "pass covariance='HC1', 'HC0' or 'cluster'; or fit with loss='log_loss'."
        )
    if covariance == "classical" and weights == "probability":
        raise ValueError(
            "weights='probability' has no classical standard errors: pass covariance='HC1', 'HC0' or 'cluster'."
        )
    return Asked(covariance, weights, float(level), None)


def _check_size(problem: Problem, options: Options, asked: Asked) -> None:
    n, k = float(problem.rows.n_rows), problem.rows.n_features + options.fit_intercept
    if problem.row_weights is not None and asked.weights == "frequency":
        n = problem.total_weight
    if n <= k:
        raise ValueError(f"standard errors need more rows than coefficients, but there are {n:g} rows for {k}.")


def _numbers_of(groups: Any, problem: Problem) -> Array | None:
    """Return the number of each row's group, (n_rows,)."""
    if groups is None:
        return None
    labels = as_labels(groups, "groups")
    if labels.size != problem.rows.n_rows:
        raise ValueError(f"X has {problem.rows.n_rows} rows, but groups has {labels.size}: each row needs one.")
    return np.unique(labels, return_inverse=True)[1]


def _read(
    problem: Problem,
    options: Options,
    asked: Asked,
    neuron: tuple[int, Coefficients, int],
    map_in_order: MapInOrder[Any, Any],
) -> Reading:
    """Read the rows at a neuron's coefficients; columns whose squares leave float64 are scaled first."""
    try:
        return _read_rows(problem, options, asked, neuron, map_in_order)
    except OutOfRangeError:
        return _read_rows(dataclasses.replace(problem, rows=scaled(problem.rows)), options, asked, neuron, map_in_order)


def _read_rows(
    problem: Problem,
    options: Options,
    asked: Asked,
    neuron: tuple[int, Coefficients, int],
    map_in_order: MapInOrder[Any, Any],
) -> Reading:
    positive, known, place = neuron
    standing = standing_of(problem, options.fit_intercept)
    point: Point = standing.point(options, positive, known.weights[place], float(known.bias[place]))
    rows = RowsAt(problem, point, map_in_order)
    has_moments = not math.isinf(options.C) and options.standardize
    information: Information = read_information(
        rows,
        has_products=asked.covariance in ("HC0", "HC1"),
        is_frequency=asked.weights == "frequency",
        has_moments=has_moments,
    )
    if not all(np.isfinite(each).all() for each in information[:8]):
        problem.raise_not_finite()
    products = information.products
    if asked.groups is not None:
        sums = read_scores_of_groups(rows, asked.groups, int(asked.groups.max()) + 1)
        products = sums_of_outer_products(sums)
    return Reading(rows, standing, options, information, products)


def sums_of_outer_products(scores: Array) -> Array:
    """Return the sum of the outer products of rows, in their order."""
    total: Array = np.einsum("ij,ik->jk", scores, scores, optimize=False)
    return total


def _present_groups(part: Part, groups: PerRow, map_in_order: MapInOrder[Any, Any]) -> Array:  # noqa: ARG001
    """Return the numbers of the groups of a part's rows of positive weight."""
    own = groups.at(range(part.first, part.first + part.rows.n_rows))
    return np.unique(own if part.row_weights is None else own[part.row_weights[:] > 0])


def _groups_of_weight(problem: Problem, groups: Array, map_in_order: MapInOrder[Any, Any]) -> int:
    """Return the number of groups that have a row of positive weight."""
    present = np.concatenate(ask_rows(problem, PRESENT_GROUPS, PerRow(groups), map_in_order=map_in_order))
    n_groups = int(np.unique(present).size)
    if n_groups < 2:
        raise ValueError("groups holds one group only: covariance='cluster' needs two or more.")
    return n_groups


PRESENT_GROUPS = Question(_present_groups)
