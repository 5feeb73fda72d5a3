"""A fit of sparse rows that is interrupted goes on from its checkpoint, and only for the same rows."""

from pathlib import Path

import numpy as np
import pytest

from fastperceptron.data.arrays import read_only
from fastperceptron.kernels import sparse_objective
from fastperceptron.training.checkpoint import Checkpoint
from fastperceptron.training.newton import wide_start
from fastperceptron.training.newton.newton import minimise_by_newton
from fastperceptron.training.observer import NOBODY, Observer
from fastperceptron.training.problem import NewtonOptions, Problem
from sparse_tables import random_table, sparse_rows
from tables import drawn_labels


@pytest.mark.compiled
@pytest.mark.parametrize("n_calls", [1, 3, 8, 25])
def test_an_interrupted_fit_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_calls: int
) -> None:
    monkeypatch.setattr(sparse_objective, "TILE_VALUES", 100)
    monkeypatch.setattr(wide_start, "hessian_rows", lambda *_: 0)
    X = random_table(800, 6)
    rows, path = sparse_rows(X), tmp_path / "fit.ckpt"
    problem = Problem(rows, read_only(drawn_labels(X.sum(axis=1), np.random.default_rng(0)).astype(np.uint8)), 2)
    counted = 0

    def interrupt(n_rows: int) -> None:
        nonlocal counted
        counted += 1
        if counted == n_calls:
            raise TimeoutError

    def fit(observer: Observer) -> bytes:
        solution = minimise_by_newton(problem, NewtonOptions(loss="log_loss", n_threads=2), None, observer)
        return solution.weights.tobytes() + solution.bias.tobytes() + solution.loss_curve.tobytes()

    expected = fit(NOBODY)
    with pytest.raises(TimeoutError), Checkpoint(path, {}, seconds=0.0, rows=rows) as checkpoint:
        fit(Observer(rows_read=interrupt, checkpoint=checkpoint))
    read: list[int] = []
    with Checkpoint(path, {}, rows=rows) as checkpoint:
        assert fit(Observer(rows_read=read.append, checkpoint=checkpoint)) == expected
    X[3, 2] += 1.0
    with pytest.raises(ValueError, match="belongs to another fit: the data"):
        Checkpoint(path, {}, rows=sparse_rows(X))
