"""Online Newton: near the optimum of all rows after one pass, whatever the order; nothing breaks it for good."""

import math

import numpy as np
import pytest

from fastperceptron.data.arrays import ArrayRows
from fastperceptron.training.minimise import inverse_hessian
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.online.online import OnlineNewton
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from oracle import losses_at, standards
from tables import drawn_labels

# Tens of thousands of rows each.
pytestmark = pytest.mark.compiled

LOSSES = ["log_loss", "squared_error"]
N_ROWS, N_FEATURES, CHUNK = 40_000, 8, 4000


def made(kind: str, n_rows: int = N_ROWS, n_features: int = N_FEATURES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, n_features))
    weights = 2 * rng.normal(size=n_features) / math.sqrt(n_features)
    y = drawn_labels(X @ weights + (-6.0 if "rare" in kind else 0.3), rng)
    if "scaled" in kind:
        scale = np.logspace(-3, 3, n_features)
        X = X * scale + 3 * scale * rng.normal(size=n_features)
    if "correlated" in kind:
        X = X @ np.linalg.qr(rng.normal(size=(n_features, n_features)))[0] * np.logspace(0, -2.5, n_features)
        X = X @ np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    if "heavy" in kind:
        X = X * np.exp(rng.normal(size=X.shape))
        y = drawn_labels(X @ weights, rng)
    X = X.astype(np.float32)
    order = np.arange(n_rows)
    if "by feature" in kind:
        order = np.argsort(X[:, 0], kind="stable")
    if "by label" in kind:
        order = np.argsort(y, kind="stable")
    return X[order], y[order]


def problem_of(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, n_classes: int = 2) -> Problem:
    return Problem(ArrayRows(X), y, n_classes, weights)


def taught(
    problem: Problem, options: NewtonOptions, chunk: int = CHUNK, passes: int = 1, engine: OnlineNewton | None = None
) -> OnlineNewton:
    engine = engine or OnlineNewton(problem.rows.n_features, problem.n_classes, options)
    X, weights = problem.rows.read(0, problem.rows.n_rows), problem.row_weights
    for start in list(range(0, problem.rows.n_rows, chunk)) * passes:
        part = slice(start, start + chunk)
        own = None if weights is None else weights[part]
        engine.update(Problem(ArrayRows(X[part]), problem.codes[part], problem.n_classes, own, problem.class_weights))
    return engine


def objective(solution: Solution, problem: Problem, options: NewtonOptions) -> float:
    """Return the mean of what is minimised, independently of the engine."""
    X = problem.rows.read(0, problem.rows.n_rows).astype(float)
    own = np.ones(len(X)) if problem.row_weights is None else problem.row_weights
    in_loss = own if problem.class_weights is None else own * problem.class_weights[problem.codes]
    deviations = standards(X, own)[1] if options.standardize else np.ones(X.shape[1])
    total = 0.0
    for neuron, (weights, bias) in enumerate(zip(solution.weights, solution.bias, strict=True)):
        y = problem.codes == (1 if problem.n_classes == 2 else neuron)
        costs, _, _ = losses_at(options.loss, X @ weights + bias, y)
        total += in_loss @ costs + options.penalty / 2 * np.sum((deviations * weights) ** 2)
    return total / own.sum()


def excess(engine: OnlineNewton, problem: Problem, options: NewtonOptions) -> float:
    best = minimise_by_newton(problem, options)
    return objective(engine.solution, problem, options) - objective(best, problem, options)


# Near the optimum


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["even", "scaled", "correlated", "rare", "heavy", "by feature", "scaled by feature"])
def test_one_pass_ends_near_the_optimum(kind: str, loss: str) -> None:
    options, problem = NewtonOptions(loss, tol=1e-4), problem_of(*made(kind))
    assert excess(taught(problem, options), problem, options) < 1e-5


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["by label", "rare by label"])
@pytest.mark.parametrize("C", [1.0, math.inf])
def test_rows_sorted_by_label_do_little_harm_and_another_pass_repairs_it(kind: str, loss: str, C: float) -> None:
    options, problem = NewtonOptions(loss, C, tol=1e-4), problem_of(*made(kind))
    engine = taught(problem, options)
    first = excess(engine, problem, options)
    assert first < 1e-3
    taught(problem, options, engine=engine)
    # Half of all rows are then known well: a quarter of the excess remains, about.
    assert excess(engine, problem, options) < max(0.5 * first, 1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("chunk", [N_ROWS, 12_345, 1000, 100])
def test_chunks_may_have_any_size(chunk: int, loss: str) -> None:
    options, problem = NewtonOptions(loss, tol=1e-4), problem_of(*made("scaled"))
    assert excess(taught(problem, options, chunk), problem, options) < 1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_single_rows_are_learnt_as_they_come(loss: str) -> None:
    options, problem = NewtonOptions(loss, tol=1e-4), problem_of(*made("even", 2000, 4))
    assert excess(taught(problem, options, chunk=1), problem, options) < 1e-7
    X, y = made("even", 6000, 4)  # more than are kept
    longer, engine = problem_of(X, y), taught(problem_of(X[:5000], y[:5000]), options)
    assert excess(taught(problem_of(X[5000:], y[5000:]), options, 1, engine=engine), longer, options) < 1e-5


@pytest.mark.parametrize("n_features", [4, 40])
def test_a_single_row_costs_the_square_of_the_columns(monkeypatch: pytest.MonkeyPatch, n_features: int) -> None:
    n_steps = 0

    def counted(matrix: object) -> object:
        nonlocal n_steps
        n_steps += 1
        return factorise(matrix)

    factorise = inverse_hessian.factorise
    monkeypatch.setattr(inverse_hessian, "factorise", counted)
    n_rows = 10 * n_features
    taught(problem_of(*made("even", n_rows, n_features)), NewtonOptions("log_loss"), chunk=1)
    # Each takes O(n_features^3): a step of some evaluations per two rows a column.
    assert 0 < n_steps < 8 * n_rows / n_features


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "changes",
    [{"fit_intercept": False}, {"standardize": False}, {"C": math.inf}, {"C": 0.1}, {"C": 0.1, "standardize": False}],
)
def test_options_are_those_of_newton(changes: dict[str, float], loss: str) -> None:
    options, problem = NewtonOptions(loss, **{"tol": 1e-4, **changes}), problem_of(*made("scaled"))
    assert excess(taught(problem, options), problem, options) < 1e-5


