"""From what users pass to the estimator to the `Problem` that a solver takes: arrays or frames with y, or a Dataset."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np

from fastperceptron.checks import Array, is_collection
from fastperceptron.cluster.collections import CollectionDataset
from fastperceptron.cluster.made_rows import MadeOnWorkers
from fastperceptron.data.arrays import read_only
from fastperceptron.data.dataset import Dataset, Table
from fastperceptron.data.labels import check_not_continuous, code_dtype, encode_classes
from fastperceptron.data.sparse_arrays import Matrix, rows_of
from fastperceptron.data.synthetic import SyntheticDataset
from fastperceptron.estimator.input import (
    as_class_weights,
    as_label_vector,
    as_row_weights,
    as_rows,
    check_columns_are_numbers,
    weights_of_classes,
)
from fastperceptron.estimator.multi_class import asks_for_softmax
from fastperceptron.estimator.progress import Display
from fastperceptron.training.checkpoint import Checkpoint, digest
from fastperceptron.training.parted_rows import DIGEST, PartedCodes, PartedRows, PartedWeights, digests_of, renumbered
from fastperceptron.training.problem import Problem

LABELS_AT_FIRST = 1 << 16  # examined at a time until all classes were seen: synthetic labels are computed as read


@contextmanager
def open_problem(
    estimator: Any, X: Any, y: Any, sample_weight: Any, display: Display
) -> Iterator[tuple[Problem, Array]]:
    """Give the problem and the classes of the checked arguments of `fit`; set the number and names of the features."""
    if isinstance(X, Dataset):
        check_goes_alone(y, sample_weight)
        display.begin("decoding", X.n_rows, 4 * X.n_features)
        opened = X.open_table(display.rows_read)
    else:
        rows, estimator._first_column = as_rows(estimator, X, is_first=True), None
        classes, codes, counts = encode_classes(as_label_vector(estimator, y, len(rows)), len(rows))
        opened = nullcontext(Table(rows_of(rows), classes, codes, as_row_weights(sample_weight, len(rows)), counts))
    with opened as table:
        if isinstance(X, Dataset):
            note_features(estimator, X)
        check_not_continuous(table.classes)
        factors, absent = _class_weights_of(estimator, table)
        is_softmax = table.classes.size > 2 and asks_for_softmax(estimator)
        problem = Problem(
            table.rows, table.codes, table.classes.size, table.row_weights, factors, absent, is_softmax=is_softmax
        )
        yield problem, table.classes


def as_data(estimator: Any, X: Any, y: Any, sample_weight: Any, what: str) -> tuple[Any, Any, Any]:
    """Return a collection of Dask with its labels and weights as a data set that goes alone, and others as they are.

    `what` is the method that asks. It raises ValueError where that needs labels and there are none, or the solver needs
    rows in an order.
    """
    n_threads = 1 if estimator.n_jobs is None else max(estimator.n_jobs, 1)
    if isinstance(X, SyntheticDataset) and X.engine is not None:
        X = MadeOnWorkers(X, X.engine)
    if isinstance(X, Dataset):
        X.n_threads = n_threads
    if not is_collection(X):
        return X, y, sample_weight
    if what == "fit" and estimator.solver == "sgd":
        raise ValueError(
            "solver='sgd' takes rows one after another, which a collection of Dask does not give: use solver='newton', "
            "which reads all partitions at the same time, or partial_fit, which takes them in order."
        )
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    check_columns_are_numbers(X._meta)
    data = CollectionDataset(X, y, sample_weight)
    data.n_threads = n_threads
    return data, None, None


@contextmanager
def open_fitted(estimator: Any, X: Any, y: Any, sample_weight: Any) -> Iterator[Problem]:
    """Give rows with labels as a problem with the features, classes and class weights of a fitted estimator."""
    known = np.asarray(estimator.classes_)
    X, y, sample_weight = as_data(estimator, X, y, sample_weight, "inference")
    if isinstance(X, Dataset):
        check_goes_alone(y, sample_weight)
        opened = with_features_of(estimator, X, known).open_table()
    else:
        rows = as_rows(estimator, X)
        _, codes, counts = encode_classes(as_label_vector(estimator, y, len(rows)), len(rows), known)
        opened = nullcontext(Table(rows_of(rows), known, codes, as_row_weights(sample_weight, len(rows)), counts))
    with opened as found:
        table = _with_classes(found, known)
        factors, absent = _class_weights_of(estimator, table)
        yield Problem(table.rows, table.codes, known.size, table.row_weights, factors, absent)


def _with_classes(table: Table, known: Array) -> Table:
    """Return a table whose class numbers are positions in `known`; raise ValueError if it has other classes."""
    own, labels = table.classes.tolist(), known.tolist()
    if own == labels:
        return table
    if unknown := [label for label in own if label not in labels]:
        raise ValueError(f"y holds the class {unknown[0]!r}, which is not among those of the classifier: {labels}.")
    numbers: Array = np.array([labels.index(label) for label in own], code_dtype(known.size))
    counts: Array | None = None
    if table.known_counts is not None:
        counts = np.zeros(known.size, np.int64)
        counts[numbers] = table.known_counts
    rows, codes, weights = table.rows, table.codes, table.row_weights
    if isinstance(rows, PartedRows):
        rows = rows.changed(renumbered, numbers)
        weights = None if weights is None else PartedWeights(rows, weights.range, known.size)
        return Table(rows, known, PartedCodes(rows, counts, numbers.dtype, known.size), weights, counts)
    return Table(rows, known, read_only(numbers[codes[:]]), weights, counts)


def chunk_problems(
    estimator: Any, X: Any, y: Any, sample_weight: Any, classes: Array, *, is_first: bool
) -> Iterator[Problem]:
    """Yield the problem of each block of checked rows of `partial_fit`; the first call sets the features."""
    if not isinstance(X, Dataset):
        if is_first:
            estimator._first_column = None
        yield _chunk_problem(estimator, as_rows(estimator, X, is_first=is_first), y, sample_weight, classes)
        return
    check_goes_alone(y, sample_weight)
    if is_first:
        note_features(estimator, X)
    for block in with_features_of(estimator, X, classes).blocks():
        yield _chunk_problem(estimator, block.X, block.y, block.weights, classes)


def _chunk_problem(estimator: Any, rows: Matrix, y: Any, sample_weight: Any, classes: Array) -> Problem:
    """Return the problem of some rows, whose labels are among the classes and whose weights may all be 0."""
    codes = encode_classes(as_label_vector(estimator, y, len(rows)), len(rows), classes).codes
    weights = as_row_weights(sample_weight, len(rows), may_all_be_zero=True)
    factors = as_class_weights(estimator.class_weight, classes, np.ones(classes.size))
    return Problem(rows_of(rows), codes, classes.size, weights, factors)


def check_goes_alone(y: Any, sample_weight: Any) -> None:
    """Raise ValueError if labels or weights are passed together with a `Dataset`."""
    for name, given in (("y", y), ("sample_weight", sample_weight)):
        if given is not None:
            raise ValueError(f"{name} must be None beside a Dataset, which has its own: name the column there.")


def open_checkpoint(
    estimator: Any, problem: Problem, classes: Array, start: Array | None, path: Any
) -> AbstractContextManager[Checkpoint | None]:
    """Give the checkpoint of a fit from a start at a path, or None if the path is None."""
    if path is None:
        return nullcontext()
    ignored = {"verbose", "n_jobs", "random_state"}  # a random_state that is a number is added below
    parameters = {name: repr(value) for name, value in estimator.get_params().items() if name not in ignored}
    seed = estimator.random_state
    parameters["random_state"] = repr(seed) if isinstance(seed, int | np.integer) else "drawn"
    parameters["the start"] = "none" if start is None else digest(start)
    names = getattr(estimator, "feature_names_in_", None)
    parameters["the names of the features"] = "none" if names is None else ", ".join(map(repr, names))
    rows = None if getattr(problem.rows, "identity", "") else problem.rows
    return Checkpoint(path, {**parameters, "the data": _digest_of(problem, classes)}, rows=rows)


def _digest_of(problem: Problem, classes: Array) -> str:
    """Return a digest of all labels and weights, or of what defines synthetic rows; others are hashed as read."""
    rows: Any = problem.rows
    if getattr(rows, "identity", ""):
        return digest(rows.identity)
    if isinstance(rows, PartedRows):
        digests = [each for of_part in rows.ask(DIGEST) for each in of_part]
    else:
        digests = digests_of(problem.codes, problem.row_weights, rows.n_rows, rows.n_features)
    return digest(rows.n_rows, rows.n_features, rows.dtype.str, classes.tolist(), *digests)


def note_features(estimator: Any, data: Dataset) -> None:
    """Set the number and the names of the estimator's features to those of a data set."""
    estimator.n_features_in_, estimator._first_column = data.n_features, data.first_column
    vars(estimator).pop("feature_names_in_", None)
    if data.feature_names is not None:
        estimator.feature_names_in_ = np.array(data.feature_names, object)


