"""What a fit costs besides time in the long run: on few rows, in memory, and with many classes."""

import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastperceptron as fp
from bench.tables import digits

MEMORY = """
import resource, sys
sys.path.insert(0, {folder!r})
from bench.tables import independent
import fastperceptron as fp
X, y = independent(10_000_000, 20)
fp.PerceptronClassifier().fit(X[:100_000], y[:100_000])
X[:1] = X[:1]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resident = int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() // 1024
ballast = bytearray(max(0, before - resident) * 1024)  # up to the peak so far, so that the fit shows above it
for place in range(0, len(ballast), 4096):
    ballast[place] = 1
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
fp.PerceptronClassifier().fit(X, y)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.benchmark(group="small")
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_small_data(race: Callable[..., Any], note: Callable[..., None], loss: str) -> None:
    X, y = load_iris(return_X_y=True)
    y = (y == 1).astype(int)
    ours, theirs = fp.PerceptronClassifier(loss=loss), LogisticRegression()
    ours.fit(X, y)
    times = race(lambda: ours.fit(X, y), lambda: theirs.fit(X, y), units=(1, 1))
    note(f"fit of 150 x 4, {loss}", statistics.median(times.ours) / 1e6, "ms", "<= 1")
    note(f"LogisticRegression without a scaler / fit, {loss}", 1 / times.ratio, "times", ">= 1")


@pytest.mark.benchmark(group="memory")
def test_memory(benchmark: Any, note: Callable[..., None]) -> None:
    megabytes: list[float] = []
    command = [sys.executable, "-c", MEMORY.format(folder=str(Path(__file__).parents[1]))]
    run = lambda: megabytes.append(float(subprocess.run(command, check=True, capture_output=True).stdout))  # noqa: E731
    benchmark.pedantic(run, rounds=1)
    note("memory beyond X and y, 10M x 20", megabytes[0], "MiB", "<= 32")


def one_versus_rest_objective(X: np.ndarray, y: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> float:
    rows = X.astype(np.float64)
    deviations = rows.std(axis=0)
    z = rows @ weights.T + bias
    losses = np.logaddexp(0, z) - (y[:, None] == np.arange(len(bias))) * z
    return float(losses.sum() + ((weights * np.where(deviations > 0, deviations, 1)) ** 2).sum() / 2)


@pytest.mark.benchmark(group="classes")
def test_ten_classes(benchmark: Any, note: Callable[..., None]) -> None:
    X, y = digits(60_000)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    objectives: dict[str, float] = {}

    def fit_ours() -> None:
        fitted = fp.PerceptronClassifier(loss="log_loss", max_iter=1000).fit(X, y)
        objectives["ours"] = one_versus_rest_objective(X, y, fitted.coef_, fitted.intercept_)

    def fit_theirs() -> None:
        single = X.astype(np.float32)
        fitted = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(max_iter=1000))).fit(single, y)
        scaler, regressions = fitted[0], fitted[-1].estimators_
        weights = np.array([regression.coef_[0] for regression in regressions]) / scaler.scale_
        bias = np.array([regression.intercept_[0] for regression in regressions]) - weights @ scaler.mean_
        objectives["theirs"] = one_versus_rest_objective(X, y, weights, bias)

    def run() -> None:
        for who, fit in (("ours", fit_ours), ("theirs", fit_theirs)):
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fit()
            seconds[who].append(time.perf_counter() - start)

    fp.PerceptronClassifier(loss="log_loss", max_iter=3, tol=1e9).fit(X[:20_000], y[:20_000])
    benchmark.pedantic(run, rounds=1)
    note("10 classes, 60k x 784 uint8: fit", seconds["ours"][0], "s")
    note("OneVsRest pipeline / fit", seconds["theirs"][0] / seconds["ours"][0], "times", ">= 3")
    note("objective above the pipeline's, relative", objectives["ours"] / objectives["theirs"] - 1, "", "<= 1e-4")
