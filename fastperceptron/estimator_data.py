"""From what users hand to the estimator to a table that a solver takes: arrays and frames with labels, or a Dataset."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.data.dataset import Dataset, Table, no_labels
from fastperceptron.data.labels import check_not_continuous, encode_classes
from fastperceptron.estimator_input import (
    as_class_weights,
    as_label_vector,
    as_row_weights,
    as_rows,
    weights_of_classes,
)
from fastperceptron.training.journal import Journal, digest
from fastperceptron.watching import Watcher

# Rows that a checkpoint knows its data by, and labels at a time.
SEEN_ROWS, BLOCK_ROWS = 1024, 1 << 20


@contextmanager
def opened(estimator: Any, X: Any, y: Any, sample_weight: Any, watcher: Watcher) -> Iterator[Table]:
    """Give the table of what `fit` was called with, checked; set the features' number and names."""
    if not isinstance(X, Dataset):
        rows = as_rows(estimator, X, is_first=True)
        classes, codes, counts = encode_classes(as_label_vector(estimator, y, len(rows)), len(rows))
        check_not_continuous(classes)
        yield Table(ArrayRows(rows), classes, codes, as_row_weights(sample_weight, len(rows)), counts)
        return
    check_goes_alone(y, sample_weight)
    watcher.begin("decoding", X.n_rows, 4 * X.n_features)
    with X.opened(watcher.tell) as table:
        note_features(estimator, X)
        check_not_continuous(table.classes)
        yield table


def check_goes_alone(y: Any, sample_weight: Any) -> None:
    """Raise ValueError if labels or weights come beside a data set."""
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        if given is not None:
            raise ValueError(f"{name} must be None beside a Dataset, which has its own: name the column there.")


def journal_of(estimator: Any, table: Table, path: Any) -> AbstractContextManager[Journal | None]:
    """Give the journal of a fit, kept at a path; None where there is no path."""
    if path is None:
        return nullcontext()
    ignored = {"verbose", "n_jobs", "random_state"}  # of random_state, a number counts
    parameters = {name: repr(value) for name, value in estimator.get_params().items() if name not in ignored}
    seed = estimator.random_state
    parameters["random_state"] = repr(seed) if isinstance(seed, int | np.integer) else "drawn"
    is_warm = estimator.warm_start and hasattr(estimator, "model_")
    parameters["the start"] = digest(estimator.coef_, estimator.intercept_) if is_warm else "none"
    return Journal(path, {**parameters, "the data": _digest_of(table)})


def _digest_of(table: Table) -> str:
    """Return what a table is known by: all labels and weights, and some of its rows; or what it is a function of."""
    if table.identity is not None:
        return digest(table.identity)
    rows, parts = table.rows, [table.rows.n_rows, table.rows.n_features, table.classes.tolist()]
    for start in range(0, rows.n_rows, BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        parts += [digest(table.codes[part], None if table.weights is None else table.weights[part])]
    places = np.unique(np.arange(SEEN_ROWS) * rows.n_rows // SEEN_ROWS)
    return digest(*parts, rows.rows_at(places))


def note_features(estimator: Any, data: Dataset) -> None:
    """Set the number and the names of the features as those of a data set."""
    estimator.n_features_in_ = data.n_features
    vars(estimator).pop("feature_names_in_", None)
    if data.feature_names is not None:
        estimator.feature_names_in_ = np.array(data.feature_names, object)


def with_features_of(estimator: Any, data: Dataset, *, has_labels: bool) -> Dataset:
    """Return a data set with the features of the fit, or raise ValueError if it has others."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and data.feature_names is not None:
        data = data.with_features(tuple(known), has_labels=has_labels)
    if data.n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {data.n_features} features, but {type(estimator).__name__} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
    return data


def class_weights_of(estimator: Any, table: Table) -> Array | None:
    """Return a factor for the weights of the rows of each class, or None; each class must have rows with weight."""
    if table.known_counts is None and estimator.class_weight != "balanced" and table.weights is None:
        sums = _seen(table)
    else:
        sums = weights_of_classes(table.codes, table.counts, table.weights, estimator.class_weight)
    if not sums.all():
        empty = table.classes[np.argmin(sums)].item()
        raise ValueError(f"class {empty!r} has no rows of positive weight: drop its rows, or give one of them weight.")
    return as_class_weights(estimator.class_weight, table.classes, sums)


def _seen(table: Table) -> Array:
    """Return 1 for each class that has a row: known as soon as each has been seen, where codes are made when read."""
    seen, step = np.zeros(table.classes.size), 1 << 16
    for start in range(0, len(table.codes), step):
        seen[np.unique(table.codes[start : start + step])] = 1
        if seen.all():
            break
    return seen


def accuracy(estimator: Any, data: Dataset) -> float:
    """Return the share of the rows' weight whose class is predicted."""
    right = total = 0.0
    for block in with_features_of(estimator, data, has_labels=True).blocks():
        if block.y is None:
            raise no_labels()
        weights = np.ones(len(block.X)) if block.weights is None else block.weights
        right += float(weights[estimator.model_.predict(block.X) == np.asarray(block.y)].sum())
        total += float(weights.sum())
    if total == 0:
        raise ValueError("all weights are zero: at least one row must count.")
    return right / total
