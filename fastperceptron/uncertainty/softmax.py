"""Inference of a softmax layer: the coefficients of each class against those of the first, as statsmodels' MNLogit.

Only differences of the classes' weights change probabilities. Without a penalty the first class is held at its weights;
with one, which depends on all weights, the differences' covariance comes from that of all.
"""

from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.estimator.coefficients import Coefficients
from fastperceptron.training.information import RowsAt
from fastperceptron.training.problem import Problem
from fastperceptron.training.softmax_information import (
    Asked as AskedOfLayer,
    LayerInformation,
    read_layer_information,
)
from fastperceptron.training.threads import MapInOrder
from fastperceptron.uncertainty.estimable import LEAST_SHARE, Relation, inverse_of, product
from fastperceptron.uncertainty.figures import (
    FARTHEST,
    Asked,
    distance_of,
    mark,
    told_of_columns,
    told_of_distance,
    told_of_separation,
)
from fastperceptron.uncertainty.result import INTERCEPT, Inference
from fastperceptron.uncertainty.separation import LEAST_CHANGE, Separation, is_flat, layer_separation_of
from fastperceptron.uncertainty.standing import Options, Standing, standing_of

Remarks = list[tuple[type[Warning], str]]


def softmax_inference(
    problem: Problem,
    options: Options,
    asked: Asked,
    n_groups: int | None,
    known: Coefficients,
    map_in_order: MapInOrder[Any, Any],
) -> tuple[Inference, Remarks]:
    """Read the rows at the coefficients of a layer; return its inference, and what to warn of."""
    n_classes, d = known.weights.shape
    standing = standing_of(problem, options.fit_intercept)
    points = [standing.point(options, k, known.weights[k], float(known.bias[k])) for k in range(n_classes)]
    rows, weights = RowsAt(problem, points[0], map_in_order), np.array([point.weights for point in points])
    is_penalised = not np.isinf(options.C)
    found = _read(rows, weights, asked, has_moments=is_penalised and options.standardize)
    penalty = np.tile(standing.penalty(options, found.moments, found.own_weight, problem.rows.n_rows), n_classes)
    is_constant = _constant_columns(rows, found.hessian, n_classes)
    held = np.tile(is_constant & options.fit_intercept, n_classes)
    held[d :: d + 1] |= not options.fit_intercept
    reference = np.arange(held.size) <= d
    held |= reference & ((penalty == 0) if is_penalised else True)
    hessian = found.hessian + np.diag(penalty)
    gradient = found.gradient + penalty * (weights[:, : d + 1] / points[0].factors[: d + 1]).ravel()
    hessian[held], hessian[:, held] = 0.0, 0.0
    inverse = inverse_of(hessian)
    step = -(inverse.matrix * gradient).sum(axis=1)
    collinear, saturated = _sorted(rows, inverse.relations, d)
    per_class = d + options.fit_intercept - int((is_constant & options.fit_intercept).sum())
    k = (n_classes - 1) * per_class - len(inverse.relations)
    n = found.own_weight if asked.weights == "frequency" else float(found.n_rows)
    covariance = _covariance(inverse.matrix, found.products, asked, n_groups, n, k)
    contrasts = _contrasts(standing, n_classes, d)
    raw = product(contrasts, covariance, contrasts.T)
    undetermined = _differences_in(collinear, d, n_classes) | np.tile(
        is_constant & options.fit_intercept, n_classes - 1
    )
    separation = None
    if not is_penalised:
        separation = _separation_of(rows, found, step, _differences_in(saturated, d, n_classes), gradient)
    infinite = np.zeros(undetermined.size, bool) if separation is None else separation.is_infinite & ~undetermined
    errors = np.sqrt(raw.diagonal())
    mark(raw, errors, undetermined, infinite)
    order = _order(n_classes, d, options.fit_intercept)
    names = _names(known, d)
    differences = np.column_stack([known.weights[1:] - known.weights[0], known.bias[1:] - known.bias[0]]).ravel()
    has_constant = options.fit_intercept or bool(is_constant.any())
    null, total = _null(found.class_weights, has_constant), found.class_weights.sum()
    unit = found.n_rows / total if asked.weights == "probability" else 1.0
    is_whole = float(n).is_integer()
    result = Inference(
        tuple(names[j] for j in order),
        differences[order],
        errors[order],
        raw[np.ix_(order, order)],
        asked.covariance,
        asked.level,
        int(n) if is_whole else n,
        n_groups,
        -found.loss * unit,
        null * unit,
        float("nan"),
        k - (n_classes - 1) * has_constant,
        int(n) - k if is_whole else n - k,
        np.full(len(order), np.nan),
        distance_of(inverse, step, np.zeros(step.size, bool)),
        None,
        options.C,
        options.loss,
        asked.weights,
        tuple(names[j] for j in order if undetermined[j]),
        tuple(names[j] for j in order if infinite[j]),
        reference=known.classes.tolist()[0],
    )
    return result, _remarks(result, collinear, separation, is_constant, names)


