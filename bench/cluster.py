"""Times of fits on a cluster of Dask on this machine.

`python -m bench.cluster NAME [--rows N] [--partitions N] [--turns N]`, where NAME is one of:

partitions: persisted rows in many partitions: bundling once, a read, and what they cost the scheduler
parquet: rows in files, read by 2 workers of one thread each and by 2 threads of one process
made: synthetic rows by 2 workers and by 2 threads; with --rows 1000000000 the billion
workers: synthetic rows with 1 and with 2 workers
rivals: dask_ml's LogisticRegression on the same persisted rows
peaks: the memory of workers beyond their shares of the rows, persisted ones and those of files
costs: processor time per row and read (in memory, made, of files) on one thread, and per task

The scheduler and the workers (with their nanny) are processes of their own, so that each one's processor time is known:
on a machine that others use, it says more than the clock does. Processes of Dask that have nothing to do take some, too
(0.1 s of it a second here), which counts where a busy machine makes all take longer: it is measured, and taken off.
"""

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import fastperceptron as fp
from fastperceptron.cluster.collections import CollectionDataset
from fastperceptron.cluster.dask_engine import DaskEngine
from fastperceptron.training.parted_rows import COUNT_CODES

N_FEATURES = 20


class Cluster:
    """Processes of a scheduler and of workers of one thread each, and a client of theirs."""

    def __init__(self, client: Any, scheduler: int, workers: int) -> None:
        self.client, self._scheduler, self._workers = client, psutil.Process(scheduler), psutil.Process(workers)
        started, before = time.perf_counter(), self.cpu()
        time.sleep(5)
        self.idle = (self.cpu() - before) / (time.perf_counter() - started)  # seconds a second

    def cpu(self) -> np.ndarray:
        """Return the processor seconds so far of this process, of the scheduler, and of the workers and nannies."""
        of_workers = [self._workers, *self._workers.children(recursive=True)]
        return np.array([sum(map(seconds_of, each)) for each in ([psutil.Process()], [self._scheduler], of_workers)])

    def peaks(self) -> list[int]:
        """Return the peak memory of each worker so far, in bytes."""
        pids = self.client.run(os.getpid).values()
        found = [Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0] for pid in pids]
        return [1024 * int(each) for each in found]


def seconds_of(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextlib.contextmanager
def cluster(n_workers: int = 2) -> Iterator[Cluster]:
    from distributed import Client

    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        where = ["--scheduler-file", str(Path(folder) / "scheduler.json"), "--no-dashboard"]
        sizes = ["--nworkers", str(n_workers), "--nthreads", "1", "--memory-limit", "0", "--local-directory", folder]
        processes = []
        for name, options in (("scheduler", ["--port", "0"]), ("worker", sizes)):
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *where, *options]
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
            stack.callback(processes[-1].wait)
            stack.callback(processes[-1].terminate)
        client = stack.enter_context(Client(scheduler_file=where[1]))
        client.wait_for_workers(n_workers)
        yield Cluster(client, *(each.pid for each in processes))


def timed_fit(data: Any, *labels: Any, of: Cluster | None = None, **options: Any) -> tuple[float, float, Any]:
    """Return wall and processor seconds of a fit (less what an idle cluster takes), and the classifier."""
    started, before = time.perf_counter(), of.cpu() if of else time.process_time()
    fitted = fp.PerceptronClassifier(loss="log_loss", **options).fit(data, *labels)
    seconds = time.perf_counter() - started
    after = of.cpu() - of.idle * seconds if of else time.process_time()
    return seconds, float(np.sum(after - before)), fitted


def block(k: int, n_rows: int) -> np.ndarray:
    return np.random.default_rng(k).random((n_rows, N_FEATURES), np.float32) - np.float32(0.5)


def labels_of(X: np.ndarray) -> np.ndarray:
    return (X.sum(axis=1) + 0.5 * np.sin(1e5 * X[:, 0]) > 0).astype(np.int8)


def persisted(n_rows: int, n_partitions: int) -> tuple[Any, Any]:
    """Return rows and labels that workers keep."""
    import dask.array as da
    from distributed import wait

    size = n_rows // n_partitions
    numbers = da.arange(n_partitions, chunks=1)[:, None]
    of_rows = {"chunks": ((size,) * n_partitions, (N_FEATURES,)), "meta": np.zeros((0, 0), np.float32)}
    X = da.map_blocks(lambda number: block(int(number[0, 0]), size), numbers, dtype=np.float32, **of_rows).persist()
    wait(X)
    y = X.map_blocks(labels_of, drop_axis=1, dtype=np.int8, meta=np.zeros(0, np.int8)).persist()
    wait(y)
    return X, y


