"""Partitions on workers as the rows of a fit: loaded where they are, cut at runs of tiles, and asked in bundles."""

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.cluster import parts
from fastperceptron.cluster.engine import Engine
from fastperceptron.cluster.parts import About, Answer, Plan
from fastperceptron.data.dataset import Table
from fastperceptron.data.labels import code_dtype
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.kernels.cache import generation
from fastperceptron.kernels.objective import rows_per_run
from fastperceptron.training.parted_rows import PartedCodes, PartedRows, PartedWeights, Question
from fastperceptron.training.problem import WeightRange

Tell = Callable[[int], object]


class Piece(NamedTuple):
    """Rows of one partition that end a run of another."""

    number: int  # of the partition
    start: int  # in the partition
    stop: int


def parted_table(
    engine: Engine,
    tasks: Sequence[tuple[Any, ...]],
    names: Sequence[str],
    n_threads: int = 1,
    rows_read: Tell = int,
    load: Callable[..., parts.Loaded] = parts.load_block,
) -> Table:
    """Return the rows of partitions, one per task of `load`, in the rows' order; `names` are for errors.

    `n_threads` is that of a worker for one bundle.
    """
    loaded = engine.place("load", load, tasks)
    abouts: list[About] = engine.ask("about", parts.about, [(each,) for each in loaded], names=names)
    check_alike(abouts, names)
    lengths = [each.n_rows for each in abouts]
    classes, numbers, counts = classes_of(abouts)
    first = next(each for each in abouts if each.n_rows)
    plans = plans_of(lengths, first.n_features)
    aligned = _aligned(engine, loaded, lengths, plans, numbers)
    groups = engine.together(aligned)
    engine.release(loaded)
    bundles = engine.place("bundle", parts.bundle, [([aligned[k] for k in group],) for group in groups])
    engine.release(aligned)
    kept = [(number, plan) for number, plan in enumerate(plans) if plan is not None]
    known = [
        Known(
            sum(kept[k][1].stop - kept[k][1].first for k in group),
            names[kept[group[0]][0]] + (f" or one of {len(group) - 1} others" if len(group) > 1 else ""),
        )
        for group in groups
    ]
    fingerprints = {k: (each.fingerprint, name) for k, (each, name) in enumerate(zip(abouts, names, strict=True))}
    asked = Bundles(engine, bundles, known, fingerprints, n_threads)
    rows = PartedRows(asked, sum(lengths), first.n_features, np.dtype(first.dtype))
    rows_read(rows.n_rows)
    weights = None
    if first.weights is not None:
        ranges = [each.weights for each in abouts if each.weights is not None]
        least = WeightRange(*map(min, zip(*ranges, strict=True)))
        weights = PartedWeights(rows, least._replace(largest=max(each.largest for each in ranges)), classes.size)
    return Table(rows, classes, PartedCodes(rows, counts, code_dtype(classes.size), classes.size), weights, counts)


class Known(NamedTuple):
    """What is known of a bundle here."""

    n_rows: int
    name: str  # for errors


class Bundles:
    """Asks bundles of partitions, and whether they are still what they were.

    `fingerprints` has the fingerprint and the name of each partition by its number.
    """

    def __init__(
        self,
        engine: Engine,
        handles: list[Any],
        known: list[Known],
        fingerprints: dict[int, tuple[int, str]],
        n_threads: int,
    ) -> None:
        self._engine, self._handles, self._n_threads = engine, handles, n_threads
        self._known, self._fingerprints = known, fingerprints

    def ask(self, question: Question, arguments: tuple[Any, ...], tell: Tell = int) -> list[Any]:
        """Return the answers of all bundles, or of all parts in the rows' order where they are not merged."""
        tasks = [(each,) for each in self._handles]
        name = question.answer.__name__.strip("_")
        found: list[Answer] = self._engine.ask(
            name,
            parts.answer,
            tasks,
            question,
            arguments,
            self._n_threads,
            tell=lambda k: tell(self._known[k].n_rows),
            names=[each.name for each in self._known],
        )
        for answer in found:
            for number, fingerprint in answer.fingerprints:
                known, name = self._fingerprints[number]
                if fingerprint != known:
                    raise RuntimeError(
                        f"{name} was lost, and what was made again from its source is not what it was: "
                        "the fit would be that of other rows. Let its source give the same rows each time (a random "
                        "one needs a seed), or persist it."
                    )
        pairs = [pair for each in found for pair in zip(each.firsts, each.answers, strict=True)]
        return [answer for _, answer in sorted(pairs, key=lambda pair: pair[0])]


def check_alike(abouts: Sequence[About], names: Sequence[str]) -> None:
    """Raise ValueError where partitions differ in what all must have; RuntimeError where workers differ."""
    first, first_name = None, ""
    for each, name in zip(abouts, names, strict=True):
        if each.generation != generation():
            raise RuntimeError(
                f"the worker of {name} has another version of fastperceptron, Python, Numba, llvmlite or NumPy than "
                "this process: results would depend on where rows lie. Install the same on all machines."
            )
        if each.n_rows == 0:
            continue
        if first is None:
            first, first_name = each, name
        facts = {
            "the number of features": (first.n_features, each.n_features),
            "the names of the features": (first.names, each.names),
            "the type of the values": (np.dtype(first.dtype).name, np.dtype(each.dtype).name),
            "whether there are weights": (first.weights is not None, each.weights is not None),
        }
        for fact, (one, other) in facts.items():
            if one != other:
                raise ValueError(f"{first_name} and {name} differ in {fact}: {one} and {other}. All need the same.")
    if first is None:
        raise ValueError("there are no rows: at least two are needed.")


def classes_of(abouts: Sequence[About]) -> tuple[Array, list[Array], Array]:
    """Return the sorted classes, the class number of each label of each partition, and the rows of each class."""
    labels = RunningLabels()
    running = [labels.codes_of(each.labels) if each.n_rows else np.empty(0, np.uint8) for each in abouts]
    classes, numbers, _ = labels.finish()
    counts = np.zeros(classes.size, np.int64)
    own: list[Array] = [numbers[each].astype(code_dtype(classes.size)) for each in running]
    for its_numbers, each in zip(own, abouts, strict=True):
        if each.counts is not None:
            np.add.at(counts, its_numbers, each.counts)
    return classes, own, counts


def plans_of(lengths: Sequence[int], n_features: int) -> list[Plan | None]:
    """Return which rows each partition keeps: the runs of tiles that begin in it; None where none does."""
    run, ends = rows_per_run(n_features), [*accumulate(lengths)]
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


def _aligned(engine: Engine, loaded: Sequence[Any], lengths: Sequence[int], plans: Any, numbers: Any) -> list[Any]:
    """Return handles of the aligned partitions that have runs."""
    needed = [*pieces_of(plans, lengths)]
    each_piece = [piece for pieces in needed for piece in pieces]
    tasks: list[tuple[Any, ...]] = [
        (loaded[piece.number], numbers[piece.number], piece.start, piece.stop) for piece in each_piece
    ]
    placed = engine.place("fragment", parts.fragment, tasks)
    tasks, fragments = [], iter(placed)
    for number, (plan, pieces) in enumerate(zip(plans, needed, strict=True)):
        if plan is not None:
            sources = [number, *(piece.number for piece in pieces)]
            tasks.append((loaded[number], numbers[number], plan, sources, [next(fragments) for _ in pieces]))
    aligned = engine.place("align", parts.align, tasks)
    engine.release(placed)
    return aligned
