"""From the sums of a read to the figures of a neuron: covariance, likelihoods, and what the data do not determine."""

from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.estimator.coefficients import Coefficients
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.training.information import Information, RowsAt
from fastperceptron.uncertainty.estimable import LEAST_PART, LEAST_SHARE, Inverse, Relation, inverse_of, product
from fastperceptron.uncertainty.influence import Fitted
from fastperceptron.uncertainty.result import INTERCEPT, Inference
from fastperceptron.uncertainty.separation import Separation, is_flat, separation_of
from fastperceptron.uncertainty.standing import Options, Standing

# A warning is given for coefficients farther from the optimum than this, in standard errors.
FARTHEST = 0.1


class Asked(NamedTuple):
    """The checked options of `inference`."""

    covariance: str
    weights: str
    level: float
    groups: Array | None  # (n_rows,): the number of each row's group


class Reading(NamedTuple):
    """What was read for a neuron."""

    rows: RowsAt
    standing: Standing
    options: Options
    information: Information
    products: Array  # (d + 1, d + 1): of the scores, or of their sums by groups; or empty


class Likelihoods(NamedTuple):
    """Log-likelihoods of a model, and of one without columns; and the difference of its mean probabilities."""

    model: float
    null: float
    tjur_r2: float


def inference_from(
    reading: Reading,
    asked: Asked,
    n_groups: int | None,
    known: Coefficients,
    neuron: int,
    label: Any,
    classifier: Any,
) -> tuple[Inference, list[tuple[type[Warning], str]]]:
    """Return the inference of a neuron, and what to warn of."""
    from sklearn.exceptions import ConvergenceWarning

    information, options, d = reading.information, reading.options, reading.rows.problem.rows.n_features
    is_constant = _constant_columns(reading.rows, information.hessian)
    held = is_constant & options.fit_intercept
    held[d] = not options.fit_intercept
    penalty = reading.standing.penalty(
        options, information.moments, information.own_weight, reading.rows.problem.rows.n_rows
    )
    hessian, gradient = information.hessian + np.diag(penalty), information.gradient.copy()
    gradient += penalty * reading.rows.point.weights[: d + 1] / reading.rows.point.factors[: d + 1]
    hessian[held], hessian[:, held] = 0.0, 0.0
    inverse = inverse_of(hessian)
    n = _size(information, asked)
    k = int((~inverse.left_out).sum())
    step = -(inverse.matrix * gradient).sum(axis=1)
    decrement = -float((gradient * step).sum())
    flat = is_flat(reading.rows, inverse.relations)
    collinear = [each for each, is_one in zip(inverse.relations, flat, strict=True) if is_one]
    saturated = [each for each, is_one in zip(inverse.relations, flat, strict=True) if not is_one]
    separation = None
    if (penalty == 0).all() and options.loss == "log_loss":
        separation = separation_of(reading.rows, information, step, decrement)
    names = _names(known, d)
    order = np.array([d, *range(d)] if options.fit_intercept else range(d))
    undetermined = _coefficients_in(collinear, reading.rows)
    undetermined |= (information.hessian.diagonal() == 0) & ~held
    if saturated and separation is None:
        separation = Separation("quasi-completely", np.zeros(d + 1, bool))
    infinite = np.zeros(d + 1, bool)
    if separation is not None:
        infinite = (separation.is_infinite | _coefficients_in(saturated, reading.rows)) & ~(undetermined | held)
    covariance, errors = _covariance(reading, asked, inverse, (n, n_groups), k)
    mark(covariance, errors, undetermined | (held & is_constant), infinite)
    distance = distance_of(inverse, step, undetermined | infinite)
    has_constant = options.fit_intercept or bool(is_constant.any())
    likelihoods, df_model = _likelihoods(information, options, asked, has_constant), k - has_constant
    not_determined = tuple(names[j] for j in order if undetermined[j] or (held[j] and is_constant[j]))
    is_n_whole = float(n).is_integer()
    result = Inference(
        tuple(names[j] for j in order),
        np.append(known.weights[neuron], known.bias[neuron])[order],
        errors[order],
        covariance[np.ix_(order, order)],
        asked.covariance,
        asked.level,
        int(n) if is_n_whole else n,
        n_groups,
        *likelihoods,
        df_model,
        int(n) - k if is_n_whole else n - k,
        _variance_inflation(hessian, inverse, undetermined, options.fit_intercept)[order],
        distance,
        label,
        options.C,
        options.loss,
        asked.weights,
        not_determined,
        tuple(names[j] for j in order if infinite[j]),
        _fitted=_fitted(reading, inverse, k, classifier),
    )
    remarks: list[tuple[type[Warning], str]] = []
    if not_determined:
        remarks.append((UserWarning, told_of_columns(collinear, held & is_constant, names)))
    if separation is not None:
        remarks.append((ConvergenceWarning, told_of_separation(separation, result.infinite)))
    elif distance > FARTHEST:
        remarks.append((ConvergenceWarning, told_of_distance(distance)))
    return result, remarks


