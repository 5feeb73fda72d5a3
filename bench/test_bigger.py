"""Bigger than memory: rows that are made, files that are decoded once, and what others need for the same.

The tables are written anew into a temporary folder (20M x 20 in Parquet are 1.6 GB). With FASTPERCEPTRON_BENCH_FULL=1 a
billion synthetic rows are fitted, too, once.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import fastperceptron as fp
from bench.competitors.vowpal import BIAS
from fastperceptron.cli.synthesize import write_synthetic
from fastperceptron.kernels import synthetic as kernels

N_FEATURES = 20
SIZES = {"Parquet": 20_000_000, "CSV": 5_000_000, "npy": 20_000_000}
N_STREAMED = 5_000_000
CLOSE_ENOUGH = 1e-3

BILLION = """
import resource, time
import numpy as np
import fastperceptron as fp
fp.PerceptronClassifier(loss="log_loss").fit(fp.synthetic(300_000, 20, rng=0))
data = fp.synthetic(1_000_000_000, 20, rng=0)
start = time.perf_counter()
fitted = fp.PerceptronClassifier(loss="log_loss", C=float("inf")).fit(data)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, fitted.n_iter_,
      np.abs(fitted.coef_[0] - data.true_weights).max())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pa.set_cpu_count(2)
    return tmp_path_factory.mktemp("bigger")


def fit(data: fp.Dataset) -> fp.PerceptronClassifier:
    return fp.PerceptronClassifier(loss="log_loss").fit(data)