def partitions(n_rows: int, n_partitions: int, n_turns: int) -> None:
    with cluster() as of:
        X, y = persisted(n_rows, n_partitions)
        timed_fit(*persisted(200_000, 4))  # workers load their kernels
        steps: list[tuple[float, np.ndarray]] = []
        ask = DaskEngine.ask

        def noted(self: DaskEngine, name: str, *arguments: Any, **named: Any) -> Any:
            started, before = time.perf_counter(), of.cpu()
            found = ask(self, name, *arguments, **named)
            if name == "answer":
                seconds = time.perf_counter() - started
                steps.append((seconds, of.cpu() - before - of.idle * seconds))
            return found

        DaskEngine.ask = noted  # type: ignore[method-assign]
        for turn in range(n_turns):
            started, before = time.perf_counter(), of.cpu()
            with CollectionDataset(X, y).open_table() as table:
                rows: Any = table.rows
                rows.ask(COUNT_CODES, 2)  # answered when all bundles are there
                once = time.perf_counter() - started
                cpu_once = of.cpu() - before - of.idle * once
            steps.clear()
            seconds, cpu, fitted = timed_fit(X, y, of=of)
            read, cpu_of_read = (sum(each) / len(steps) for each in zip(*steps, strict=True))
            print(
                f"turn {turn}: {n_rows:,} rows in {n_partitions} partitions; CPU of client, scheduler, workers:\n"
                f"  bundling once {once:.2f} s, CPU {cpu_once.round(2)}\n"
                f"  a read {read:.3f} s, CPU {cpu_of_read.round(3)}\n"
                f"  fit {seconds:.2f} s, CPU {cpu:.2f}, {fitted.n_iter_} reads",
                flush=True,
            )


def compare(turn: int, local: Any, on_workers: Any, of: Cluster) -> None:
    """Print what a fit by 2 threads and by 2 workers takes."""
    wall, own, here = timed_fit(local, n_jobs=2)
    before = of.cpu()
    wall_there, all_cpu, there = timed_fit(on_workers, of=of)
    parts = of.cpu() - before - of.idle * wall_there
    same, memory = here.coef_.tobytes() == there.coef_.tobytes(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"turn {turn}: n_jobs=2 {wall:.2f} s, CPU {own:.2f}; 2 workers {wall_there:.2f} s, CPU {all_cpu:.2f} (client, "
        f"scheduler, workers {parts.round(2)}); ratios {wall_there / wall:.2f} and {all_cpu / own:.2f}; same bits: "
        f"{same}; client's peak {memory / 1024:.0f} MB",
        flush=True,
    )


