"""The engine for a cluster of Dask. Only this file imports distributed.

What Dask is told: results of tasks are kept where they are made, and nothing is scattered, so that the scheduler makes
anew what a lost worker had. No task is pinned to a worker. Tasks are few and seconds long: bundles of what lies
together, four for each thread. Functions are named, not sent, so that each process loads its own compiled kernels.
"""

import itertools
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from fastperceptron.cluster.engine import Tell

BUNDLES_PER_THREAD = 4
# Seconds between looks at what is done; and without any worker before that is an error, where Dask's configuration
# does not say otherwise (`dask.config.set({NO_WORKERS: 600})`): a nanny on a busy machine, or a queue, may need longer.
WATCH, PATIENCE, NO_WORKERS = 1.0, 30.0, "fastperceptron.no-workers-timeout"


@contextmanager
def current_engine(client: Any = None) -> Iterator["DaskEngine | None"]:
    """Give the engine of a client, or of the current one, or of the worker that this runs on; None without any.

    It raises TypeError for an asynchronous client.
    """
    distributed: Any = sys.modules.get("distributed")
    if client is None and distributed is not None and _is_in_task(distributed):
        # This task no longer counts as one of the worker's then: it could wait for itself.
        with distributed.worker_client() as own, _engine_of(own) as engine:
            yield engine
        return
    client = client or _current_client(distributed)
    if client is None:
        yield None
        return
    with _engine_of(client) as engine:
        yield engine


def _current_client(distributed: Any) -> Any:
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


@contextmanager
def _engine_of(client: Any) -> Iterator["DaskEngine"]:
    if client.asynchronous:
        raise TypeError(
            "the client of Dask is asynchronous, and a fit waits for its results: pass arrays, or use a Client() that "
            "is not asynchronous, for example in a thread of its own (asyncio.to_thread)."
        )
    engine = DaskEngine(client)
    try:
        yield engine
    finally:
        engine.close()


def _is_in_task(distributed: Any) -> bool:
    try:
        distributed.get_worker()
    except (ValueError, AttributeError):
        return False
    return True


def is_lazy(value: Any) -> bool:
    """Return whether a value is Dask's: computed only when it is asked for."""
    return hasattr(value, "__dask_graph__")


def _has_lazy(argument: Any) -> bool:
    return any(map(is_lazy, argument)) if isinstance(argument, list) else is_lazy(argument)


