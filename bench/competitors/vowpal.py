"""Vowpal Wabbit: rows are written in its text format, and its learner reads them, with a cache for later passes."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from bench.competitors import Array, Competitor, Fitted, Rows

CHUNK_ROWS = 1 << 14
# VW's own index of the bias: by its name, "Constant", another weight is found.
BIAS = 11650396


def _write(path: Path, X: Array, y: Array) -> None:
    pattern = "%d |" + "".join(f" {place}:%.6g" for place in range(X.shape[1])) + "\n"
    with path.open("w") as file:
        for start in range(0, len(y), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            rows = np.column_stack([2 * y[part].astype(np.int8) - 1, X[part]])
            file.writelines(pattern % tuple(row) for row in rows.tolist())


def _write_sparse(path: Path, X: Rows, y: Array) -> None:
    with path.open("w") as file:
        for start in range(0, len(y), CHUNK_ROWS):
            part = X[start : start + CHUNK_ROWS]
            ends, labels = part.indptr.tolist(), y[start : start + CHUNK_ROWS].tolist()
            cells = [
                f" {place}:{value:.6g}" for place, value in zip(part.indices.tolist(), part.data.tolist(), strict=True)
            ]
            file.writelines(
                f"{2 * label - 1} |{''.join(cells[first:end])}\n"
                for label, first, end in zip(labels, ends, ends[1:], strict=False)
            )


def fit(X: Rows, y: Array, C: float, passes: int) -> Fitted:
    """Fit by its default: adaptive, normalised, invariant steps, which need no scaled columns."""
    from vowpalwabbit import Workspace

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.vw"
        (_write_sparse if sparse.issparse(X) else _write)(path, X, y)
        options = f"--loss_function logistic --passes {passes} --l2 {1 / (C * len(y)):.3g} --holdout_off --quiet"
        options += f" --readable_model {path}.txt"
        model: Any = Workspace(f"--data {path} --cache_file {path}.cache -b {_bits(X.shape[1])} {options}")
        weights = np.array([model.get_weight_from_name(str(place)) for place in range(X.shape[1])])
        bias = float(model.get_weight(BIAS))
        model.finish()
        shrinkage = _shrinkage(Path(f"{path}.txt"))
    return Fitted(shrinkage * weights, shrinkage * bias)


def _shrinkage(path: Path) -> float:
    """Return the factor that --l2 has brought about: VW keeps it apart from the weights that it tells."""
    with path.open() as file:
        return next(float(line.split()[1]) for line in file if line.startswith("l2_state"))


def _bits(n_features: int) -> int:
    """Return the bits of a hash in which columns, numbered, do not meet one another; 18 is the default."""
    return max(18, (4 * n_features).bit_length())


COMPETITORS = [
    Competitor(
        "Vowpal Wabbit",
        "vowpalwabbit",
        fit,
        tuple({"passes": passes} for passes in (1, 2, 5, 20)),
        "Vowpal Wabbit wiki, Command-line arguments; input format of numbered features",
        "passes; --l2 is 1 / (C n); --oaa is one-vs-rest, which is another model",
        is_scaled=False,
        checks_values=False,
        most_values=12_000_000,
        takes_sparse=True,
    )
]
