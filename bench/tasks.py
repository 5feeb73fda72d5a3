"""The tables of the race: made ones of six kinds over a grid of sizes, and real ones; each with rows held out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench import tables
from bench.competitors import Array
from bench.real_tables import real_tables

HELD_OUT_SHARE = 0.3
MOST_HELD_OUT, LEAST_HELD_OUT, HELD_OUT_VALUES = 200_000, 10_000, 4_000_000

KINDS: dict[str, Callable[..., tuple[Array, Array]]] = {
    "independent": tables.independent,
    "scaled": tables.scaled,
    "correlated": tables.correlated,
    "rare class": tables.rare_class,
    "heavy-tailed": tables.heavy_tailed,
    "rare columns": tables.rare_columns,
    "one-hot": tables.one_hot,
}
GRID = [("independent", n, 20) for n in (1000, 10_000, 100_000, 1_000_000)]
GRID += [("independent", 100_000, d) for d in (2, 8, 100, 500)]
GRID += [("independent", 20_000, 2000), ("independent", 20_000_000, 2)]
GRID += [(kind, 100_000, 20) for kind in list(KINDS)[1:-1]]
GRID += [(kind, 1_000_000, 20) for kind in ("correlated", "rare class", "heavy-tailed")]
GRID += [("one-hot", 100_000, 100), ("one-hot", 1_000_000, 100)]
QUICK_GRID = [("independent", 1000, 20), ("independent", 100_000, 20), ("correlated", 20_000, 8)]
QUICK_REAL = ("diamonds",)


@dataclass(frozen=True)
class Task:
    """A table that can be made.

    Attributes
    ----------
    name : str
    kind : str
        "real", or a kind of made rows.
    make : callable
        Returns X, y and the rows and labels held out.
    """

    name: str
    kind: str
    make: Callable[[], tuple[Array, Array, Array, Array]]


def count(n: int) -> str:
    """Return a round number as one says it: 20M, 100k."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if n >= size and n % (size // 10) == 0:
            return f"{n / size:g}{letter}"
    return str(n)


def _made(kind: str, n_rows: int, n_features: int) -> tuple[Array, Array, Array, Array]:
    n_held_out = min(MOST_HELD_OUT, max(LEAST_HELD_OUT, HELD_OUT_VALUES // n_features))
    X, y = KINDS[kind](n_rows + n_held_out, n_features)
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def _split(make: Callable[[], tuple[Array, Array]]) -> tuple[Array, Array, Array, Array]:
    X, y = make()
    order = np.random.default_rng(0).permutation(len(y))
    held_out, training = np.split(order, [int(HELD_OUT_SHARE * len(y))])
    return X[training], y[training], X[held_out], y[held_out]


def tasks(is_full: bool) -> Iterator[Task]:
    """Yield the tables, small ones first."""
    grid = GRID if is_full else QUICK_GRID
    for kind, n_rows, n_features in sorted(grid, key=lambda each: each[1] * each[2]):
        name = f"{kind}, {count(n_rows)} x {n_features}"
        yield Task(name, kind, lambda kind=kind, size=(n_rows, n_features): _made(kind, *size))  # type: ignore[misc]
    for name, make in real_tables().items():
        if is_full or name.startswith(QUICK_REAL):
            yield Task(name, "real", lambda make=make: _split(make))  # type: ignore[misc]


def write(folder: Path, X: Array, y: Array) -> None:
    """Write rows and labels where workers map them."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "X.npy", np.ascontiguousarray(X))
    np.save(folder / "y.npy", y)
