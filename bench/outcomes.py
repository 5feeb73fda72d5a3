"""What the results say: who is first on which table, and by how much. Read from the JSON; nothing is measured here."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.competitors import OURS
from bench.judge import TARGETS

PRODUCT = f"{OURS} log_loss"
LABELS = {"held_out": "Held-out log loss within 0.1% of the best", "objective": "Objective within 1e-6 of the least"}
# Where the package must be first: made tables and real ones of at least so many rows.
LARGE_MADE, LARGE_REAL = 100_000, 10_000
NEXT_TO_FIRST = 1.1
# The table of the pictures that show one; or else the largest there is.
EXAMPLE = "independent, 1M x 20"


@dataclass(frozen=True)
class Outcome:
    """A target on a table: the fastest of our ways to fit, and the fastest competitor, that reached it, if any did."""

    table: str
    is_large: bool
    way: str | None
    ours: float | None
    rival: str | None
    theirs: float | None

    @property
    def ratio(self) -> float | None:
        """How many times as long the fastest competitor takes; None where one of the two did not get there."""
        return self.theirs / self.ours if self.ours is not None and self.theirs is not None else None

    @property
    def is_first(self) -> bool:
        """Whether no competitor is faster."""
        return self.ours is not None and (self.theirs is None or self.ours <= self.theirs)

    @property
    def is_near_first(self) -> bool:
        """Whether none is faster by more than a tenth."""
        return self.ours is not None and (self.theirs is None or self.ours <= NEXT_TO_FIRST * self.theirs)


def is_large(facts: dict[str, Any]) -> bool:
    """Return whether a table is among those where the package must be first."""
    return bool(facts["n_rows"] >= (LARGE_REAL if facts["kind"] == "real" else LARGE_MADE))


def times(facts: dict[str, Any], target: str) -> dict[str, float]:
    """Return the seconds of those who reached a target, fastest first."""
    there = {name: entry["seconds"][target] for name, entry in facts["entries"].items()}
    return dict(sorted(((name, time) for name, time in there.items() if time is not None), key=lambda pair: pair[1]))


def outcome(table: str, facts: dict[str, Any], target: str) -> Outcome:
    """Return who won."""
    there = times(facts, target)
    way = next((name for name in there if name.startswith(OURS)), None)
    rival = next((name for name in there if not name.startswith(OURS)), None)
    return Outcome(table, is_large(facts), way, there[way] if way else None, rival, there[rival] if rival else None)


def outcomes(document: dict[str, Any], target: str) -> Iterator[Outcome]:
    """Yield the outcomes of all tables."""
    for table, facts in document["tables"].items():
        yield outcome(table, facts, target)


def summary(document: dict[str, Any]) -> list[str]:
    """Return sentences: on how many tables we are first, and by how much."""
    lines = []
    for target in TARGETS:
        found = list(outcomes(document, target))
        large, small = [each for each in found if each.is_large], [each for each in found if not each.is_large]
        ratios = [each.ratio for each in large if each.ratio is not None]
        median = f", {statistics.median(ratios):.1f} times as fast in the median" if ratios else ""
        lines.append(
            f"**{LABELS[target]}**: first on {sum(each.is_first for each in large)} of the {len(large)} large tables"
            f"{median}; on the {len(small)} others first or within a tenth of it on "
            f"{sum(each.is_near_first for each in small)}."
        )
    return lines
