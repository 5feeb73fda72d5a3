"""Where reads gain little: they tell the Hessian's diagonal from then on; where many do so, the sample grows."""

from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.training.minimise.inverse_hessian import corrected_hessian
from fastperceptron.training.newton import newton, sample_size, start
from fastperceptron.training.newton.all_rows import AllRows
from tables import drawn_labels

pytestmark = pytest.mark.compiled


def with_outliers(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows six of which are so far out that hardly any sample tells of them."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(n_rows, 20))
    y = drawn_labels(2 * X[:, 0], rng)
    X[:: n_rows // 6, 1] += 300 * rng.standard_exponential(6)
    return X, y


def with_rare_columns(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns that are 1 in a third of the rows to one in 20,000, with strong weights."""
    rng = np.random.default_rng(5)
    X = (rng.random((n_rows, 40)) < np.logspace(-0.5, -4.3, 40)).astype(np.float32)
    return X, drawn_labels(X @ rng.normal(size=40) * 3, rng)


def with_correlated_columns(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return columns so mixed that the Hessian's condition number is about 1e5."""
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(n_rows, 20))
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    X = Z @ (basis * np.logspace(0, -2.5, 20)) @ basis.T
    return X, drawn_labels(Z @ rng.normal(size=20) / 2, rng)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that gets for each read whether it told the diagonal."""
    told: list[bool] = []
    read = AllRows.read

    def noted(self: Any, points: Any, positives: Any, is_float32: bool, has_moments: bool = False) -> Any:
        told.append(has_moments)
        return read(self, points, positives, is_float32, has_moments)

    monkeypatch.setattr(AllRows, "read", noted)
    return told


@pytest.mark.parametrize("make", [with_outliers, with_rare_columns])
def test_reads_tell_the_diagonal_once_one_was_slow(make: Any, reads: list[bool]) -> None:
    X, y = make(30_000)
    fitted = fp.PerceptronClassifier(loss="log_loss", tol=1e-2).fit(X, y)
    n_plain = reads.count(False)
    assert reads == [True] + [False] * n_plain + [True] * (len(reads) - n_plain - 1)
    assert 0 < n_plain < len(reads) - 1
    exact = fp.PerceptronClassifier(loss="log_loss", tol=1e-5, max_iter=1000).fit(X, y)
    assert fitted.loss_curve_[-1] == pytest.approx(exact.loss_curve_[-1], rel=1e-6)


def test_reads_that_gain_much_tell_no_diagonal(reads: list[bool]) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 9))
    fp.PerceptronClassifier(loss="log_loss", tol=0.1).fit(X, X[:, 0] + rng.logistic(size=60_000) > 0)
    assert reads == [True] + [False] * (len(reads) - 1)
    assert len(reads) <= 4


def test_the_sample_grows_where_reads_stay_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newton, "GOOD_SHRINKAGE", 1e9)
    monkeypatch.setattr(sample_size, "PATIENCE", 0)
    X, y = with_rare_columns(30_000)
    fitter = fp.PerceptronClassifier(loss="log_loss", tol=1e-2)
    sizes: list[int] = []
    draw = start.draw_sample

    def noted(problem: Any, size: int, *rest: Any) -> Any:
        sizes.append(size)
        return draw(problem, size, *rest)

    monkeypatch.setattr(start, "draw_sample", noted)
    fitter.fit(X, y)
    assert len(sizes) > 1
    assert sizes == sorted(set(sizes))


def test_correlated_columns_take_few_reads() -> None:
    X, y = with_correlated_columns(60_000)
    assert fp.PerceptronClassifier(loss="log_loss", C=100.0, tol=0.01).fit(X, y).n_iter_ <= 5


def test_a_hessian_keeps_its_flat_directions_where_chance_explains_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(200, 3))
    Z = np.column_stack([Z, Z.sum(axis=1)])
    flat, sampled = np.array([1.0, 1.0, 1.0, -1.0]), Z.T @ Z
    diagonal = 5 * sampled.diagonal() * np.array([1.0, 1.1, 0.9, 1.05])
    corrected = corrected_hessian(sampled, diagonal)
    np.testing.assert_allclose(corrected @ flat, 0, atol=1e-9 * sampled.max())
