"""Partitions on shelves become bundles: a task per bundle, and one per two bundles that share a run of tiles.

A task of Dask costs about a millisecond of client, scheduler and worker together, so that there must not be one per
partition. A shelf is what one task loaded: one partition, or those that a worker kept already. A bundle that is lost is
made again of its own shelves and of those only that have rows of its last runs. Partitions that are shorter than a run
are copied to make runs in any case, into bundles of rows that follow one another: in reads, 2,500 runs by themselves
took four times as long.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from fastperceptron.checks import Array
from fastperceptron.cluster import parts
from fastperceptron.cluster.engine import Engine
from fastperceptron.cluster.parts import Gathering, Plan, Shares, Wanted


class Piece(NamedTuple):
    """Rows of one partition that end a run of another."""

    number: int  # of the partition
    start: int  # in the partition
    stop: int


class Asked:
    """Rows that one bundle needs, of partitions on some shelves, which are counted from 0 here."""

    def __init__(self, shelves: Sequence[int] = ()) -> None:
        self.shelves = {shelf: k for k, shelf in enumerate(shelves)}
        self.wanted = Wanted()

    def add(self, shelf: int, *rows: Any) -> int:
        """Ask for rows of a partition; return the place of the answer."""
        self.wanted.rows.append((self.shelves.setdefault(shelf, len(self.shelves)), *rows))
        return len(self.wanted.rows) - 1


def bundled(
    engine: Engine,
    loaded: Sequence[Any],
    shelves: Sequence[Sequence[int]],
    groups: Sequence[Sequence[int]],
    plans: Sequence[Plan | None],
    lengths: Sequence[int],
    numbers: Sequence[Array],
    tile_rows: int,
) -> list[Any]:
    """Return handles of the bundles, one per group of shelves; `loaded` has the handles of the shelves.

    `shelves` has the numbers of the partitions on each, and `numbers` the class numbers of each partition's labels.
    """
    bundle_of, where = _bundles_of_shelves(groups), _places_of_partitions(shelves)
    asked = [{bundle: Asked(group)} for bundle, group in enumerate(groups)]
    shares = [Shares(tile_rows) for _ in groups]
    for number, (plan, pieces) in enumerate(zip(plans, pieces_of(plans, lengths), strict=True)):
        if plan is None:
            continue
        (shelf, place), found = where[number], []
        own = bundle_of[shelf]
        for other, start, stop in pieces:
            its_shelf, its_place = where[other]
            holder = bundle_of[its_shelf]
            its = asked[own].setdefault(holder, Asked())
            found.append((holder, its.add(its_shelf, its_place, numbers[other], start, stop)))
        sources = [number, *(piece.number for piece in pieces)]
        shares[own].rows.append((asked[own][own].shelves[shelf], place, numbers[number], plan, sources, found))
    tasks = []
    for own, (its_share, by_holder) in enumerate(zip(shares, asked, strict=True)):
        ours = by_holder.pop(own)
        its_share.holders = [*by_holder, own]
        others = engine.place(
            "fragment",
            parts.fragments,
            [([loaded[shelf] for shelf in its.shelves], its.wanted) for its in by_holder.values()],
        )
        tasks.append(([loaded[shelf] for shelf in groups[own]], ours.wanted, its_share, others))
    bundles = engine.place("bundle", parts.bundle, tasks)
    engine.release([handle for *_, others in tasks for handle in others])
    return bundles


def recut(
    engine: Engine,
    loaded: Sequence[Any],
    shelves: Sequence[Sequence[int]],
    groups: Sequence[Sequence[int]],
    ranges: Sequence[range],
    lengths: Sequence[int],
    numbers: Sequence[Array],
    tile_rows: int,
) -> tuple[list[Any], list[list[int]]]:
    """Return handles of bundles of the rows in some ranges, and the partitions that each has rows of.

    This is for partitions shorter than a run of tiles, whose rows have to be copied in any case.
    """
    bundle_of, where = _bundles_of_shelves(groups), _places_of_partitions(shelves)
    ends = [*accumulate(lengths)]
    tasks, members = [], []
    for rows in ranges:
        share, asked, its = Gathering(rows.start, tile_rows), dict[int, Asked](), []
        for number in range(bisect_right(ends, rows.start), bisect_left(ends, rows.stop) + 1):
            first = ends[number] - lengths[number]
            start, stop = max(rows.start - first, 0), min(rows.stop - first, lengths[number])
            if start < stop:
                shelf, place = where[number]
                holder = bundle_of[shelf]
                found = asked.setdefault(holder, Asked()).add(shelf, place, numbers[number], start, stop)
                share.rows.append((number, holder, found))
                its.append(number)
        share.holders = [*asked]
        each = [([loaded[shelf] for shelf in one.shelves], one.wanted) for one in asked.values()]
        tasks.append((share, engine.place("fragment", parts.fragments, each)))
        members.append(its)
    bundles = engine.place("bundle", parts.gathered, tasks)
    engine.release([handle for _, others in tasks for handle in others])
    return bundles, members


def _bundles_of_shelves(groups: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return the number of the bundle that each shelf belongs to."""
    return {shelf: bundle for bundle, group in enumerate(groups) for shelf in group}


def _places_of_partitions(shelves: Sequence[Sequence[int]]) -> dict[int, tuple[int, int]]:
    """Return the shelf of each partition, and its place there."""
    return {number: (shelf, place) for shelf, its in enumerate(shelves) for place, number in enumerate(its)}


def ranges_of_bundles(n_rows: int, run: int, n_bundles: int) -> list[range]:
    """Return the rows of bundles of about the same size, whole runs of tiles, of `run` rows each."""
    n_runs = -(-n_rows // run)
    n = min(n_bundles, n_runs)
    borders = [k * n_runs // n * run for k in range(n)] + [n_rows]
    return [range(*each) for each in pairwise(borders)]


def plans_of(lengths: Sequence[int], run: int) -> list[Plan | None]:
    """Return the rows that each partition keeps: the runs of `run` rows that begin in it; None if none begins there."""
    ends = [*accumulate(lengths)]
    plans: list[Plan | None] = []
    for end, length in zip(ends, lengths, strict=True):
        start = end - length
        first = -(-start // run) * run
        body = end if end == ends[-1] else end // run * run
        is_empty = first >= end
        plans.append(
            None if is_empty else Plan(start, end, first, body, end if body == end else min(body + run, ends[-1]))
        )
    return plans


def pieces_of(plans: Sequence[Plan | None], lengths: Sequence[int]) -> Iterator[list[Piece]]:
    """Yield, for each partition, which rows of others end its last run."""
    ends = [*accumulate(lengths)]
    for number, plan in enumerate(plans):
        pieces: list[Piece] = []
        place, other = (0, 0) if plan is None else (plan.end, plan.stop)
        while place < other:
            number += 1  # noqa: PLW2901  # it walks on to the partitions after this one
            stop = min(ends[number], other)
            if stop > place:
                start = ends[number] - lengths[number]
                pieces.append(Piece(number, place - start, stop - start))
                place = stop
        yield pieces