def _remarks(
    result: Inference, collinear: list[Relation], separation: Separation | None, is_constant: Array, names: list[str]
) -> Remarks:
    from sklearn.exceptions import ConvergenceWarning

    remarks: Remarks = []
    if result.not_determined:
        size = is_constant.size
        features = [name.split(": ", 1)[1] for name in names[:size]] * (len(names) // size + 1)
        remarks.append((UserWarning, told_of_columns(collinear, np.append(is_constant[:-1], False), features)))
    if separation is not None:
        remarks.append((ConvergenceWarning, told_of_separation(separation, result.infinite)))
    elif result.distance > FARTHEST:
        remarks.append((ConvergenceWarning, told_of_distance(result.distance)))
    return remarks


def _read(rows: RowsAt, weights: Array, asked: Asked, *, has_moments: bool) -> LayerInformation:
    n_groups = 0 if asked.groups is None else int(asked.groups.max()) + 1
    has_products, is_frequency = asked.covariance in ("HC0", "HC1"), asked.weights == "frequency"
    wanted = AskedOfLayer(has_products, is_frequency, asked.groups, n_groups, has_moments)
    found = read_layer_information(rows, weights, wanted)
    if not all(np.isfinite(each).all() for each in (found.hessian, found.gradient, found.products, found.moments)):
        rows.problem.raise_not_finite()
    return found


def _separation_of(
    rows: RowsAt, found: LayerInformation, step: Array, saturated: Array, gradient: Array
) -> Separation | None:
    """Return the separation of a layer without a penalty; of the differences from the first class."""
    size = len(step) - len(saturated)
    if found.is_separated:
        return Separation("perfectly", np.ones(saturated.size, bool))
    separation = None
    if found.least_curvature * LEAST_CHANGE**2 <= -2.0 * float((gradient * step).sum()):
        separation = layer_separation_of(rows, step.reshape(-1, size))
    if separation is None and not saturated.any():
        return None
    infinite = saturated if separation is None else separation.is_infinite[size:] | saturated
    return Separation("quasi-completely", infinite)


def _null(class_weights: Array, has_constant: bool) -> float:
    """Return the log-likelihood of the shares of the classes; of equal ones, where nothing is constant."""
    total, positive = class_weights.sum(), class_weights[class_weights > 0]
    return (
        float((positive * np.log(positive / total)).sum())
        if has_constant
        else -float(total * np.log(class_weights.size))
    )


def _names(known: Coefficients, d: int) -> list[str]:
    """Return the names of the differences, by class, the bias last."""
    features = [f"x{j}" for j in range(d)] if known.names is None else [str(name) for name in known.names]
    return [f"{label}: {name}" for label in known.classes.tolist()[1:] for name in (*features, INTERCEPT)]


def _order(n_classes: int, d: int, has_intercept: bool) -> list[int]:
    """Return the places of the differences as they are shown: by class, the intercept first."""
    own = [d, *range(d)] if has_intercept else list(range(d))
    return [k * (d + 1) + j for k in range(n_classes - 1) for j in own]


def _contrasts(standing: Standing, n_classes: int, d: int) -> Array:
    """Return the matrix from standardised parameters of all classes to raw differences from the first."""
    size, raw = d + 1, standing.to_raw()
    matrix = np.zeros(((n_classes - 1) * size, n_classes * size))
    for k in range(n_classes - 1):
        own = slice(k * size, (k + 1) * size)
        matrix[own, :size], matrix[own, (k + 1) * size : (k + 2) * size] = -raw, raw
    return matrix


def _covariance(inverse: Array, products: Array, asked: Asked, n_groups: int | None, n: float, k: int) -> Array:
    if asked.covariance == "classical":
        return inverse
    factor = n / (n - k) if asked.covariance == "HC1" else 1.0
    if n_groups is not None:
        factor = n_groups / (n_groups - 1) * (n - 1) / (n - k)
    return factor * product(inverse, products, inverse)


def _constant_columns(rows: RowsAt, hessian: Array, n_classes: int) -> Array:
    """Return which columns are constant, (d + 1,)."""
    size = len(hessian) // n_classes
    own = np.zeros((size, size))
    for k in range(n_classes):
        own += hessian[k * size : (k + 1) * size, k * size : (k + 1) * size]
    diagonal, total, cross = own.diagonal(), own[-1, -1], own[:, -1]
    is_candidate = diagonal * total - cross**2 <= LEAST_SHARE * diagonal * total
    is_candidate[-1] = False
    relations = []
    for column in np.flatnonzero(is_candidate).tolist():
        direction = np.zeros(size)
        direction[column], direction[-1] = 1.0, -cross[column] / total
        relations.append(Relation(column, [], direction))
    is_constant = np.zeros(size, bool)
    is_constant[is_candidate] = is_flat(rows, relations)
    return is_constant


def _sorted(rows: RowsAt, relations: list[Relation], d: int) -> tuple[list[Relation], list[Relation]]:
    """Return the relations that hold for all rows, and those that hold only for rows with a curvature."""
    collinear: list[Relation] = []
    saturated: list[Relation] = []
    for relation in relations:
        parts = relation.direction.reshape(-1, d + 1)
        column = relation.column % (d + 1)
        used = [Relation(column, [], part) for part in parts if np.abs(part).max() > LEAST_SHARE]
        (collinear if all(is_flat(rows, used)) else saturated).append(relation)
    return collinear, saturated


def _differences_in(relations: list[Relation], d: int, n_classes: int) -> Array:
    found = np.zeros(n_classes * (d + 1), bool)
    for column, others, _ in relations:
        found[[column, *others]] = True
    return found[d + 1 :]
