"""What an engine does: it keeps results where they are made, and brings small answers."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

Tell = Callable[[int], object]


class Engine(Protocol):
    """Workers that call functions of this package, with arguments that may be handles, or lists of handles."""

    def place(
        self, name: str, function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], *shared: Any
    ) -> list[Any]:
        """Call function(*task, *shared) for each task, wherever its arguments are; return handles of the results.

        `name` is for those who watch.
        """

    def ask(
        self,
        name: str,
        function: Callable[..., Any],
        tasks: Iterable[tuple[Any, ...]],
        *shared: Any,
        tell: Tell = int,
        names: Sequence[str] = (),
    ) -> list[Any]:
        """Do the same, and return the results themselves, in the tasks' order.

        `tell` is called with the number of each task that is done. It raises what a task that failed raised; `names`
        are those of the tasks, for errors.
        """

    def release(self, handles: Sequence[Any]) -> None:
        """Let results go, as soon as nothing needs them."""

    def together(self, handles: Sequence[Any], names: Sequence[str] = ()) -> list[list[int]]:
        """Return the places of handles in groups: of what lies on one worker, a few groups for each of its threads.

        It waits until all are there, and raises what a task that failed raised; `names` are as in `ask`.
        """


class SerialEngine:
    """Calls functions here, one after another: for tests. `n_groups` is how many bundles there are."""

    def __init__(self, n_groups: int = 1) -> None:
        self._n_groups = n_groups

    def place(self, name: str, function: Any, tasks: Iterable[tuple[Any, ...]], *shared: Any) -> list[Any]:  # noqa: ARG002  # nobody watches
        """Call a function for each task."""
        return [function(*task, *shared) for task in tasks]

    def ask(
        self,
        name: str,  # noqa: ARG002  # likewise
        function: Any,
        tasks: Iterable[tuple[Any, ...]],
        *shared: Any,
        tell: Tell = int,
        names: Sequence[str] = (),  # noqa: ARG002  # likewise
    ) -> list[Any]:
        """Call a function for each task."""
        found = []
        for k, task in enumerate(tasks):
            found.append(function(*task, *shared))
            tell(k)
        return found

    def release(self, handles: Sequence[Any]) -> None:
        """Do nothing."""

    def together(self, handles: Sequence[Any], names: Sequence[str] = ()) -> list[list[int]]:  # noqa: ARG002  # likewise
        """Return groups of every n-th handle."""
        groups = (list(range(k, len(handles), self._n_groups)) for k in range(self._n_groups))
        return [group for group in groups if group]
