"""What all benchmarks share: the machine in the header, races run in turns, and a table of results at the end.

Two programs timed one after the other meet a machine that is busy at one time and idle at another. Here they take
turns, round by round, and the median of the rounds' ratios is what counts; of the times themselves, the least.
"""

import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import pytest

from bench.machine import processor

ROUNDS = 15
RESULTS = pytest.StashKey[list[tuple[str, str, str]]]()


def machine() -> str:
    """Return the processor's model, the number of cores and the versions that matter."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "scipy"))
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {packages}"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = []


def pytest_report_header(config: pytest.Config) -> str:  # noqa: ARG001  # pytest passes it
    return f"machine: {machine()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    results = terminalreporter.config.stash[RESULTS]
    if results:
        terminalreporter.section("asked and measured")
    for what, measured, asked in results:
        terminalreporter.write_line(f"{what:<64}{measured:>18}  {asked}")


@pytest.fixture
def note(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., None]:
    """Return the function that keeps a result in the benchmark's JSON and in the table at the end."""

    def keep(what: str, value: float, unit: str, asked: str = "") -> None:
        benchmark.extra_info[what] = value
        digits = f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        request.config.stash[RESULTS].append((what, f"{digits} {unit}", asked and f"asked: {asked}"))

    return keep


@dataclass(frozen=True)
class Times:
    """Nanoseconds a unit of work, of each round."""

    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """How many times as long as theirs ours takes."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.ours, self.theirs, strict=True))


def wall_clock(function: Callable[..., object], *arguments: object) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


@pytest.fixture
def race(benchmark: Any) -> Callable[..., Times]:
    """Return the function that times two functions in turns.

    `units` says how much work a call of each is. `prepare` makes what ours takes and no round is to pay for.
    `their_clock` returns the seconds theirs took, which a program of its own may know better than we do.
    """

    def run(
        ours: Callable[..., object],
        theirs: Callable[[], object],
        units: tuple[int, int],
        prepare: Callable[[], tuple[object, ...]] = tuple,
        their_clock: Callable[[Callable[[], object]], float] = wall_clock,
    ) -> Times:
        times = Times()

        def their_turn() -> tuple[tuple[object, ...], dict[str, object]]:
            times.theirs.append(their_clock(theirs) / units[1] * 1e9)
            return prepare(), {}

        def our_turn(*arguments: object) -> None:
            times.ours.append(wall_clock(ours, *arguments) / units[0] * 1e9)

        benchmark.pedantic(our_turn, setup=their_turn, rounds=ROUNDS)
        return times

    return run