def with_features_of(estimator: Any, data: Dataset, classes: Array | None = None) -> Dataset:
    """Return a data set with the features of the fit, in their order; raise ValueError if it has others.

    `classes` are those that its labels are compared with; without them it has no labels.
    """
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and data.feature_names is not None:
        data = data.with_features(tuple(known), has_labels=classes is not None, classes=classes)
    n_features = estimator.n_features_in_ if hasattr(estimator, "n_features_in_") else np.shape(estimator.coef_)[-1]
    data = data.widened(n_features, vars(estimator).get("_first_column"))
    check_n_features(estimator, data.n_features)
    return data


def check_n_features(estimator: Any, found: int) -> None:
    """Raise ValueError if rows have another number of features than those of the fit."""
    # Coefficients that were set without a fit say it themselves.
    n_features = estimator.n_features_in_ if hasattr(estimator, "n_features_in_") else np.shape(estimator.coef_)[-1]
    if found != n_features:
        raise ValueError(
            f"X has {found} features, but {type(estimator).__name__} is expecting {n_features} features as input."
        )


def name_of_labels(X: Any, y: Any) -> str | None:
    """Return the name of the column of the labels: that of a data set, or of a Series."""
    name = getattr(X, "target_name", None) if isinstance(X, Dataset) else getattr(y, "name", None) or None
    return name if isinstance(name, str) else None


def _class_weights_of(estimator: Any, table: Table) -> tuple[Array | None, tuple[int, ...]]:
    """Return a factor for the row weights of each class, or None, and the numbers of the classes without weight."""
    if table.known_counts is None and estimator.class_weight != "balanced" and table.row_weights is None:
        sums = _is_present(table)
    else:
        sums = weights_of_classes(table.codes, table.counts, table.row_weights, estimator.class_weight)
    factors = as_class_weights(estimator.class_weight, table.classes, sums)
    if sums.all() and (factors is None or factors.all()):
        return factors, ()
    is_absent = (sums == 0) | (False if factors is None else factors == 0)
    if is_absent.all() and (sums == 0).all():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if is_absent.all():
        raise ValueError("class_weight must hold at least one number above 0, of a class that has rows of weight.")
    return factors, tuple(np.flatnonzero(is_absent).tolist())


def _is_present(table: Table) -> Array:
    """Return 1 for each class that has a row, else 0; it reads labels only until it has seen every class."""
    found = np.zeros(table.classes.size)
    for start in range(0, len(table.codes), LABELS_AT_FIRST):
        found[np.unique(table.codes[start : start + LABELS_AT_FIRST])] = 1
        if found.all():
            break
    return found
