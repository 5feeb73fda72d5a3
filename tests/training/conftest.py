"""Tables to learn from, and the optimum of the same objective on standardised columns, by the oracle."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn import datasets

from fastperceptron.data.arrays import ArrayRows, read_only
from fastperceptron.training.newton import sample_size
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.problem import NewtonOptions, Problem, Solution
from oracle import StandardisedObjective
from tables import drawn_labels

N_SMALL, N_LARGE = 2000, 60_000
Rows = tuple[np.ndarray, np.ndarray]
Make = Callable[..., Rows]


class Table(NamedTuple):
    """Rows and targets to fit, and others of the same kind that are held out."""

    X: np.ndarray
    y: np.ndarray
    X_new: np.ndarray
    y_new: np.ndarray


def _collinear(noise: float) -> Make:
    def make(n: int, rng: np.random.Generator) -> Rows:
        X, y = _plain(n, rng)
        return np.column_stack([X, X[:, 0] + noise * rng.normal(size=n)]), y

    return make


def _plain(n: int, rng: np.random.Generator, shift: float = 0.0) -> Rows:
    X = rng.normal(size=(n, 5))
    return X, drawn_labels(X @ [1, -2, 0.5, 0, 1] + shift, rng)


def _separable(n: int, rng: np.random.Generator, n_wrong: int = 0) -> Rows:
    X = rng.normal(size=(n, 5))
    y = (X @ [1, -2, 0.5, 0, 1] > 0).astype(np.uint8)
    y[1 : 5 * n_wrong : 5] ^= 1
    return X, y


def _one_hot(n: int, rng: np.random.Generator) -> Rows:
    X, level = rng.normal(size=(n, 3)), rng.integers(0, 4, n)
    return np.column_stack([X, np.eye(4)[level]]), drawn_labels(X[:, 0] + np.array([0, 1, -1, 2])[level], rng)


def _rare_one_hot(n: int, rng: np.random.Generator) -> Rows:
    X = rng.normal(size=(n, 3))
    rare = rng.random((n, 6)) < 10 ** -np.linspace(0.5, 3.5 if n > N_SMALL else 2, 6)
    return np.column_stack([X, rare]).astype(np.float32), drawn_labels(X[:, 0] + rare @ [1, -1, 2, -2, 2, 1], rng)


def _duplicates(n: int, rng: np.random.Generator) -> Rows:
    X, y = _plain(n // 10, rng)
    return np.repeat(X, 10, axis=0), np.repeat(y, 10)


def _heavy(n: int, rng: np.random.Generator) -> Rows:
    X = rng.standard_t(2.5, size=(n, 5)).astype(np.float32)
    return X, drawn_labels(X @ [0.5, -1, 0.25, 0, 0.5], rng)


def _scaled(factor: Any, offset: Any = 0.0, dtype: type = np.float64) -> Make:
    def make(n: int, rng: np.random.Generator) -> Rows:
        X, y = _plain(n, rng)
        return (X * factor + offset).astype(dtype), y

    return make


def _sorted(n: int, rng: np.random.Generator) -> Rows:
    X, y = _plain(n, rng)
    order = np.argsort(y, kind="stable")
    return X[order], y[order]


def _constant(n: int, rng: np.random.Generator) -> Rows:
    X, y = _plain(n, rng)
    return np.column_stack([X[:, :3], np.full(n, 3.7), X[:, 3:]]), y


def _shipped(name: str) -> Make:
    def load(n: int, rng: np.random.Generator) -> Rows:
        data = getattr(datasets, f"load_{name}")()
        return data.data, (data.target == 1).astype(np.uint8)

    return load


MADE: dict[str, Make] = {
    "plain": _plain,
    "float32": _scaled(1.0, dtype=np.float32),
    "separable": _separable,
    "nearly separable": lambda n, rng: _separable(n, rng, n_wrong=3),
    "collinear": _collinear(1e-6),
    "exactly collinear": _collinear(0.0),
    "constant column": _constant,
    "one-hot with all levels": _one_hot,
    "rare one-hot": _rare_one_hot,
    "duplicate rows": _duplicates,
    "offset 1e6": _scaled(1.0, 1e6),
    "float32 offset 1e3": _scaled(1.0, 1e3, np.float32),
    "scales 1e-6 to 1e6": _scaled(np.logspace(-6, 6, 5)),
    "rare class": lambda n, rng: _plain(n, rng, shift=-6.0),
    "heavy tails": _heavy,
    "sorted by label": _sorted,
    "pure noise": lambda n, rng: (rng.normal(size=(n, 4)), rng.integers(0, 2, n).astype(np.uint8)),
}
FEW = {
    "fewer rows than columns": lambda n, rng: (rng.normal(size=(40, 100)), np.tile([0, 1], 20)),
    "two rows": lambda n, rng: (np.eye(2), np.array([0, 1])),
}
SHIPPED = {name: _shipped(name) for name in ("breast_cancer", "iris", "wine", "digits")}
TABLES = {
    **{f"small {name}": (make, N_SMALL) for name, make in (MADE | FEW).items()},
    **{f"large {name}": (make, N_LARGE) for name, make in MADE.items()},
    **{name: (load, 0) for name, load in SHIPPED.items()},
}
# Tables that have no optimum without a penalty.
SEPARABLE = {"separable", "fewer rows than columns", "two rows", "breast_cancer", "wine", "digits"}


class Workshop:
    """What tests of the solver share: tables by name, optima by SciPy (each found once), and fits."""

    Table = Table

    def __init__(self) -> None:
        self._tables: dict[str, Table] = {}
        self._minima: dict[tuple[str, str, float], np.ndarray] = {}

    def table(self, name: str) -> Table:
        """Return a table; every fifth row is held out, unless rows are too few."""
        if name not in self._tables:
            make, n_rows = TABLES[name]
            X, y = make(n_rows * 5 // 4, np.random.default_rng(7))
            is_new = (np.arange(len(y)) % 5 == 0) & (len(y) > 10)
            new = slice(None) if not is_new.any() else is_new
            self._tables[name] = Table(np.ascontiguousarray(X[~is_new]), y[~is_new], X[new], y[new])
        return self._tables[name]

    def objective(self, name: str, loss: str, C: float = 1.0) -> StandardisedObjective:
        """Return the objective over a table."""
        table = self.table(name)
        return StandardisedObjective(table.X, table.y, loss, C)

    def minimum(self, name: str, loss: str, C: float = 1.0) -> np.ndarray:
        """Return SciPy's minimum; that of the squared error is looked for from the log loss's."""
        key = name, loss, C
        if key not in self._minima:
            start = None if loss == "log_loss" else self.minimum(name, "log_loss", C)
            self._minima[key] = self.objective(name, loss, C).minimum(start)
        return self._minima[key]

    @staticmethod
    def fit(X: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, **options: Any) -> Solution:
        """Fit by the newton solver; `start` and `class_weights` are passed on."""
        start, class_weights = options.pop("start", None), options.pop("class_weights", None)
        n_classes = options.pop("n_classes", 2)
        row_weights = None if weights is None else read_only(np.asarray(weights, np.float64))
        codes = read_only(np.asarray(y).astype(np.uint8))
        problem = Problem(ArrayRows(X), codes, n_classes, row_weights, class_weights)
        return minimise_by_newton(problem, NewtonOptions(**{"n_threads": 2, "loss": "squared_error", **options}), start)


@pytest.fixture(scope="session")
def workshop() -> Workshop:
    """Return the one workshop."""
    return Workshop()


@pytest.fixture(params=[False, True], ids=["all rows", "sampled"])
def is_sampled(request: pytest.FixtureRequest) -> bool:
    """Return False and True in turn; with True, the solver samples even small tables."""
    if request.param:
        request.getfixturevalue("few_are_sampled")
    return request.param


@pytest.fixture
def few_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver sample even tables so small that it would take all rows."""
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)


def has_optimum(name: str) -> bool:
    kind = name.removeprefix("small ").removeprefix("large ")
    return kind not in SEPARABLE


def _each(names: list[str]) -> Any:
    """Return a fixture that gives the name of each table in turn."""
    parameters = [pytest.param(name, id=name.replace(" ", "-")) for name in names]
    return pytest.fixture(params=parameters)(lambda request: request.param)


any_table = _each(list(TABLES))
table_with_optimum = _each([name for name in TABLES if has_optimum(name)])
# Tables whose classes can be told apart without an error.
separable_table = _each([name for name in TABLES if not has_optimum(name)])
