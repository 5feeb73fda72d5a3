"""One read of all rows, on one thread, beside X @ w: a read of the newton solver, and predicted probabilities."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import fastperceptron as fp
from bench.tables import independent
from fastperceptron.data.arrays import ArrayRows, aligned_zeros
from fastperceptron.data.labels import encode
from fastperceptron.kernels.rows import padded_size
from fastperceptron.training.problem import Problem
from fastperceptron.training.reads import SumsOverRows

SHAPES = [(1_000_000, 2), (1_000_000, 20), (200_000, 100), (20_000, 1000)]
ASKED = {20: "<= 2.2", 100: "<= 1.3", 1000: "<= 1.3"}


@pytest.fixture(scope="module", params=SHAPES, ids=lambda shape: f"d={shape[1]}")
def rows(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    return independent(*request.param)


@pytest.mark.benchmark(group="read")
@pytest.mark.parametrize("has_moments", [False, True], ids=["later read", "first read"])
def test_read(
    race: Callable[..., Any], note: Callable[..., None], rows: tuple[np.ndarray, np.ndarray], has_moments: bool
) -> None:
    X, y = rows
    n, d = X.shape
    codes = encode(y, n)[1]
    exact = SumsOverRows(Problem(ArrayRows(X), codes, 2), "log_loss", np.zeros(padded_size(d)), 0.0, map)
    weights = aligned_zeros((1, padded_size(d)), np.float32)
    weights[0, : d + 1] = np.linspace(-1, 1, d + 1)
    sums, _ = exact(weights, np.array([1]), has_moments)
    p = expit(X.astype(np.float64) @ weights[0, :d] + weights[0, d])
    np.testing.assert_allclose(sums[0, :d], (p - codes) @ X, rtol=1e-4, atol=1e-4 * n**0.5)
    vector = weights[0, :d].copy()
    with threadpool_limits(1):
        times = race(lambda: exact(weights, np.array([1]), has_moments), lambda: X @ vector, units=(n, n))
    name = "first read, with moments" if has_moments else "read"
    note(f"{name}, d={d}", min(times.ours), "ns a row")
    note(f"{name}, d={d} / X @ w", times.ratio, "times", "" if has_moments else ASKED.get(d, ""))


@pytest.mark.benchmark(group="predict")
@pytest.mark.parametrize("rival", ["X @ w", "scikit-learn"])
def test_predict_proba(race: Callable[..., Any], note: Callable[..., None], rival: str) -> None:
    X, y = independent(1_000_000, 20)
    ours = fp.PerceptronClassifier(loss="log_loss").fit(X, y)
    # What ours replaces: it takes raw rows, too.
    theirs = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X[:1000]), theirs.predict_proba(X[:1000]), atol=1e-3)
    vector = ours.coef_[0].astype(np.float32)
    opponent = (lambda: X @ vector) if rival == "X @ w" else (lambda: theirs.predict_proba(X))
    with threadpool_limits(1):
        times = race(lambda: ours.predict_proba(X), opponent, units=(len(X), len(X)))
    if rival == "X @ w":
        note("predict_proba, 1M x 20", min(times.ours), "ns a row")
        note("predict_proba / X @ w", times.ratio, "times", "<= 1.5")
    else:
        note("the pipeline's predict_proba / ours", 1 / times.ratio, "times", ">= 4")
