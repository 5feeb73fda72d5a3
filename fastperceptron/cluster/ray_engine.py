"""The engine for a cluster of Ray. Only this file imports ray, which must have been initialised (`ray.init`)."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastperceptron.cluster.engine import Tell


@contextmanager
def current_engine(n_bundles: int | None = None) -> Iterator["RayEngine"]:
    """Give the engine of the Ray that this process is connected to; raise RuntimeError where there is none."""
    try:
        import ray
    except ModuleNotFoundError as error:
        message = "an engine of Ray needs the package ray: pip install 'fastperceptron[ray]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    if not ray.is_initialized():
        raise RuntimeError("Ray is not initialised: call ray.init() first, with the address of the cluster.")
    yield RayEngine(ray, n_bundles)


class RayEngine:
    """Workers of a cluster of Ray. Results stay in its object store; Ray makes lost ones again from their tasks."""

    def __init__(self, ray: Any, n_bundles: int | None = None) -> None:
        self._ray, self.n_bundles = ray, n_bundles or max(int(4 * ray.cluster_resources().get("CPU", 1)), 1)

    def place(
        self, name: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], *shared: Any
    ) -> list[Any]:
        """Call a function for each task; return references to the results."""
        remote = self._ray.remote(_call).options(name=f"fastperceptron-{name}", max_retries=-1)
        put = [self._ray.put(each) for each in shared]
        return [remote.remote(function, [len(task), *map(_is_list, task)], *_flat(task), *put) for task in tasks]

    def ask(
        self,
        name: str,
        function: Callable[..., Any],
        tasks: Iterable[tuple[Any, ...]],
        *shared: Any,
        tell: Tell = int,
        names: Sequence[str] = (),  # noqa: ARG002  # Ray's own errors name tasks
    ) -> list[Any]:
        """Do the same, and return the results themselves, in the tasks' order."""
        references = self.place(name, function, tasks, *shared)
        found = []
        for number, reference in enumerate(references):
            try:
                found.append(self._ray.get(reference))
            except self._ray.exceptions.RayTaskError as error:
                raise error.cause from error
            tell(number)
        return found

    def release(self, handles: Sequence[Any]) -> None:
        """Do nothing: what no reference is left to goes."""

    def together(self, handles: Sequence[Any], names: Sequence[str] = ()) -> list[list[int]]:  # noqa: ARG002  # likewise
        """Return the places of handles in as many groups as there are to be bundles, of neighbours."""
        n = min(self.n_bundles, len(handles))
        return [[*range(k * len(handles) // n, (k + 1) * len(handles) // n)] for k in range(n)]


def _is_list(argument: Any) -> int:
    """Return how many references an argument has: those in a list are given one by one, so that Ray resolves them."""
    return len(argument) if isinstance(argument, list) else -1


def _flat(task: tuple[Any, ...]) -> list[Any]:
    return [each for argument in task for each in (argument if isinstance(argument, list) else [argument])]


def _call(function: Callable[..., Any], form: list[int], *values: Any) -> Any:
    """Call a function with its arguments as they were before `_flat`."""
    coming, lengths = iter(values), form[1 : form[0] + 1]
    arguments = [[*itertools.islice(coming, length)] if length >= 0 else next(coming) for length in lengths]
    return function(*arguments, *coming)