def _names(known: Coefficients, d: int) -> list[str]:
    features = [f"x{j}" for j in range(d)] if known.names is None else [str(name) for name in known.names]
    return [*features, INTERCEPT]


def _size(information: Information, asked: Asked) -> float:
    return information.own_weight if asked.weights == "frequency" else float(information.n_rows)


def _constant_columns(rows: RowsAt, hessian: Array) -> Array:
    """Return which columns are constant, (d + 1,): the bias is not."""
    diagonal, total, cross = hessian.diagonal(), hessian[-1, -1], hessian[:, -1]
    # Those that the bias explains by the weights of the Hessian, and then in all rows.
    is_candidate = diagonal * total - cross**2 <= LEAST_SHARE * diagonal * total
    is_candidate[-1] = False
    relations = []
    for column in np.flatnonzero(is_candidate).tolist():
        direction = np.zeros(diagonal.size)
        direction[column], direction[-1] = 1.0, -cross[column] / total
        relations.append(Relation(column, [], direction))
    is_constant = np.zeros(diagonal.size, bool)
    is_constant[is_candidate] = is_flat(rows, relations)
    return is_constant


def _coefficients_in(relations: list[Relation], rows: RowsAt) -> Array:
    """Return which coefficients for raw columns are in the directions of relations, (d + 1,) bool."""
    d = rows.problem.rows.n_features
    found = np.zeros(d + 1, bool)
    for column, others, direction in relations:
        found[[column, *(j for j in others if j < d)]] = True
        # The bias for raw columns makes up for their centres.
        parts = np.append(direction[:d] * rows.point.centre[:d] * rows.point.factors[:d], -direction[d])
        found[d] |= abs(parts.sum()) > LEAST_PART * np.abs(parts).max()
    return found


def _covariance(
    reading: Reading, asked: Asked, inverse: Inverse, size: tuple[float, int | None], k: int
) -> tuple[Array, Array]:
    standard, (n, n_groups) = inverse.matrix, size
    if asked.covariance != "classical":
        standard = product(standard, reading.products, standard)
        factor = {"HC0": 1.0, "HC1": n / (n - k)}.get(asked.covariance, 1.0)
        if n_groups is not None:
            factor = n_groups / (n_groups - 1) * (n - 1) / (n - k)
        standard = (standard + standard.T) * (factor / 2)
    return reading.standing.covariance(standard)


def mark(covariance: Array, errors: Array, undetermined: Array, infinite: Array) -> None:
    """Set what is not determined to NaN, and variances without a finite estimate to infinity."""
    marked = undetermined | infinite
    covariance[marked], covariance[:, marked], errors[marked] = np.nan, np.nan, np.nan
    covariance[infinite, infinite], errors[infinite] = np.inf, np.inf


