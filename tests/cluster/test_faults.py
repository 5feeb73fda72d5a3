"""Workers that die, leave or never come: the same bytes, or an error that names what is wrong. Real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastperceptron as fp
from cluster.conftest import table
from fastperceptron.cluster.dask_engine import NO_WORKERS
from fastperceptron.cluster.parted_dataset import Bundles
from tables import bits

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")
import dask  # noqa: E402  # skipped where Dask is missing
from dask import delayed  # noqa: E402  # skipped where Dask is missing

quiet = pytest.mark.filterwarnings("ignore")  # of ports in use, sockets that a killed worker left, and the like
pytestmark = [pytest.mark.compiled, quiet]
# FASTPERCEPTRON_FAULTS=30 asks for the tests that make workers die or leave, and for so many kills at random moments.
# Where other tests keep all cores busy, Dask's nannies give up, and such a test ends by their clocks, not by ours.
N_KILLS = int(os.environ.get("FASTPERCEPTRON_FAULTS", "0"))
asked = pytest.mark.skipif(not N_KILLS, reason="FASTPERCEPTRON_FAULTS=30 asks for it: it needs cores of its own")
# Seconds until a test gives up waiting for what other work on the machine may delay: no bound of ours.
LONG = 600
N_CHUNKS, ROWS = 16, 30_000


def rows_of(chunk: int) -> np.ndarray:
    return np.random.default_rng(chunk).normal(size=(ROWS, 20)).astype(np.float32)


def labels_of(chunk: int) -> np.ndarray:
    return (rows_of(chunk).sum(axis=1) + np.random.default_rng(chunk).logistic(size=ROWS) > 0).astype(np.int8)


def collections(load: Callable[[int], np.ndarray] = rows_of) -> tuple[Any, Any]:
    """Return rows that are made on workers, also when they are made again."""
    X = [da.from_delayed(delayed(load)(k), (ROWS, 20), np.float32) for k in range(N_CHUNKS)]
    y = [da.from_delayed(delayed(labels_of)(k), (ROWS,), np.int8) for k in range(N_CHUNKS)]
    return da.concatenate(X), da.concatenate(y)


def fit(*data: Any, checkpoint: Any = None) -> bytes:
    return bits(fp.PerceptronClassifier(loss="log_loss", tol=1e-5).fit(*data, checkpoint=checkpoint))


@pytest.fixture
def processes() -> Iterator[tuple[Any, Any]]:
    """Return a cluster of two processes, which a nanny starts again, however long that takes, and a client."""
    with (
        dask.config.set({NO_WORKERS: LONG}),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield cluster, client


def pids(cluster: Any) -> list[int]:
    own = [nanny.process.process.pid for nanny in cluster.workers.values() if nanny.process and nanny.process.process]
    return [pid for pid in own if pid]


def kill(cluster: Any, n: int) -> None:
    for pid in pids(cluster)[-n:]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def bring_back(cluster: Any, client: Any) -> None:
    """Wait until there are two workers again."""
    started = time.monotonic()
    while len(client.nthreads()) != 2:  # a cluster hears of one that left, or whose nanny gave up, some seconds later
        assert time.monotonic() - started < LONG
        cluster.scale(2)
        time.sleep(0.5)


def seconds_of_a_restart(cluster: Any, client: Any) -> float:
    """Kill a worker; return how long it takes until there is another, while nothing else is to be done."""
    bring_back(cluster, client)
    started, known = time.monotonic(), set(client.nthreads())
    kill(cluster, 1)
    while len(now := set(client.nthreads())) < len(known) or now == known:
        assert time.monotonic() - started < LONG
        cluster.scale(2)
        time.sleep(0.05)
    return time.monotonic() - started


@asked
@pytest.mark.slow
def test_workers_killed_at_any_moment(processes: tuple[Any, Any]) -> None:
    cluster, client = processes
    expected = fit(*(np.concatenate([*map(make, range(N_CHUNKS))]) for make in (rows_of, labels_of)))

    def seconds_of_a_fit() -> float:
        started = time.monotonic()
        assert fit(*collections()) == expected
        return time.monotonic() - started

    seconds_of_a_fit()
    before = seconds_of_a_fit()
    for share in np.random.default_rng(0).random(N_KILLS).tolist():
        killer = threading.Timer(share * before, kill, (cluster, 1))
        killer.start()
        seconds = seconds_of_a_fit()
        killer.join()
        restart = seconds_of_a_restart(cluster, client)
        after = seconds_of_a_fit()
        assert seconds < 2 * max(before, after) + max(10, 4 * restart)
        before = after


@asked
@pytest.mark.slow
def test_workers_that_restart_retire_and_come(processes: tuple[Any, Any]) -> None:
    cluster, client = processes
    expected = fit(*collections())

    def scale() -> None:
        for n_workers in (1, 3):
            time.sleep(0.5)
            cluster.scale(n_workers)

    def retire() -> None:
        time.sleep(0.3)
        client.retire_workers([next(iter(client.nthreads()))])

    def restart() -> None:
        time.sleep(0.3)
        client.restart_workers([next(iter(client.nthreads()))])

    for change in (scale, retire, restart):
        thread = threading.Thread(target=change)
        thread.start()
        assert fit(*collections()) == expected
        thread.join()
        bring_back(cluster, client)


@asked
@pytest.mark.slow
def test_a_partition_that_always_kills_its_worker_is_named_and_others_are_not(
    processes: tuple[Any, Any], tmp_path: Path
) -> None:
    def load(chunk: int) -> np.ndarray:
        if chunk == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return rows_of(chunk)

    # Dask gives a task up after the fourth worker that died while it had it, and it is asked for once more.
    bound = max(60, 8 * 2 * seconds_of_a_restart(*processes))
    started = time.monotonic()
    with pytest.raises(RuntimeError, match="the workers that had partition 5 died again and again"):
        fit(*collections(load))
    assert time.monotonic() - started < bound


@asked
@pytest.mark.slow
def test_a_partition_that_is_another_when_it_is_made_again_is_named(
    processes: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, _ = processes

    def load(chunk: int) -> np.ndarray:
        return rows_of(chunk) + np.float32(time.time() % 1 if chunk == 7 else 0)

    ask, n_asked = Bundles.ask, [0]

    def ask_after_all_died(self: Bundles, *arguments: Any, **named: Any) -> Any:
        n_asked[0] += 1
        if n_asked[0] == 3:  # all rows have been read once
            kill(cluster, 2)
        return ask(self, *arguments, **named)

    monkeypatch.setattr(Bundles, "ask", ask_after_all_died)
    with pytest.raises(RuntimeError, match="partition 7 was lost, and what was made again"):
        fit(*collections(load))


@pytest.mark.slow
def test_a_client_that_is_killed_goes_on_with_other_partitions(processes: tuple[Any, Any], tmp_path: Path) -> None:
    """Begun on a cluster, stopped within the second read; ended with other partitions, and on one machine."""
    from fastperceptron.training.checkpoint import Checkpoint

    X, y = (np.concatenate([*map(make, range(N_CHUNKS))]) for make in (rows_of, labels_of))
    expected, note = fit(X, y), Checkpoint.note

    def stopping(self: Checkpoint, *arguments: Any, **named: Any) -> None:
        note(self, *arguments, **named)
        raise KeyboardInterrupt

    for ended in ((da.from_array(X, chunks=(77_777, -1)), da.from_array(y, chunks=50_000)), (X, y)):
        path = tmp_path / "fit.ckpt"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Checkpoint, "note", stopping)
            with pytest.raises(KeyboardInterrupt):
                fit(*collections(), checkpoint=path)
        assert fit(*ended, checkpoint=path) == expected
        path.unlink()


def test_a_cluster_without_workers_is_an_error() -> None:
    with (
        dask.config.set({NO_WORKERS: 1}),
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        pytest.raises(RuntimeError, match=r"the cluster at inproc.* has had no worker for 1 seconds"),
    ):
        fit(*collections())


INTERRUPTED = """
import time
from distributed import Client, LocalCluster
from cluster.test_faults import LONG, N_CHUNKS, collections, fit, rows_of

