"""What a picture of a model's boundary shows: two of its features, the others held, and not too many of the rows."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array, is_whole
from fastperceptron.data.holdout import row_hashes
from fastperceptron.data.sparse_arrays import CsrArray, Matrix
from fastperceptron.model import Perceptron

MOST_SHOWN = 2000  # rows; more cover each other
FEWEST_SHOWN = 30  # rows of a class, if it has as many


class Section(NamedTuple):
    """A model of the features that are drawn, the others held at a value each."""

    model: Perceptron  # of one or two features
    places: list[int]  # of these among all features
    names: list[str]  # of these
    held: dict[str, float]  # the other features, the most important first


def section_of(model: Perceptron, rows: Matrix, features: Sequence[Any] | None) -> Section:
    """Return the model over the named features, or the two most important ones; others are held at their means.

    Importance is the largest absolute weight of any class, times the standard deviation of the feature.
    """
    names = model.feature_names or (
        ("first feature", "second feature")
        if model.n_features == 2
        else tuple(f"x{place}" for place in range(model.n_features))
    )
    means, deviations = _moments_of(rows)
    order = np.argsort(-np.abs(np.atleast_2d(model.weights)).max(axis=0) * deviations, kind="stable").tolist()
    places = sorted(order[:2]) if features is None else _places_of(features, names)
    others = [place for place in order if place not in places]
    bias = model.bias + (model.weights[..., others] * means[others]).sum(axis=-1)
    shown = Perceptron(model.weights[..., places], bias, model.classes, activation=model.activation)
    drawn = [names[place] for place in places]
    return Section(shown, places, drawn, {names[place]: float(means[place]) for place in others})


def _moments_of(rows: Matrix) -> tuple[Array, Array]:
    """Return the means and standard deviations of all columns; of sparse rows the zeros count, too."""
    if not isinstance(rows, CsrArray):
        return rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    (n_rows, n_features), places = rows.shape, rows.indices
    means = np.bincount(places, rows.data, n_features) / n_rows
    squares = np.bincount(places, (rows.data - means[places]) ** 2, n_features)
    n_zeros = n_rows - np.bincount(places, minlength=n_features)
    return means, np.sqrt((squares + n_zeros * means**2) / n_rows)


def _places_of(features: Sequence[Any], names: tuple[str, ...]) -> list[int]:
    if isinstance(features, str) or len(features) != min(2, len(names)):
        raise ValueError(f"features must be {min(2, len(names))} names or numbers of columns, but is {features!r}.")
    for each in features:
        if not (each in names or (is_whole(each) and 0 <= each < len(names))):
            shown = ", ".join(map(repr, names[:12])) + (" and others" if len(names) > 12 else "")
            raise ValueError(f"features: {each!r} is not a feature of the model, whose features are {shown}.")
    places = [names.index(each) if each in names else int(each) for each in features]
    if len(set(places)) < len(places):
        raise ValueError(f"features must be different ones, but is {features!r}.")
    return places


def rows_to_show(codes: Array, n_classes: int) -> Array:
    """Return the numbers of at most about MOST_SHOWN rows, in an order that looks random.

    Each class keeps its share, but for FEWEST_SHOWN; the number of a row decides whether it is one of its class.
    """
    order: Array = np.argsort(row_hashes(0, len(codes)), kind="stable")
    if len(codes) <= MOST_SHOWN:
        return order
    counts = np.bincount(codes, minlength=n_classes)
    quotas = np.maximum(counts * MOST_SHOWN // len(codes), np.minimum(counts, FEWEST_SHOWN))
    by_class = order[np.argsort(codes[order], kind="stable")]
    ranks = np.empty(len(codes), np.intp)
    ranks[by_class] = np.arange(len(codes)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen: Array = order[ranks[order] < quotas[codes[order]]]
    return chosen