@contextlib.contextmanager
def files(n_rows: int, n_files: int) -> Iterator[str]:
    """Give a pattern of Parquet files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        for k in range(n_files):
            X = block(k, n_rows // n_files)
            columns = {f"x{j}": X[:, j] for j in range(N_FEATURES)} | {"y": labels_of(X)}
            pq.write_table(pa.table(columns), Path(folder) / f"rows-{k:04}.parquet")
        yield str(Path(folder) / "rows-*.parquet")


def parquet(n_rows: int, n_partitions: int, n_turns: int) -> None:
    with files(n_rows, n_partitions) as pattern, cluster() as of:
        for turn in range(n_turns + 1):  # the first one loads kernels
            compare(turn, fp.dataset(pattern, target="y"), fp.dataset(pattern, target="y", engine=of.client), of)


def made(n_rows: int, n_partitions: int, n_turns: int) -> None:  # noqa: ARG001  # rows are cut by the engine
    data, few = fp.synthetic(n_rows, N_FEATURES, rng=0), fp.synthetic(1_000_000, N_FEATURES, rng=0)
    timed_fit(few, n_jobs=2)
    with cluster() as of:
        timed_fit(fp.dataset(few, engine=of.client))
        for turn in range(n_turns):
            compare(turn, data, fp.dataset(data, engine=of.client), of)


def workers(n_rows: int, n_partitions: int, n_turns: int) -> None:  # noqa: ARG001  # likewise
    data, few = fp.synthetic(n_rows, N_FEATURES, rng=0), fp.synthetic(1_000_000, N_FEATURES, rng=0)
    for turn in range(n_turns):
        seconds = []
        for n in (1, 2):
            with cluster(n) as of:
                timed_fit(fp.dataset(few, engine=of.client))
                seconds.append(timed_fit(fp.dataset(data, engine=of.client), of=of)[:2])
        (one, cpu_of_one), (two, cpu_of_two) = seconds
        print(
            f"turn {turn}: 1 worker {one:.2f} s, 2 workers {two:.2f} s: {one / two:.2f} times; "
            f"CPU {cpu_of_one:.2f} and {cpu_of_two:.2f}",
            flush=True,
        )


def mean_loss(X: np.ndarray, y: np.ndarray, fitted: Any) -> float:
    z = X @ np.ravel(fitted.coef_).astype(np.float64) + np.ravel(fitted.intercept_)
    return float(np.mean(np.logaddexp(0, np.where(y > 0, -z, z))))


def rivals(n_rows: int, n_partitions: int, n_turns: int) -> None:
    from dask_ml.linear_model import LogisticRegression

    with cluster() as of:
        X, y = persisted(n_rows, n_partitions)
        sample = X.compute(), y.compute()
        timed_fit(*persisted(200_000, 4))
        for turn in range(n_turns):
            seconds, cpu, ours = timed_fit(X, y, of=of, C=np.inf)
            least = mean_loss(*sample, ours)
            print(f"turn {turn}: fastperceptron {seconds:.2f} s, CPU {cpu:.2f}, log loss {least:.12f}", flush=True)
            for solver in ("lbfgs", "newton"):
                started, before = time.perf_counter(), of.cpu()
                theirs = LogisticRegression(solver=solver, C=1e10).fit(X, y)
                wall = time.perf_counter() - started
                its_cpu = float((of.cpu() - before - of.idle * wall).sum())
                more = mean_loss(*sample, theirs) - least
                print(
                    f"  dask_ml {solver} {wall:.2f} s, CPU {its_cpu:.2f}: {wall / seconds:.1f} and {its_cpu / cpu:.1f} "
                    f"times as much; log loss {more:+.2g}",
                    flush=True,
                )


def costs(n_rows: int, n_partitions: int, n_turns: int) -> None:
    X = np.concatenate([block(k, n_rows // 8) for k in range(8)])
    y, made_rows = labels_of(X), fp.synthetic(n_rows, N_FEATURES, rng=0)
    with files(n_rows, 8) as pattern:
        decoded: Any = fp.dataset(pattern, target="y")
        seconds = {}
        for name, data in (("memory", (X, y)), ("made", (made_rows,)), ("files", (decoded,))):
            found = [timed_fit(*data, n_jobs=1)[1:] for _ in range(n_turns + 1)]
            seconds[name] = min(cpu for cpu, _ in found), found[0][1].n_iter_
    whole = {name: 1e9 * cpu / len(X) for name, (cpu, _) in seconds.items()}
    print(
        f"ns of a row: a read in memory {whole['memory'] / seconds['memory'][1]:.1f}, made as read "
        f"{whole['made'] / seconds['made'][1]:.1f}, decoding Parquet once {whole['files'] - whole['memory']:.0f}",
        flush=True,
    )
    with cluster() as of:
        for _ in range(n_turns):
            started, before = time.perf_counter(), of.cpu()
            of.client.gather(of.client.map(abs, range(n_partitions), pure=False))
            spent = of.cpu() - before - of.idle * (time.perf_counter() - started)
            print(f"us of a task, of client, scheduler and workers: {(1e6 * spent / n_partitions).round()}", flush=True)


def peaks(n_rows: int, n_partitions: int, n_turns: int) -> None:  # noqa: ARG001  # a peak is a peak
    share = n_rows * N_FEATURES * 4 / 2
    for kind in ("persisted", "files"):
        with files(n_rows, n_partitions) as pattern, cluster() as of:
            if kind == "persisted":
                timed_fit(*persisted(n_rows, n_partitions))
            else:
                timed_fit(fp.dataset(pattern, target="y", engine=of.client))
            found = [f"{each / 2**20:.0f}" for each in of.peaks()]
        bound = (1.15 * share + 300e6) / 2**20
        print(f"{kind}: peaks of workers {found} MB, of which rows {share / 2**20:.0f}; asked {bound:.0f}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    commands = {
        partitions: (31_000_000, 10_000, 2),
        parquet: (20_000_000, 100, 3),
        made: (20_000_000, 0, 3),
        workers: (30_000_000, 0, 3),
        rivals: (2_000_000, 16, 1),
        peaks: (20_000_000, 100, 1),
        costs: (4_000_000, 2000, 3),
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[each.__name__ for each in commands])
    for option in ("rows", "partitions", "turns"):
        parser.add_argument(f"--{option}", type=lambda text: int(float(text)))
    asked = parser.parse_args()
    (command, sizes) = next(item for item in commands.items() if item[0].__name__ == asked.name)
    given = (asked.rows, asked.partitions, asked.turns)
    command(*(size if own is None else own for own, size in zip(given, sizes, strict=True)))