class DaskEngine:
    """Workers of a cluster of Dask, for one fit."""

    def __init__(self, client: Any) -> None:
        self._client, self._fit = client, uuid.uuid4().hex[:8]
        self._numbers = itertools.count()
        self._futures: list[Any] = []

    @property
    def n_bundles(self) -> int:
        """How many bundles keep all threads busy; there may be more workers in a moment."""
        return BUNDLES_PER_THREAD * max(sum(map(int, self._client.nthreads().values())), 1)

    def place(
        self, name: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], *shared: Any
    ) -> list[Any]:
        """Call a function for each task, wherever its arguments are; return futures of the results."""
        futures = self._submit(name, function, [(*task, *shared) for task in tasks])
        self._futures += futures
        return futures

    def _submit(self, name: str, function: Callable[..., Any], each: list[tuple[Any, ...]]) -> list[Any]:
        if not each:
            return []
        keys = [f"fastperceptron-{name}-{self._fit}-{next(self._numbers)}" for _ in each]
        if any(map(_has_lazy, each[0])):
            from dask import delayed

            call = delayed(function, pure=False, traverse=False)
            futures = self._client.compute(
                [call(*task, dask_key_name=key) for task, key in zip(each, keys, strict=True)]
            )
        else:
            futures = self._client.map(function, *zip(*each, strict=True), key=keys, pure=False)
        return list(futures)

    def ask(
        self,
        name: str,
        function: Callable[..., Any],
        tasks: Iterable[tuple[Any, ...]],
        *shared: Any,
        tell: Tell = int,
        names: Sequence[str] = (),
    ) -> list[Any]:
        """Do the same, and return the results themselves, in the tasks' order."""
        futures = self._submit(name, function, [(*task, *shared) for task in tasks])
        try:
            self._settle(futures, tell, names)
            return list(self._client.gather(futures))
        finally:
            self._cancel(futures)

    def together(self, handles: Sequence[Any], names: Sequence[str] = ()) -> list[list[int]]:
        """Return the places of futures in groups: of what lies on one worker, a few groups for each of its threads."""
        self._settle(handles, int, names)
        for handle in handles:
            if handle.status != "finished":
                handle.result()  # raises what is wrong with it
        places = self._client.who_has(handles)
        threads = self._client.nthreads()
        on_worker: dict[str, list[int]] = {}
        for k, handle in enumerate(handles):
            holders = sorted(places.get(handle.key) or ["nowhere"])
            on_worker.setdefault(holders[0], []).append(k)
        groups = []
        for worker, its in sorted(on_worker.items()):
            n_groups = min(len(its), BUNDLES_PER_THREAD * threads.get(worker, 1))
            groups += [its[k * len(its) // n_groups : (k + 1) * len(its) // n_groups] for k in range(n_groups)]
        return groups

    def release(self, handles: Sequence[Any]) -> None:
        """Let what was placed go, as soon as nothing needs it."""
        keys = {handle.key for handle in handles}
        self._futures = [each for each in self._futures if each.key not in keys]

    def close(self) -> None:
        """Cancel what is not done, and let all go."""
        self._cancel(self._futures)
        self._futures = []

    def _cancel(self, futures: Sequence[Any]) -> None:
        pending = [each for each in futures if each.status == "pending"]
        if pending:
            self._client.cancel(pending, force=True)

    def _settle(self, futures: Sequence[Any], tell: Tell, names: Sequence[str]) -> None:
        """Wait until all are done or one failed for good: not because its worker died, which is tried again."""
        while True:
            self._wait(futures, tell)
            self._ask_once_more(futures, names)
            statuses = {each.status for each in futures}
            if "pending" not in statuses or statuses - {"pending", "finished"}:
                return

    def _wait(self, futures: Sequence[Any], tell: Tell) -> None:
        """Wait until all are done or one failed; raise RuntimeError where there is no worker for some time.

        It waits for the last one that is not done: to wait for 10,000 at once costs the client 0.5 s each time.
        """
        from distributed import wait

        pending = [*enumerate(futures)]
        alone_since: float | None = None
        while pending:
            last = pending[-1][1]
            if last.status == "pending":
                with suppress(Exception):  # time is up; or it failed, which is raised where results are gathered
                    wait([last], timeout=WATCH)
            if last.status != "pending":
                done = [pending.pop()]
            else:
                done = [each for each in pending if each[1].status != "pending"]
                pending = [each for each in pending if each[1].status == "pending"]
                alone_since = self._alone_since(alone_since)
            for k, _ in done:
                tell(k)
            if any(each.status == "error" for _, each in done):
                return

    def _alone_since(self, since: float | None) -> float | None:
        """Return since when there has been no worker, or None; raise RuntimeError if it is too long."""
        if self._client.nthreads():
            return None
        import dask

        since, patience = since or time.monotonic(), float(dask.config.get(NO_WORKERS, PATIENCE))
        if time.monotonic() - since >= patience:
            raise RuntimeError(
                f"the cluster at {self._client.scheduler.address} has had no worker for {patience:g} seconds: "
                "start some, and fit again (with a checkpoint, it goes on where it was). If workers need longer to "
                f"come, set that: dask.config.set({{'{NO_WORKERS}': 600}})."
            )
        return since

    def _retry(self, future: Any) -> None:
        """Let the scheduler try a task again, and what it needs; `Client.retry` fails where that is not our future."""
        client = self._client
        for key in client.sync(client.scheduler.retry, keys=[future.key], client=client.id):
            if key in client.futures:
                client.futures[key].retry()

    def _ask_once_more(self, futures: Sequence[Any], names: Sequence[str]) -> None:
        """Ask again, one at a time, for what failed because its worker died; raise RuntimeError if that dies again.

        Dask gives up a task after the fourth worker that died while it had it, also if another task killed these.
        """
        from distributed.scheduler import KilledWorker

        def has_died(future: Any) -> bool:
            return future.status == "error" and isinstance(future.exception(), KilledWorker)

        for number, future in enumerate(futures):
            if not has_died(future):
                continue
            self._retry(future)
            self._wait([future], int)
            if has_died(future):
                what = names[number] if number < len(names) else future.key
                raise RuntimeError(
                    f"the workers that had {what} died again and again, also when they had nothing else: it may need "
                    "more memory than a worker has. Cut it into smaller partitions, or give workers more memory "
                    "(memory_limit)."
                ) from future.exception()