def distance_of(inverse: Inverse, step: Array, excluded: Array) -> float:
    """Return the largest step to the optimum in standard errors of standardised coefficients."""
    variances = inverse.matrix.diagonal()
    counts = (variances > 0) & ~excluded
    return float((np.abs(step[counts]) / np.sqrt(variances[counts])).max(initial=0.0))


def _likelihoods(information: Information, options: Options, asked: Asked, has_constant: bool) -> Likelihoods:
    if not LOSSES[options.loss].IS_LIKELIHOOD:
        return Likelihoods(np.nan, np.nan, np.nan)
    total, positive = information.weight, information.positive_weight
    negative = total - positive
    null = -total * float(np.log(2.0))
    if has_constant:
        null = sum(part * float(np.log(part / total)) for part in (positive, negative) if part > 0)
    slopes, of_positive = float(information.gradient[-1]), information.positive_slope
    with np.errstate(divide="ignore", invalid="ignore"):
        tjur = 1.0 + np.float64(of_positive) / positive - np.float64(slopes - of_positive) / negative
    # Of probability weights, the unit does not matter: their mean counts as 1.
    unit = information.n_rows / total if asked.weights == "probability" else 1.0
    return Likelihoods(-information.loss * unit, null * unit, float(tjur))


def _variance_inflation(hessian: Array, inverse: Inverse, undetermined: Array, has_intercept: bool) -> Array:
    """Return variance times information of each column, less what the intercept takes up; NaN for the bias."""
    own = hessian.diagonal().copy()
    if has_intercept:
        own -= hessian[:, -1] ** 2 / hessian[-1, -1]
    inflation: Array = own * inverse.matrix.diagonal()
    inflation[-1], inflation[undetermined | inverse.left_out] = np.nan, np.nan
    return inflation


def _fitted(reading: Reading, inverse: Inverse, k: int, classifier: Any) -> Fitted:
    point, units, d = reading.rows.point, reading.standing.units, reading.rows.problem.rows.n_features
    padded = np.zeros((point.weights.size, point.weights.size))
    padded[: d + 1, : d + 1] = inverse.matrix
    weights, centre, factors = point.weights.copy(), point.centre.copy(), point.factors.copy()
    weights[:d], centre[:d], factors[:d] = weights[:d] * units, centre[:d] / units, factors[:d] * units
    raw = point._replace(weights=weights, centre=centre, factors=factors)
    return Fitted(classifier, raw, padded, k, reading.options.fit_intercept)


def told_of_columns(relations: list[Relation], is_constant: Array, names: list[str]) -> str:
    """Return the warning of columns that are constant or combinations of others."""
    told = []
    if is_constant.any():
        told.append(f"constant columns: {_list([names[j] for j in np.flatnonzero(is_constant)])}")
    combinations = [
        f"{names[column]!r} is a combination of {_list([names[j] for j in each])}" for column, each, _ in relations
    ]
    told += list(dict.fromkeys(combinations))[:12]  # those of a softmax layer are the same for each class
    if not told:
        told.append("columns without values other than 0")
    return (
        "the data do not determine all coefficients, whose standard errors are NaN ("
        + "; ".join(told)
        + "). Leave out a column of each combination, or lower C from infinity."
    )


def told_of_separation(separation: Separation, infinite: tuple[str, ...]) -> str:
    """Return the warning of coefficients without a finite estimate."""
    return (
        f"the classes are separated {separation.kind}: these coefficients have no finite estimate, and their standard "
        f"errors are infinite: {_list(infinite)}. Lower C from infinity for finite ones."
    )


def told_of_distance(distance: float) -> str:
    """Return the warning of coefficients that are not at the optimum."""
    return (
        f"the coefficients are {distance:.2g} standard errors from the optimum for these rows, where standard errors "
        "hold. If they were not changed, and these are the rows and weights of the fit, fit with a smaller tol."
    )


def _list(names: Any) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
