"""The tables of the race: made ones over a grid of sizes, dense and sparse, of two classes and of more, and real ones.

Each has rows held out, that no competitor sees.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bench import class_tables, sparse_tables, tables
from bench.competitors import Array, Rows
from bench.real_tables import real_tables

HELD_OUT_SHARE = 0.3
MOST_HELD_OUT, LEAST_HELD_OUT, HELD_OUT_VALUES = 200_000, 10_000, 4_000_000

# The file of sparse rows.
SPARSE_ROWS = "X.npz"

KINDS: dict[str, Callable[..., tuple[Rows, Array]]] = {
    "independent": tables.independent,
    "scaled": tables.scaled,
    "correlated": tables.correlated,
    "rare class": tables.rare_class,
    "heavy-tailed": tables.heavy_tailed,
    "rare columns": tables.rare_columns,
    "one-hot": tables.one_hot,
    "text-like": sparse_tables.text_like,
    "one-hot sparse": sparse_tables.one_hot,
    "sparse": sparse_tables.uniform,
    "classes": class_tables.independent,
    "correlated classes": class_tables.correlated,
    "pictures": class_tables.pictures,
    "sparse classes": class_tables.text_like,
}


@dataclass(frozen=True)
class Made:
    """A made table: its kind, its size, and what else its maker takes."""

    kind: str
    n_rows: int
    n_features: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How the race calls it."""
        # Columns are rounded where they are as many as rows of other tables.
        columns = self.n_features if self.n_features < 4000 else count(self.n_features)
        n_classes = self.options.get("n_classes")
        return f"{self.kind}, {count(self.n_rows)} x {columns}" + (f", K={n_classes}" if n_classes else "")

    def make(self) -> tuple[Rows, Array, Rows, Array]:
        """Return X, y and the rows and labels held out."""
        n_held_out = min(MOST_HELD_OUT, max(LEAST_HELD_OUT, HELD_OUT_VALUES // self.n_features))
        X, y = KINDS[self.kind](self.n_rows + n_held_out, self.n_features, **self.options)
        return X[: self.n_rows], y[: self.n_rows], X[self.n_rows :], y[self.n_rows :]


GRID = [Made("independent", n, 20) for n in (1000, 10_000, 100_000, 1_000_000)]
GRID += [Made("independent", 100_000, d) for d in (2, 8, 100, 500)]
GRID += [Made("independent", 20_000, 2000), Made("independent", 20_000_000, 2)]
GRID += [Made(kind, 100_000, 20) for kind in ("scaled", "correlated", "rare class", "heavy-tailed", "rare columns")]
GRID += [Made(kind, 1_000_000, 20) for kind in ("correlated", "rare class", "heavy-tailed")]
GRID += [Made("one-hot", 100_000, 100), Made("one-hot", 1_000_000, 100)]
SPARSE_GRID = [
    Made("sparse", 100_000, 100, {"per_row": 5}),
    Made("sparse", 1000, 100_000, {"per_row": 100}),
    Made("one-hot sparse", 245_000, 4000),
    Made("text-like", 200_000, 20_000),
    Made("sparse", 1_000_000, 1_000_000, {"per_row": 10}),
]
CLASS_GRID = [
    Made("classes", 100_000, 30, {"n_classes": 10}),
    Made("correlated classes", 139_000, 84, {"n_classes": 4}),
    Made("classes", 1_000_000, 13, {"n_classes": 4}),
    Made("pictures", 60_000, 784, {"n_classes": 10}),
    Made("sparse classes", 100_000, 10_000, {"n_classes": 5}),
]
QUICK_GRID = [Made("independent", 1000, 20), Made("independent", 100_000, 20), Made("correlated", 20_000, 8)]
QUICK_GRID += [Made("text-like", 10_000, 2000), Made("classes", 10_000, 10, {"n_classes": 3})]
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
    make: Callable[[], tuple[Rows, Array, Rows, Array]]


def count(n: int) -> str:
    """Return a round number as one says it: 20M, 100k."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if n >= size and n % (size // 10) == 0:
            return f"{n / size:g}{letter}"
    return str(n)


def _split(make: Callable[[], tuple[Array, Array]]) -> tuple[Array, Array, Array, Array]:
    X, y = make()
    order = np.random.default_rng(0).permutation(len(y))
    held_out, training = np.split(order, [int(HELD_OUT_SHARE * len(y))])
    return X[training], y[training], X[held_out], y[held_out]


def tasks(is_full: bool) -> Iterator[Task]:
    """Yield the tables: dense ones, sparse ones, those of many classes and real ones, small ones first."""
    for grid in (GRID, SPARSE_GRID, CLASS_GRID) if is_full else (QUICK_GRID,):
        for made in sorted(grid, key=lambda each: each.n_rows * each.n_features):
            yield Task(made.name, made.kind, made.make)
    for name, make in real_tables().items():
        if is_full or name.startswith(QUICK_REAL):
            yield Task(name, "real", lambda make=make: _split(make))  # type: ignore[misc]


def write(folder: Path, X: Rows, y: Array) -> None:
    """Write rows and labels where workers map them, or load them where they are sparse."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SPARSE_ROWS).unlink(missing_ok=True)  # of the table before
    if sparse.issparse(X):
        sparse.save_npz(folder / SPARSE_ROWS, X, compressed=False)
    else:
        np.save(folder / "X.npy", np.ascontiguousarray(X))
    np.save(folder / "y.npy", y)