@pytest.mark.parametrize("loss", LOSSES)
def test_classes_are_one_neuron_each(loss: str) -> None:
    X, _ = made("even")
    y = np.argmax(X[:, :3] + np.random.default_rng(1).gumbel(size=(len(X), 3)), axis=1)
    problem, options = problem_of(X, y, n_classes=3), NewtonOptions(loss, tol=1e-4)
    engine = taught(problem, options)
    assert engine.solution.weights.shape == (3, N_FEATURES)
    assert excess(engine, problem, options) < 1e-5


def test_weights_of_rows_and_classes_count() -> None:
    X, y = made("even")
    weights = 10.0 ** np.random.default_rng(1).uniform(-3, 3, size=len(y))
    problem, options = Problem(ArrayRows(X), y, 2, weights, np.array([1.0, 20.0])), NewtonOptions("log_loss", tol=1e-4)
    assert excess(taught(problem, options), problem, options) < 1e-4


# What would break it


def first_class_alone(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    start = np.flatnonzero(y == 0)[:CHUNK]
    order = np.concatenate([start, np.delete(np.arange(len(y)), start)])
    return X[order], y[order]


def far_first_row(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.vstack([X[:1] + 1e4, X[1:]]), y


def constant_at_first(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X = X.copy()
    X[: 2 * CHUNK, 2] = 7.0
    return X, y


def one_row_then_the_other_class(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X, y = first_class_alone(X, y)
    positive = np.flatnonzero(y)[0]
    order = np.concatenate([[positive], np.delete(np.arange(len(y)), positive)])
    return X[order], y[order]


def far_from_zero(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return X.astype(np.float64) + 1e6, y


def drifting(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X = X.copy()
    X[:, 3] += np.linspace(0, 100, len(X), dtype=np.float32)
    return X, y


def late_columns(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    X = X.copy()
    X[:, 0], X[:, 1] = 0, 0
    X[30_000::500, 0], X[-7:, 1] = 1, 1
    return X, y


def twin_columns(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.column_stack([X, X[:, 0], np.full(len(X), 3.0, np.float32)]), y


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("C", [1.0, math.inf])
@pytest.mark.parametrize(
    ("change", "chunk", "bound"),
    [
        (first_class_alone, CHUNK, 1e-4),
        (one_row_then_the_other_class, CHUNK, 1e-4),
        # Its column's deviation, and with it the penalty, is ten times as large at first: expansions are far off.
        (far_first_row, CHUNK, 1e-3),
        (far_first_row, 500, 1e-3),
        (constant_at_first, CHUNK, 1e-5),
        (far_from_zero, CHUNK, 1e-5),
        (drifting, CHUNK, 1e-5),
        (late_columns, CHUNK, 1e-4),
        (twin_columns, CHUNK, 1e-5),
    ],
)
def test_what_would_break_it_does_not(change: object, chunk: int, bound: float, C: float, loss: str) -> None:
    options, problem = NewtonOptions(loss, C, tol=1e-4), problem_of(*change(*made("even")))
    assert excess(taught(problem, options, chunk), problem, options) < bound


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("chunk", [1, 100, 5000])
def test_a_class_may_never_come_or_all_rows_be_told_apart(chunk: int, loss: str) -> None:
    X, y = made("even", 5000 if chunk > 1 else 300, 4)
    options = NewtonOptions(loss, math.inf)
    alone = taught(problem_of(X, np.zeros_like(y)), options, chunk).solution
    assert np.isfinite(alone.weights).all()
    assert (X @ alone.weights[0] + alone.bias[0] < -5).all()
    apart = taught(problem_of(X, (X[:, 0] > 0).astype(np.uint8)), options, chunk).solution
    assert np.isfinite(apart.weights).all()
    assert np.mean((X @ apart.weights[0] + apart.bias[0] > 0) == (X[:, 0] > 0)) > 0.99
