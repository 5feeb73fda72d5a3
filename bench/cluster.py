"""Times of fits on a cluster of Dask on this machine: `python -m bench.cluster partitions | parquet | workers | made`.

partitions: a read of persisted rows in few and in many partitions, and what it costs the scheduler
parquet: rows in files, read by 2 workers of one thread each and by 2 threads of one process
workers: synthetic rows with 1 and with 2 workers
made: synthetic rows by 2 workers and by 2 threads, wall time and CPU time
"""

import contextlib
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import fastperceptron as fp
from fastperceptron.cluster.dask_engine import DaskEngine


@contextlib.contextmanager
def cluster(n_workers: int) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers, threads_per_worker=1, dashboard_address=None, memory_limit=None) as started,
        Client(started) as client,
    ):
        yield client


def cpu(client: Any = None) -> float:
    """Return the CPU seconds of this process (with the scheduler in it) and of the workers."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    others = client.run(time.process_time).values() if client else ()
    return own.ru_utime + own.ru_stime + sum(others)


def timed_fit(data: Any, *labels: Any, client: Any = None, **options: Any) -> tuple[float, float, Any]:
    """Return wall and CPU seconds of a fit, and the classifier."""
    started, before = time.perf_counter(), cpu(client)
    fitted = fp.PerceptronClassifier(loss="log_loss", **options).fit(data, *labels)
    return time.perf_counter() - started, cpu(client) - before, fitted


def block(k: int, n_rows: int) -> np.ndarray:
    return np.random.default_rng(k).random((n_rows, 20), np.float32) - np.float32(0.5)


def labels_of(X: np.ndarray) -> np.ndarray:
    return (X.sum(axis=1) + 0.5 * np.sin(1e5 * X[:, 0]) > 0).astype(np.int8)


def partitions(n_rows: int = 31_000_000, counts: tuple[int, ...] = (100, 1000, 10_000)) -> None:
    import dask.array as da
    from distributed import wait

    steps: dict[str, list[float]] = {}

    def noted(method: Any) -> Any:
        def call(self: DaskEngine, *arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            found = method(self, *arguments, **named)
            name = arguments[0] if isinstance(arguments[0], str) else method.__name__
            steps.setdefault(name, []).append(round(time.perf_counter() - started, 3))
            return found

        return call

    for name in ("place", "ask", "together"):
        setattr(DaskEngine, name, noted(getattr(DaskEngine, name)))
    for n in counts:
        with cluster(2) as client:
            size = n_rows // n
            rows = client.map(block, range(n), n_rows=size, pure=False)
            labels = client.map(labels_of, rows, pure=False)
            wait(labels)
            X = da.concatenate([da.from_delayed(each, (size, 20), np.float32) for each in rows]).persist()
            y = da.concatenate([da.from_delayed(each, (size,), np.int8) for each in labels]).persist()
            wait([X, y])
            for _ in range(2):
                steps.clear()
                seconds, _, fitted = timed_fit(X, y)
                print(f"{n} partitions: fit {seconds:.2f} s, {fitted.n_iter_} reads; steps {steps}", flush=True)


def compare(turn: int, local: Any, on_workers: Any, client: Any) -> None:
    """Print what a fit by 2 threads and by 2 workers takes."""
    (wall, own, here), (wall_there, all_cpu, there) = timed_fit(local, n_jobs=2), timed_fit(on_workers, client=client)
    same, memory = here.coef_.tobytes() == there.coef_.tobytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"turn {turn}: n_jobs=2 {wall:.2f} s, CPU {own:.2f}; 2 workers {wall_there:.2f} s, CPU {all_cpu:.2f}; ratios "
        f"{wall_there / wall:.2f} and {all_cpu / own:.2f}; same bits: {same}; client's peak {memory / 1024:.0f} MB",
        flush=True,
    )


def parquet(n_rows: int = 20_000_000, n_files: int = 100) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        for k in range(n_files):
            X = block(k, n_rows // n_files)
            columns = {f"x{j}": X[:, j] for j in range(20)} | {"y": labels_of(X)}
            pq.write_table(pa.table(columns), Path(folder) / f"rows-{k:04}.parquet")
        pattern = str(Path(folder) / "rows-*.parquet")
        with cluster(2) as client:
            for turn in range(3):
                files = fp.dataset(pattern, target="y"), fp.dataset(pattern, target="y", engine=client)
                compare(turn, *files, client)


def workers(n_rows: int = 30_000_000) -> None:
    data = fp.synthetic(n_rows, 20, rng=0)
    for turn in range(3):
        seconds = []
        for n in (1, 2):
            with cluster(n) as client:
                timed_fit(fp.dataset(fp.synthetic(1_000_000, 20, rng=0), engine=client))
                seconds.append(timed_fit(fp.dataset(data, engine=client))[0])
        one, two = seconds
        print(f"turn {turn}: 1 worker {one:.2f} s, 2 workers {two:.2f} s: {one / two:.2f} times", flush=True)


def made(n_rows: int = 100_000_000) -> None:
    data = fp.synthetic(n_rows, 20, rng=0)
    timed_fit(fp.synthetic(1_000_000, 20, rng=0), n_jobs=2)
    with cluster(2) as client:
        timed_fit(fp.dataset(fp.synthetic(1_000_000, 20, rng=0), engine=client))
        for turn in range(2):
            compare(turn, data, fp.dataset(data, engine=client), client)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    name, *sizes = sys.argv[1:]
    {"partitions": partitions, "parquet": parquet, "workers": workers, "made": made}[name](*map(int, sizes[:1]))
