"""The pictures of the results: everyone's time to accuracy, by rows and columns, loss by time, cores, and memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.competitors import OURS
from bench.outcomes import EXAMPLE, LABELS, PRODUCT, is_large, times

OURS_COLOR, READ_COLOR, GRID_COLOR = "#c8102e", "#555555", "#dddddd"
MARKERS = "osD^vP<>X*h"
TARGET = "held_out"


def _style(names: list[str]) -> dict[str, dict[str, Any]]:
    """Return a color and a marker for each competitor; ours is red, its variants are hollow."""
    colors = [mpl.colormaps["tab20"](place) for place in range(20)]
    styles = {}
    for place, name in enumerate(names):
        style = {"color": colors[place % len(colors)], "marker": MARKERS[place % len(MARKERS)]}
        if name.startswith(OURS):
            style = {"color": OURS_COLOR, "marker": "o" if name == PRODUCT else "s^v"[place % 3]}
            style |= {} if name == PRODUCT else {"markerfacecolor": "none"}
        styles[name] = style
    return styles


def _finish(axes: Axes) -> None:
    axes.grid(True, color=GRID_COLOR, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def time_to_accuracy(document: dict[str, Any]) -> Figure:
    """Draw a line a table: who reached the target when."""
    tables, styles = document["tables"], _style(list(document["competitors"]))
    figure, axes = plt.subplots(figsize=(10, 0.27 * len(tables) + 2.2), layout="constrained")
    for row, facts in enumerate(tables.values()):
        axes.plot(facts["read_seconds"], row, color=READ_COLOR, marker="|", markersize=9, linestyle="none")
        for name, seconds in reversed(times(facts, TARGET).items()):
            size = 9 if name == PRODUCT else 5
            axes.plot(seconds, row, linestyle="none", markersize=size, **styles[name])
    labels = [f"{name}  ({facts['n_rows']:,} x {facts['n_features']})" for name, facts in tables.items()]
    axes.set_yticks(range(len(tables)), labels, fontsize=8)
    for label, facts in zip(axes.get_yticklabels(), tables.values(), strict=True):
        label.set_fontweight("bold" if is_large(facts) else "normal")
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(f"seconds from raw data. {LABELS[TARGET]}")
    handles = [axes.plot([], [], linestyle="none", label=name, **style)[0] for name, style in styles.items()]
    handles += axes.plot([], [], color=READ_COLOR, marker="|", linestyle="none", label="X @ w: one read")
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=7, frameon=False)
    _finish(axes)
    return figure


def time_by_size(document: dict[str, Any]) -> Figure | None:
    """Draw time against rows and against columns, for independent columns, with the line of one read."""
    styles = _style(list(document["competitors"]))
    made = [facts for facts in document["tables"].values() if facts["kind"] == "independent"]
    if not made:
        return None
    figure, both = plt.subplots(1, 2, figsize=(11, 5.2), layout="constrained", sharey=True)
    for axes, (key, fixed, value) in zip(
        both, (("n_rows", "n_features", 20), ("n_features", "n_rows", 100_000)), strict=True
    ):
        chosen = sorted((facts for facts in made if facts[fixed] == value), key=lambda facts: facts[key])
        sizes = [facts[key] for facts in chosen]
        for name, style in reversed(styles.items()):
            seconds = [times(facts, TARGET).get(name) for facts in chosen]
            if any(seconds):
                nan = [float("nan") if each is None else each for each in seconds]
                axes.plot(sizes, nan, label=name, linewidth=2.5 if name == PRODUCT else 0.9, markersize=5, **style)
        reads = [facts["read_seconds"] for facts in chosen]
        axes.plot(sizes, reads, color=READ_COLOR, linestyle="--", label="X @ w: one read")
        axes.set(
            xscale="log", yscale="log", xlabel="rows, of 20 columns" if key == "n_rows" else "columns, of 100k rows"
        )
        _finish(axes)
    both[0].set_ylabel(f"seconds. {LABELS[TARGET]}", fontsize=8)
    handles, labels = both[0].get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", fontsize=7, frameon=False)
    return figure


def _example(document: dict[str, Any]) -> str:
    tables = document["tables"]
    return EXAMPLE if EXAMPLE in tables else max(tables, key=lambda name: tables[name]["n_rows"])


def loss_by_time(document: dict[str, Any]) -> Figure:
    """Draw, for every competitor, what its settings reached: held-out log loss above the best, against seconds."""
    name = _example(document)
    facts, styles = document["tables"][name], _style(list(document["competitors"]))
    best = min(run["held_out"] for entry in facts["entries"].values() for run in entry["explored"] if run)
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for competitor, style in reversed(styles.items()):
        runs = [run for run in facts["entries"][competitor]["explored"] if run and run["held_out"] < 10 * best]
        points = sorted((run["seconds"], max(run["held_out"] / best - 1, 1e-8)) for run in runs)
        if points:
            width = 2.5 if competitor == PRODUCT else 0.8
            axes.plot(*zip(*points, strict=True), label=competitor, linewidth=width, markersize=5, **style)
    axes.axhline(1e-3, color=READ_COLOR, linestyle="--", linewidth=1)
    axes.annotate("target: 0.1%", (axes.get_xlim()[1], 1e-3), ha="right", va="bottom", fontsize=8)
    axes.set(xscale="log", yscale="log", xlabel="seconds of a fit from raw data", title=f"{name}: each setting a point")
    axes.set_ylabel("held-out log loss above the best, relative")
    _finish(axes)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right center", fontsize=7, frameon=False)
    return figure


def cores(document: dict[str, Any]) -> Figure | None:
    """Draw how much faster each is on more cores."""
    scaling = document.get("scaling")
    if not scaling:
        return None
    styles = _style(list(document["competitors"]))
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, seconds in scaling["seconds"].items():
        counts = [int(count) for count in seconds]
        speedups = [seconds[min(seconds, key=int)] / value for value in seconds.values()]
        axes.plot(counts, speedups, label=name, linewidth=2.5 if name == PRODUCT else 0.9, **styles[name])
    axes.plot(counts, counts, color=READ_COLOR, linestyle="--", label="as many times as cores")
    axes.set(xlabel="cores it may use", ylabel="times as fast as on one", title=scaling["table"])
    axes.set_xticks(counts)
    _finish(axes)
    figure.legend(loc="outside right center", fontsize=7, frameon=False)
    return figure


def memory(document: dict[str, Any]) -> Figure:
    """Draw the peak of memory of each fit beyond the data, of those who reached the target."""
    name = _example(document)
    facts, styles = document["tables"][name], _style(list(document["competitors"]))
    peaks = {}
    for competitor, entry in facts["entries"].items():
        if TARGET in entry["peak_bytes"]:
            peaks[competitor] = entry["peak_bytes"][TARGET] / 2**20
    order = sorted(peaks, key=lambda each: peaks[each])
    figure, axes = plt.subplots(figsize=(8, 0.3 * len(order) + 1.2), layout="constrained")
    axes.barh(order, [peaks[each] for each in order], color=[styles[each]["color"] for each in order])
    for place, competitor in enumerate(order):
        axes.annotate(f" {peaks[competitor]:,.0f}", (peaks[competitor], place), va="center", fontsize=8)
    size = facts["n_rows"] * facts["n_features"] * (4 if facts["dtype"] == "float32" else 8) / 2**20
    axes.axvline(size, color=READ_COLOR, linestyle="--", linewidth=1, label=f"the data itself: {size:,.0f} MiB")
    axes.set(xlabel="peak of memory beyond the data, MiB", title=name)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    _finish(axes)
    return figure


def figures(document: dict[str, Any]) -> Iterator[tuple[str, Figure | None]]:
    """Yield every picture and what it is called."""
    yield "time-to-accuracy", time_to_accuracy(document)
    yield "time-by-size", time_by_size(document)
    yield "loss-by-time", loss_by_time(document)
    yield "cores", cores(document)
    yield "memory", memory(document)


def draw_all(document: dict[str, Any], stem: Path) -> list[Path]:
    """Write all pictures, named after the results; return their paths."""
    written = []
    for name, figure in figures(document):
        if figure is not None:
            written.append(stem.with_name(f"{stem.name}-{name}.png"))
            figure.savefig(written[-1], dpi=110)
            plt.close(figure)
    return written
