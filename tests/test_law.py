"""The law: neither the machine, nor threads, layout, neighbours or the process decide what is computed."""

import concurrent.futures
import functools
import multiprocessing
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastperceptron as fp
from fastperceptron.training import reads
from tables import bits, layouts

pytestmark = pytest.mark.compiled
only_x86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="these are x86-64's CPUs")

START = """
import hashlib
import numpy as np, fastperceptron as fp
rng = np.random.default_rng(0)
def show(*parts):
    print(hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest())
"""
DESCENT = f"""{START}
cases = [(3, "f8", 1, "squared_error"), (9, "f4", 20, "log_loss"), (3, "f4", 9, "log_loss")]
for n_features, dtype, batch_size, loss in cases:
    X = rng.normal(size=(300, n_features)).astype(dtype)
    model = fp.train(X, X[:, 0] > 0, steps=500, batch_size=batch_size, loss=loss, rng=1)
    show(model.weights, np.asarray(model.history), model.predict_proba(X), fp.sigmoid(X))
"""
NEWTON = f"""{START}
cases = [  # rows, columns, dtype, classes, whether weighted, loss
    (60_000, 9, "f4", 2, False, "squared_error"),
    (60_000, 20, "f4", 2, False, "log_loss"),
    (60_000, 3, "f4", 2, False, "squared_error"),
    (30_000, 9, "f4", 3, True, "log_loss"),
    (150, 4, "f8", 2, False, "squared_error"),
    (150, 4, "f8", 3, True, "log_loss"),
]
for n_rows, n_features, dtype, n_classes, is_weighted, loss in cases:
    y = rng.integers(0, n_classes, n_rows)
    X = (rng.normal(size=(n_rows, n_features)) + rng.normal(size=(n_classes, n_features))[y]).astype(dtype)
    weight = rng.integers(0, 3, n_rows) * 0.5 if is_weighted else None
    fitted = fp.PerceptronClassifier(loss=loss, n_jobs=2).fit(X, y, sample_weight=weight)
    parts = [fitted.coef_, fitted.intercept_, fitted.loss_curve_, np.float64(fitted.optimality_gap_)]
    show(*parts, fitted.predict_proba(X[:1000]), fitted.decision_function(X[:1000]))
"""
SGD = f"""{START}
for n_features, dtype, n_classes, options in [
    (3, "f8", 2, dict(batch_size=1)),
    (20, "f4", 2, dict(learning_rate="invscaling")),
    (9, "f4", 3, dict(loss="log_loss", average=True)),
]:
    X = rng.normal(size=(20_000, n_features)).astype(dtype)
    y, weight = (X[:, 0] > 0).astype(int) + (X[:, 1] > 1) * (n_classes - 2), rng.uniform(size=len(X))
    fitted = fp.PerceptronClassifier(solver="sgd", max_iter=2, random_state=0, **options).fit(X, y, weight)
    show(fitted.coef_, fitted.intercept_, fitted.loss_curve_)
"""
# Whether code for this CPU has fused multiply-adds, and vectors of 256 bits.
ABILITIES = """
import numba, numpy as np
from fastperceptron.kernels import rows
kernel = numba.njit(lambda X, i, weights: rows.dot(X, i, weights))
kernel(np.ones((2, 9), np.float32), 0, np.ones(16, np.float32))
code = "".join(kernel.inspect_asm().values())
print(int("vfmadd" in code), int("ymm" in code))
"""
# Numba keeps the host's features under another CPU's name, unless it is told which to have.
CPUS = {
    "generic": {"NUMBA_CPU_NAME": "generic"},
    "x86-64-v2": {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": "+sse4.2"},
    "no FMA": {"NUMBA_CPU_FEATURES": "-fma,-fma4,-avx512f,-avx512vl,-avx512dq,-avx512bw"},
}
WITHOUT_CPU = {key: value for key, value in os.environ.items() if not key.startswith("NUMBA_CPU")}


@functools.cache
def lines_of(program: str, cpu: str = "host") -> list[str]:
    """Return what a program prints on a CPU of that kind."""
    environment = WITHOUT_CPU | CPUS.get(cpu, {})
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.slow
@only_x86
def test_the_settings_do_take_abilities_away() -> None:
    assert lines_of(ABILITIES, "generic") == lines_of(ABILITIES, "x86-64-v2") == ["0", "0"]
    assert lines_of(ABILITIES, "no FMA")[0] == "0"


@pytest.mark.slow
@only_x86
@pytest.mark.parametrize("program", [DESCENT, NEWTON, SGD], ids=["descent", "newton", "sgd"])
@pytest.mark.parametrize("cpu", CPUS)
def test_another_cpu_gives_the_same_bits(cpu: str, program: str) -> None:
    here, there = lines_of(program), lines_of(program, cpu)
    assert there == here
    assert len(set(here)) == len(here) >= 3


@pytest.mark.slow
def test_another_seed_gives_other_bits() -> None:
    for program, change in [(DESCENT, ("rng=1", "rng=2")), (NEWTON, ("default_rng(0)", "default_rng(1)"))]:
        others = lines_of(program.replace(*change))
        assert not set(others) & set(lines_of(program))
        assert len(others) == len(lines_of(program))


def table(n_rows: int = 60_000, n_features: int = 9, n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(n_features)
    y = rng.integers(0, n_classes, n_rows)
    X = rng.normal(size=(n_rows, n_features)) + rng.normal(size=(n_classes, n_features))[y]
    return X.astype(np.float32), y


@pytest.fixture(autouse=True)
def _threads_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "SINGLE_THREAD_VALUES", 0)


@pytest.mark.parametrize(("n_features", "n_classes"), [(9, 2), (9, 3), (3, 2), (20, 2)])
@pytest.mark.parametrize("loss", ["squared_error", "log_loss"])
def test_the_number_of_threads(monkeypatch: pytest.MonkeyPatch, loss: str, n_features: int, n_classes: int) -> None:
    monkeypatch.setattr(reads, "TILES_PER_TASK", 1)
    X, y = table(n_features=n_features, n_classes=n_classes)
    if n_features == 3:
        X, y = np.tile(X, (3, 1)), np.tile(y, 3)  # narrow tiles are long
    fits = [bits(fp.PerceptronClassifier(loss=loss, n_jobs=n_jobs).fit(X, y)) for n_jobs in (1, 2, 3, 5)]
    assert len(set(fits)) == 1


@pytest.mark.parametrize("n_jobs", [1, 3])
@pytest.mark.parametrize(("n_rows", "n_features"), [(60_000, 9), (60_000, 3), (300, 9)])
def test_the_layout_of_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, n_rows: int, n_features: int, n_jobs: int
) -> None:
    monkeypatch.setattr(reads, "TILES_PER_TASK", 1)
    X, y = table(n_rows, n_features)
    same = {"C": X} | layouts(X, tmp_path)
    fits = {name: bits(fp.PerceptronClassifier(n_jobs=n_jobs).fit(rows, y)) for name, rows in same.items()}
    assert [name for name in same if fits[name] != fits["C"]] == []


def test_a_busy_neighbour() -> None:
    X, y = table(200_000)
    Z, labels = table(100_000, 20, 3)
    expected, is_over = bits(fp.PerceptronClassifier(n_jobs=1).fit(X, y)), threading.Event()
    neighbours = {bits(fp.PerceptronClassifier(n_jobs=1).fit(Z, labels))}

    def be_busy() -> None:
        while not is_over.is_set():
            neighbours.add(bits(fp.PerceptronClassifier(n_jobs=2).fit(Z, labels)))

    neighbour = threading.Thread(target=be_busy)
    neighbour.start()
    try:
        fits = {bits(fp.PerceptronClassifier(n_jobs=2).fit(X, y)) for _ in range(20)}
    finally:
        is_over.set()
        neighbour.join()
    assert fits == {expected}
    assert len(neighbours) == 1


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_another_process(method: str) -> None:
    X, y = table()
    classifier = fp.PerceptronClassifier(n_jobs=2)
    expected = bits(classifier.fit(X, y))
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        fits = [pool.submit(classifier.fit, X, y) for _ in range(3)]
        assert {bits(each.result(timeout=120)) for each in fits} == {expected}
    assert bits(classifier.fit(X, y)) == expected
