"""Partitions on workers as the rows of a fit: loaded where they are, cut at runs of tiles, and asked in bundles."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from fastperceptron.checks import Array
from fastperceptron.cluster import parts
from fastperceptron.cluster.bundling import bundled, plans_of, ranges_of_bundles, recut
from fastperceptron.cluster.engine import Engine
from fastperceptron.cluster.parts import About, Answer
from fastperceptron.data.dataset import Table
from fastperceptron.data.labels import code_dtype
from fastperceptron.data.running_labels import RunningLabels
from fastperceptron.kernels.cache import generation
from fastperceptron.training.parted_rows import PartedCodes, PartedRows, PartedWeights, PerRow, Question
from fastperceptron.training.problem import WeightRange

Tell = Callable[[int], object]


def parted_table(
    engine: Engine,
    tasks: Sequence[tuple[Any, ...]],
    names: Sequence[str],
    n_threads: int = 1,
    rows_read: Tell = int,
    load: Callable[..., parts.Loaded] = parts.load_block,
    shelves: Sequence[Sequence[int]] | None = None,
) -> Table:
    """Return the rows of partitions, one per task of `load`, in the rows' order; `names` are for errors.

    `n_threads` is that of a worker for one bundle. `shelves` has the numbers of partitions that lie together already;
    by default each is loaded by itself.
    """
    shelves = shelves or [[k] for k in range(len(tasks))]
    loads = [tuple(map(list, zip(*(tasks[k] for k in shelf), strict=True))) for shelf in shelves]
    loaded = engine.place("load", parts.load_all, loads, load)
    groups = engine.together(loaded, [name_of(names, shelf) for shelf in shelves])
    members = [[k for shelf in group for k in shelves[shelf]] for group in groups]
    labels = [name_of(names, each) for each in members]
    found = engine.ask("about", parts.abouts, [([loaded[k] for k in group],) for group in groups], names=labels)
    by_number = dict(zip(chain(*members), chain(*found), strict=True))
    abouts: list[About] = [by_number[k] for k in range(len(tasks))]
    check_alike(abouts, names)
    lengths = [each.n_rows for each in abouts]
    classes, numbers, counts = classes_of(abouts)
    first = next(each for each in abouts if each.n_rows)
    n_stored = None if first.n_stored is None else sum(each.n_stored or 0 for each in abouts)
    rows = PartedRows(None, sum(lengths), first.n_features, np.dtype(first.dtype), n_stored=n_stored)
    if rows.n_rows < len(tasks) * rows.run_rows:
        ranges = ranges_of_bundles(rows.n_rows, rows.run_rows, len(groups))
        bundles, members = recut(engine, loaded, shelves, groups, ranges, lengths, numbers, rows.tile_rows)
        places = [[each] for each in ranges]
    else:
        plans = plans_of(lengths, rows.run_rows)
        bundles = bundled(engine, loaded, shelves, groups, plans, lengths, numbers, rows.tile_rows)
        places = [[range(plan.first, plan.stop) for k in its if (plan := plans[k])] for its in members]
    engine.release(loaded)
    known = [Known(own, name_of(names, its)) for own, its in zip(places, members, strict=True)]
    fingerprints = {k: (each.fingerprint, name) for k, (each, name) in enumerate(zip(abouts, names, strict=True))}
    rows.engine = Bundles(engine, bundles, known, fingerprints, n_threads)
    rows_read(rows.n_rows)
    weights = None
    if first.weights is not None:
        of_weights = [each.weights for each in abouts if each.weights is not None]
        least = WeightRange(*map(min, zip(*of_weights, strict=True)))
        weights = PartedWeights(rows, least._replace(largest=max(each.largest for each in of_weights)), classes.size)
    return Table(rows, classes, PartedCodes(rows, counts, code_dtype(classes.size), classes.size), weights, counts)


def name_of(names: Sequence[str], numbers: Sequence[int]) -> str:
    """Return what to call some partitions in an error."""
    return names[numbers[0]] + (f" or one of {len(numbers) - 1} others" if len(numbers) > 1 else "")


class Known(NamedTuple):
    """What is known of a bundle here."""

    places: list[range]  # the numbers of its rows
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
        tasks = [
            (handle, question, tuple(each.of(known.places) if isinstance(each, PerRow) else each for each in arguments))
            for handle, known in zip(self._handles, self._known, strict=True)
        ]
        name = question.answer.__name__.strip("_")
        found: list[Answer] = self._engine.ask(
            name,
            parts.answer,
            tasks,
            self._n_threads,
            tell=lambda k: tell(sum(map(len, self._known[k].places))),
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
        if _facts(each) == _facts(first):
            continue
        facts = {
            "the number of features": (first.n_features, each.n_features),
            "the names of the features": (first.names, each.names),
            "whether their rows are sparse": (first.n_stored is not None, each.n_stored is not None),
            "the type of the values": (np.dtype(first.dtype).name, np.dtype(each.dtype).name),
            "whether there are weights": (first.weights is not None, each.weights is not None),
        }
        for fact, (one, other) in facts.items():
            if one != other:
                raise ValueError(f"{first_name} and {name} differ in {fact}: {one} and {other}. All need the same.")
    if first is None:
        raise ValueError("there are no rows: at least two are needed.")


def _facts(about: About) -> tuple[Any, ...]:
    return about.n_features, about.names, about.dtype, about.weights is None, about.n_stored is None


def classes_of(abouts: Sequence[About]) -> tuple[Array, list[Array], Array]:
    """Return the sorted classes, the class number of each label of each partition, and the rows of each class."""
    labels = RunningLabels()
    # Most partitions have the same labels in one of a few orders: each order is looked up once, and sent once.
    orders: dict[tuple[str, bytes], Array] = {}
    running = []
    for each in abouts:
        found = np.empty(0, np.uint8) if each.labels is None else each.labels
        order = (found.dtype.str, repr(found.tolist()).encode() if found.dtype.hasobject else found.tobytes())
        if order not in orders:
            orders[order] = labels.codes_of(found) if found.size else found
        running.append(order)
    classes, numbers, _ = labels.finish()
    counts = np.zeros(classes.size, np.int64)
    known: dict[Any, Array] = {
        order: numbers[codes].astype(code_dtype(classes.size)) for order, codes in orders.items()
    }
    own: list[Array] = [known[order] for order in running]
    for its_numbers, each in zip(own, abouts, strict=True):
        if each.counts is not None:
            np.add.at(counts, its_numbers, each.counts)
    return classes, own, counts
