"""The race: every competitor explores its settings on a table, then those that reached a target run it in turns.

Nothing is known of the targets until all have explored. Timed runs are judged anew, each by its own weights, so that a
setting that got there once by luck, or a fit that differs when it is timed, has no time.
"""

import json
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.competitors import Competitor
from bench.judge import TARGETS, Judge, Run, bounds, fastest_setting, time_of

# Between turns: OpenBLAS's threads spin for some 20 ms after they are done.
QUIET = 0.05
# An answer that takes so many times the patience, and start-up, is not waited for.
OVERTIME, STARTING = 6, 120.0
# Seconds for the check of an adapter, while all others are checked, too.
CHECKING = 900.0
# Timed runs of who takes longer than the patience.
FEWEST_RUNS = 1
# Seconds of a fit that is worth exploring twice.
BRIEF = 0.3


class TooSlowError(Exception):
    """A competitor did not answer in the time it was given."""


class Worker:
    """A competitor's process; started when it is first asked, and anew after it was stopped."""

    def __init__(self, competitor: Competitor, log: Path, n_cores: int | None) -> None:
        self._command = [sys.executable, "-m", "bench.worker", competitor.name]
        if n_cores is not None:
            allowed = sorted(os.sched_getaffinity(0))[:n_cores]
            self._command = ["taskset", "--cpu-list", ",".join(map(str, allowed)), *self._command]
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._table: dict[str, Any] = {}

    @property
    def is_running(self) -> bool:
        """Whether there is a process to ask."""
        return self._process is not None and self._process.poll() is None

    def tell(self, request: dict[str, Any]) -> None:
        """Send a request, the answer of which is not waited for."""
        if not self.is_running:
            with self._log.open("a") as log:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
                )
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def take(self, table: dict[str, Any], seconds: float) -> None:
        """Have the process take a table, which it gets again should it have to start anew."""
        self._table = table
        self._ask(table, seconds)

    def fit(self, setting: int, seconds: float, is_trimmed: bool = False) -> dict[str, Any]:
        """Return what a fit took and found; raise as `answer` does."""
        if not self.is_running:
            self._ask(self._table, STARTING)
        return self._ask({"setting": setting, "is_trimmed": is_trimmed}, seconds)

    def _ask(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        self.tell(request)
        return self.answer(seconds)

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the answer to what was asked; raise TooSlowError, or RuntimeError where the competitor failed."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        if not select.select([process.stdout], [], [], seconds)[0]:
            self.stop()
            raise TooSlowError
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process ended with {process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def stop(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass
class Entry:
    """What a competitor did on a table.

    Attributes
    ----------
    explored : list of Run or None
        A run of each setting, in order, as far as patience went; None where one failed.
    chosen : dict
        For each target the fastest setting that reached it, or None.
    timed : dict
        For each target, the timed runs of that setting.
    peak_bytes : dict
        For each target, the peak of memory of one more fit, beyond what was in use.
    remark : str
        Why it was stopped or left out.
    """

    explored: list[Run | None] = field(default_factory=list)
    chosen: dict[str, int | None] = field(default_factory=dict)
    timed: dict[str, list[Run]] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    remark: str = ""


class Race:
    """The competitors, each with its process.

    Parameters
    ----------
    competitors : mapping
    log : Path
        Where what they print goes.
    patience : float
        Seconds; a competitor whose fit takes longer explores no further.
    n_rounds : int
    n_cores : int, optional
        How many each may use; all by default.
    """

    def __init__(
        self,
        competitors: Iterable[Competitor],
        log: Path,
        patience: float,
        n_rounds: int,
        n_cores: int | None = None,
    ) -> None:
        self._competitors = {each.name: each for each in competitors}
        self._workers = {name: Worker(each, log, n_cores) for name, each in self._competitors.items()}
        self.patience, self._n_rounds = patience, n_rounds

    def __enter__(self) -> "Race":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.stop()

    def check(self) -> None:
        """Raise ValueError where an adapter leaves work out. All processes start at once: imports take their time."""
        for worker in self._workers.values():
            worker.tell({"check": True})
        for worker in self._workers.values():
            try:
                worker.answer(CHECKING)
            except RuntimeError as error:
                raise ValueError(str(error)) from None

    def seconds_of(self, folder: Path, C: float, settings: dict[str, int]) -> dict[str, float]:
        """Return the median seconds of a setting each, run in turns."""
        for name in settings:
            self._workers[name].take({"table": str(folder), "C": C}, STARTING + OVERTIME * self.patience)
        seconds: dict[str, list[float]] = {name: [] for name in settings}
        for _ in range(self._n_rounds):
            for name, setting in settings.items():
                time.sleep(QUIET)
                told = self._workers[name].fit(setting, STARTING + OVERTIME * self.patience)
                seconds[name].append(told["seconds"])
        return {name: statistics.median(values) for name, values in seconds.items()}

    def _due(self, entry: Entry, number: int) -> list[int]:
        """Return the settings that are to run in a round."""
        due: set[int] = set()
        for setting in entry.chosen.values():
            if setting is None:
                continue
            explored = entry.explored[setting]
            if explored is not None and (number <= FEWEST_RUNS or explored.seconds <= self.patience):
                due.add(setting)
        return sorted(due)

    def run(self, folder: Path, judge: Judge, tell: Callable[[str], None]) -> dict[str, Any]:
        """Return, as JSON has it, the bounds of a table and every competitor's entry and time."""
        entries: dict[str, Entry] = {}
        for name, competitor in self._competitors.items():
            tell(name)
            refusal = competitor.refusal(judge.kind)
            entries[name] = Entry(remark=refusal) if refusal else self._explore(competitor, folder, judge)
        runs = [run for entry in entries.values() for run in entry.explored if run is not None]
        reached = bounds(runs)
        for entry in entries.values():
            entry.chosen = {target: fastest_setting(entry.explored, target, reached[target]) for target in TARGETS}
        tell("in turns")
        self._take_turns(entries, judge)
        runs += [run for entry in entries.values() for timed in entry.timed.values() for run in timed]
        return {
            "C": judge.C,
            "bounds": reached,
            "entries": {name: described(entry, reached) for name, entry in entries.items()},
        }

    def _explore(self, competitor: Competitor, folder: Path, judge: Judge) -> Entry:
        """Fit with each setting, cheapest first, until patience ends."""
        entry, worker = Entry(), self._workers[competitor.name]
        try:
            worker.take({"table": str(folder), "C": judge.C}, STARTING + OVERTIME * self.patience)
        except (TooSlowError, RuntimeError) as error:
            return Entry(remark=str(error) or "too slow to warm up")
        for setting in range(len(competitor.settings)):
            try:
                told = worker.fit(setting, OVERTIME * self.patience)
            except TooSlowError:
                entry.remark = f"stopped after {OVERTIME * self.patience:g} s"
                break
            except RuntimeError as error:
                entry.explored.append(None)
                entry.remark = str(error)
                continue
            if told["seconds"] < BRIEF:  # the first fit with a setting pays for much that the next does not
                told = min(told, worker.fit(setting, OVERTIME * self.patience), key=lambda each: each["seconds"])
            entry.explored.append(judge.run(told))
            if told["seconds"] > self.patience:
                entry.remark = f"explored no further: a fit took {told['seconds']:.2g} s"
                break
        return entry

    def _take_turns(self, entries: dict[str, Entry], judge: Judge) -> None:
        """Run the chosen settings in rounds: a setting chosen for both targets runs once a round.

        The first round measures memory, and its seconds do not count: it begins by giving back what the process holds.
        """
        for number in range(1 + self._n_rounds):
            for name, entry in entries.items():
                for setting in self._due(entry, number):
                    time.sleep(QUIET)
                    try:
                        told = self._workers[name].fit(setting, 2 * OVERTIME * self.patience, is_trimmed=number == 0)
                    except (TooSlowError, RuntimeError) as error:
                        entry.chosen = dict.fromkeys(TARGETS)
                        entry.remark = f"failed when it was timed: {error}"
                        break
                    run = judge.run(told)
                    for target in TARGETS:
                        if entry.chosen[target] != setting:
                            continue
                        if number == 0:
                            entry.peak_bytes[target] = told["peak_bytes"]
                        else:
                            entry.timed.setdefault(target, []).append(run)


def described(entry: Entry, reached: dict[str, float]) -> dict[str, Any]:
    """Return an entry as JSON has it, with its time to each target, or None where a run did not reach it."""
    seconds = {target: time_of(entry.timed.get(target, ()), target, reached[target]) for target in TARGETS}
    return asdict(entry) | {"seconds": seconds}