def slow(chunk):
    print("loading", flush=True)
    time.sleep(2)
    return rows_of(chunk)

options = {"threads_per_worker": 2, "processes": False, "dashboard_address": None}
with LocalCluster(1, **options) as cluster, Client(cluster):
    try:
        fit(*collections(slow))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    deadline = time.monotonic() + LONG
    while cluster.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.05)
    print(len(cluster.scheduler.tasks), "left", flush=True)
"""


@pytest.mark.slow
def test_what_is_queued_is_cancelled_where_a_fit_is_interrupted() -> None:
    """In a process of its own: where pytest-xdist runs tests, a signal does not reach a fit."""
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests.parent), str(tests), os.environ.get("PYTHONPATH", "")])
    command, settings = [sys.executable, "-c", INTERRUPTED], {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings) as process:
        output = process.stdout
        assert output is not None
        assert output.readline() == "loading\n"
        process.send_signal(signal.SIGINT)
        lines = [line for line in output if line != "loading\n"]
        assert lines == ["interrupted\n", "0 left\n"]
    assert process.returncode == 0


def test_other_versions_on_a_worker_are_named(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastperceptron.cluster import parted_dataset

    monkeypatch.setattr(parted_dataset, "generation", lambda: "another")
    X, y = table(4000, 3)
    with pytest.raises(RuntimeError, match="the worker of partition 0 has another version of fastperceptron"):
        fit(da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000))


def test_an_asynchronous_client_is_refused() -> None:
    import asyncio

    X, y = table(4000, 3)

    async def use() -> None:
        async with (
            distributed.LocalCluster(
                n_workers=1, processes=False, dashboard_address=None, asynchronous=True
            ) as cluster,
            distributed.Client(cluster, asynchronous=True),
        ):
            fit(da.from_array(X, chunks=(1000, -1)), da.from_array(y, chunks=1000))

    with pytest.raises(TypeError, match="the client of Dask is asynchronous"):
        asyncio.run(use())
