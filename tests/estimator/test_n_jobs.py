"""Without n_jobs, a fit takes all cores, but one thread inside a worker."""

import concurrent.futures
import multiprocessing
import sys
import types

import joblib
import pytest

from fastperceptron.estimator import solvers as workers
from fastperceptron.estimator.solvers import thread_count


@pytest.fixture
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_available_cores", lambda: 8)


@pytest.mark.parametrize(
    ("n_jobs", "threads"), [(None, 8), (-1, 8), (-2, 7), (-8, 1), (-20, 1), (1, 1), (3, 3), (20, 20)]
)
def test_as_many_as_joblib_would_start(n_jobs: int | None, threads: int, eight_cores: None) -> None:
    assert thread_count(n_jobs) == threads


def test_no_more_cores_than_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= thread_count(-1) == joblib.cpu_count()
    monkeypatch.setattr(workers, "_allowed_cores", lambda _: 1)  # as a container's quota would
    assert thread_count(-1) == 1


def test_one_in_threads_of_joblib(eight_cores: None) -> None:
    for n_jobs, expected in [(None, 1), (3, 3), (-1, 8)]:
        found = joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(thread_count)(n_jobs) for _ in range(4))
        assert found == [expected] * 4


def test_all_where_joblib_runs_one_after_another(eight_cores: None) -> None:
    assert joblib.Parallel(n_jobs=1)(joblib.delayed(thread_count)(None) for _ in range(2)) == [8, 8]


def test_what_is_configured_for_joblib(eight_cores: None) -> None:
    with joblib.parallel_config(backend="loky", n_jobs=3):
        assert thread_count(None) == 3
        assert thread_count(2) == 2


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
def test_one_in_processes_of_joblib(backend: str) -> None:
    parallel = joblib.Parallel(n_jobs=2, backend=backend)
    assert parallel(joblib.delayed(thread_count)(n_jobs) for n_jobs in (None, None, 3)) == [1, 1, 3]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_one_in_processes_of_multiprocessing(method: str) -> None:
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        assert pool.submit(thread_count, None).result() == 1
        assert pool.submit(thread_count, 3).result() == 3


def test_one_in_threads_of_a_dask_worker(monkeypatch: pytest.MonkeyPatch, eight_cores: None) -> None:
    def no_worker() -> object:
        raise ValueError("No worker found")

    dask = types.ModuleType("distributed")
    monkeypatch.setitem(sys.modules, "distributed", dask)
    assert thread_count(None) == 8  # while the package is being imported
    dask.get_worker = no_worker
    assert thread_count(None) == 8
    dask.get_worker = object
    assert thread_count(None) == 1
    assert thread_count(4) == 4


def test_without_joblib_the_affinity_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("joblib", "joblib.parallel"):
        monkeypatch.delitem(sys.modules, name)
    workers._allowed_cores.cache_clear()
    try:
        assert thread_count(None) >= 1
    finally:
        workers._allowed_cores.cache_clear()