def seconds_of(function: Callable[[], object], *, rounds: int = 3) -> float:
    """Return the least of some rounds' seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.benchmark(group="synthetic")
def test_synthetic_values(benchmark: Any, note: Callable[..., None]) -> None:
    from fastperceptron.data.generated import _scratch

    pieces, scratch = np.empty((1024, 4, kernels.LANES), np.float32), _scratch()
    arguments = 0, np.uint64(0), np.uint64(1), scratch, pieces
    kernels.normal_pieces(*arguments)
    benchmark.pedantic(kernels.normal_pieces, arguments, rounds=300)
    note("a synthetic float32 normal, one thread", benchmark.stats.stats.min / pieces.size * 1e9, "ns", "<= 2.5")


@pytest.mark.benchmark(group="synthetic")
@pytest.mark.skipif(
    os.environ.get("FASTPERCEPTRON_BENCH_FULL") != "1", reason="takes long: FASTPERCEPTRON_BENCH_FULL=1"
)
def test_a_billion_rows(benchmark: Any, note: Callable[..., None]) -> None:
    run = lambda: subprocess.run([sys.executable, "-c", BILLION], check=True, capture_output=True, text=True).stdout  # noqa: E731
    seconds, megabytes, reads, error = map(float, benchmark.pedantic(run, rounds=1).split())
    note(f"a billion synthetic rows, {reads:.0f} reads", seconds, "s", "<= 300")
    note("peak memory of that", megabytes, "MiB", "<= 300")
    note("largest error of a weight", error, "", "sampling error: about 1e-4")


READERS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "Parquet": ("rows.parquet", parquet.read_table, "<= 2"),
    "CSV": ("rows.csv", csv.read_csv, "<= 1.5"),
}


@pytest.mark.benchmark(group="files")
@pytest.mark.parametrize("kind", READERS)
def test_files_beside_their_reader(benchmark: Any, note: Callable[..., None], folder: Path, kind: str) -> None:
    name, read, asked = READERS[kind]
    path = folder / name
    list(write_synthetic(path, SIZES[kind], N_FEATURES, rng=0))
    data = fp.dataset(path, target="y")
    fit(fp.synthetic(300_000, N_FEATURES, rng=0))
    times: list[tuple[float, float]] = []

    def one_round() -> None:
        reading = seconds_of(lambda: read(path), rounds=1)
        times.append((reading, seconds_of(lambda: fit(data), rounds=1)))

    benchmark.pedantic(one_round, rounds=3)
    what = f"{kind} {SIZES[kind] // 1_000_000}M x {N_FEATURES}"
    note(f"{what}: fit", min(ours for _, ours in times), "s")
    note(
        f"{what}: fit / {read.__name__}", float(np.median([ours / reading for reading, ours in times])), "times", asked
    )
    path.unlink()


@pytest.mark.benchmark(group="files")
def test_npy(benchmark: Any, note: Callable[..., None], folder: Path) -> None:
    X, y = fp.synthetic(SIZES["npy"], N_FEATURES, rng=0).arrays()
    np.save(folder / "X.npy", X)
    fit(fp.dataset((X[:300_000], y[:300_000])))
    times: list[tuple[float, float]] = []

    def one_round() -> None:
        mapped = seconds_of(lambda: fit(fp.dataset((folder / "X.npy", y))), rounds=1)
        times.append((seconds_of(lambda: fit(fp.dataset((X, y))), rounds=1), mapped))

    benchmark.pedantic(one_round, rounds=5)
    note("npy 20M x 20, mapped: fit", min(mapped for _, mapped in times), "s")
    ratio = float(np.median([mapped / plain for plain, mapped in times]))
    note("npy 20M x 20, mapped / in memory", ratio, "times", "<= 1.1")
    (folder / "X.npy").unlink()


def held_out_loss(weights: np.ndarray, bias: float) -> float:
    X, y = fp.synthetic(200_000, N_FEATURES, rng=0).arrays()
    z = X.astype(np.float64) @ weights + bias
    return float(np.mean(np.logaddexp(0, z) - y * z))


def sgd_over_parquet(path: Path, best: float) -> tuple[float, int]:
    """Return the seconds and the epochs that SGDClassifier's partial_fit over pyarrow's batches needs."""
    from sklearn.linear_model import SGDClassifier

    model, names = SGDClassifier(loss="log_loss", alpha=1e-7), [f"x{k}" for k in range(N_FEATURES)]
    start = time.perf_counter()
    for epoch in range(1, 6):  # noqa: B007  # it is returned
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1 << 16):
                X = np.column_stack([batch.column(name).to_numpy() for name in names])
                model.partial_fit(X, batch.column("y").to_numpy(), classes=[0, 1])
        if held_out_loss(model.coef_[0], model.intercept_[0]) <= best * (1 + CLOSE_ENOUGH):
            break
    return time.perf_counter() - start, epoch


def vw_lines(path: Path) -> Iterator[str]:
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1 << 16):
            values = np.column_stack([column.to_numpy() for column in batch.columns])
            for row in values.tolist():
                features = " ".join(f"{k}:{value:.6g}" for k, value in enumerate(row[:-1]))
                yield f"{1 if row[-1] else -1} | {features}\n"


def vw_over_text(text: Path, best: float) -> tuple[float, int]:
    """Return the seconds and passes that Vowpal Wabbit needs from its own text format, its cache included."""
    vowpal = pytest.importorskip("vowpalwabbit", reason="pip install vowpalwabbit")
    for passes in (1, 2, 4, 8):
        start = time.perf_counter()
        cache = text.with_suffix(".cache")
        cache.unlink(missing_ok=True)
        model = vowpal.Workspace(
            f"--data {text} --loss_function logistic --passes {passes} --cache_file {cache} --holdout_off --quiet -b 8"
        )
        seconds = time.perf_counter() - start
        weights = np.array([model.get_weight_from_name(str(k)) for k in range(N_FEATURES)])
        loss = held_out_loss(weights, float(model.get_weight(BIAS)))
        model.finish()
        if loss <= best * (1 + CLOSE_ENOUGH):
            break
    return seconds, passes


@pytest.mark.benchmark(group="rivals")
def test_rivals_over_files(benchmark: Any, note: Callable[..., None], folder: Path) -> None:
    path = folder / "streamed.parquet"
    list(write_synthetic(path, N_STREAMED, N_FEATURES, rng=0))
    data = fp.dataset(path, target="y")
    fitted = fit(data)
    best = held_out_loss(fitted.coef_[0], fitted.intercept_[0])
    ours = seconds_of(lambda: fit(data))
    note("Parquet 5M x 20: fit", ours, "s")
    theirs, epochs = benchmark.pedantic(sgd_over_parquet, (path, best), rounds=1)
    note(f"SGDClassifier.partial_fit, {epochs} epochs / fit", theirs / ours, "times", ">= 10")
    text = folder / "rows.vw"
    with text.open("w") as file:
        file.writelines(vw_lines(path))
    theirs, passes = vw_over_text(text, best)
    note(f"Vowpal Wabbit, {passes} passes / fit", theirs / ours, "times", ">= 10")
