"""What an adapter must do for its competitor, checked before each race: scale, validate, and return the fitted model.

Every kind of table that a competitor takes is checked: dense rows, sparse rows, and rows of three classes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from bench.competitors import OURS, Array, Competitor, Fitted, Rows
from bench.objective import log_loss_objective
from bench.tables import labels_of

N_ROWS, STORED_SHARE = 4000, 0.4
# A run must agree with itself on rescaled columns to this share of the logits' deviation.
SAME_LOGITS = 0.05
# By so much may weights be worse than the model that the labels were drawn from: log loss per row.
LOSS_SLACK = 0.05
BIASES = np.array([-1.0, 1.0, 0.5])
TRUTH = np.array([[1, -1, 0.5, 0.5], [-1, 0.5, 1, -0.5], [0, 0.5, -1.5, 1]], np.float32)


class Table(NamedTuple):
    """Columns of one scale, the same ones of scales from 0.001 to 1000, and the labels of both."""

    name: str
    plain: Rows
    scaled: Rows
    y: Array
    truth: Fitted


def _tables(competitor: Competitor) -> Iterator[Table]:
    """Yield a table of each kind that a competitor takes."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, TRUTH.shape[1]), dtype=np.float32)
    scales, shifts = np.array([1e-3, 1, 30, 1e3], np.float32), np.array([2e-3, 0, -50, 1e3], np.float32)
    yield _drawn("dense rows", X, X * scales + shifts, 2, rng)
    kinds = [("sparse rows", True, 2), ("rows of three classes", False, 3), ("sparse rows of three classes", True, 3)]
    for name, is_sparse, n_classes in kinds:
        if (is_sparse and not competitor.takes_sparse) or (n_classes > 2 and not competitor.takes_classes):
            continue
        if is_sparse:
            # Off zero, as counts are: who takes only what is stored into account has other deviations.
            stored = np.where(rng.random(X.shape) < STORED_SHARE, X + 1, np.float32(0))
            yield _drawn(name, sparse.csr_matrix(stored), sparse.csr_matrix(stored * scales), n_classes, rng)
        else:
            yield _drawn(name, X, X * scales + shifts, n_classes, rng)


def _drawn(name: str, plain: Rows, scaled: Rows, n_classes: int, rng: np.random.Generator) -> Table:
    """Return a table whose labels are drawn from a logistic or softmax model."""
    truth = Fitted.of(*((TRUTH[:1], BIASES[0]) if n_classes == 2 else (TRUTH, BIASES)))
    return Table(name, plain, scaled, labels_of(truth.logits(plain), rng), truth)


def _centred_logits(fitted: Fitted, X: Rows) -> Array:
    """Return a logit per class whose mean over the classes is 0: a shift of all of them changes no probability."""
    z = fitted.logits(X)
    z = np.column_stack([-z / 2, z / 2]) if z.ndim == 1 else z
    return np.asarray(z - z.mean(axis=1, keepdims=True))


def check(competitor: Competitor) -> None:
    """Raise ValueError where an adapter leaves out work that is its competitor's.

    It must scale where the documentation says scale: then a fit of columns of scales from 0.001 to 1000 predicts what a
    fit of the same columns of one scale does. Its weights and bias must have nearly the log loss of those that the
    labels were drawn from: else they are not what its library predicts with. And where its library validates, the timed
    call must: NaN is refused. Of our own more is asked, since we could go round our own border: a label that is NaN,
    and rows without labels.
    """
    for table in _tables(competitor):
        _check_model(competitor, table)
        _check_validation(competitor, table)


def _check_model(competitor: Competitor, table: Table) -> None:
    setting = competitor.settings[-1]
    plain = competitor.fit(table.plain, table.y, C=1.0, **setting)
    expected = _centred_logits(plain, table.plain)
    none = np.zeros(TRUTH.shape[1])
    is_good = plain.weights.shape == table.truth.weights.shape
    if is_good and competitor.has_probabilities:
        losses = [log_loss_objective(table.plain, table.y, each, none) / N_ROWS for each in (plain, table.truth)]
        is_good = losses[0] <= losses[1] + LOSS_SLACK
    if not is_good:
        raise ValueError(f"{competitor.name}: the weights of {table.name} are not those of a model of the labels")
    if competitor.is_scaled:
        found = _centred_logits(competitor.fit(table.scaled, table.y, C=1.0, **setting), table.scaled)
        if not np.abs(found - expected).max() <= SAME_LOGITS * expected.std():
            raise ValueError(f"{competitor.name}: its documentation says scale, its adapter does not ({table.name})")


def _check_validation(competitor: Competitor, table: Table) -> None:
    bad = table.plain.copy()
    values = bad.data if sparse.issparse(bad) else bad.reshape(-1)
    values[-1] = np.nan
    X, y = table.plain, table.y
    wrong = {"a NaN": (bad, y)} if competitor.checks_values or competitor.package == OURS else {}
    if competitor.package == OURS:
        lacking = np.where(np.arange(len(y)) == 0, np.nan, y)
        wrong |= {"a label that is NaN": (X, lacking), "rows without labels": (X, y[:-1])}
    for what, arrays in wrong.items():
        if _is_taken(competitor, *arrays):
            raise ValueError(f"{competitor.name}: the timed call does not validate: it took {what} ({table.name})")


def _is_taken(competitor: Competitor, X: Rows, y: Array) -> bool:
    try:
        competitor.fit(X, y, C=1.0, **competitor.settings[0])
    except Exception:  # each library has its own, and any will do
        return False
    return True
