"""The results in Markdown: a summary, a table a target, everyone's times, what was tuned. Generated, never typed.

`python -m bench.report RESULTS.json` writes them anew.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.competitors import OURS
from bench.generated import write_part
from bench.judge import TARGETS
from bench.outcomes import LABELS, LARGE_MADE, LARGE_REAL, PRODUCT, outcome, summary, times
from bench.pictures import draw_all

MEGABYTE = 1 << 20
# Tables in README.md.
EXCERPT = (
    "independent, 1M x 20",
    "correlated, 1M x 20",
    "rare class, 1M x 20",
    "independent, 20M x 2",
    "one-hot, 1M x 100",
    "flights",
    "military",
    "diamonds",
)
EVERYONE = (
    "Never: none of its settings reached the target, however long it took. Slow: none did within the patience. Empty: "
    "not asked, since its documentation does not mean it for so many rows, or it does not take such a table."
)


def duration(seconds: float | None) -> str:
    """Return seconds as one reads them: three digits."""
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def _spread(facts: dict[str, Any], name: str, target: str) -> str:
    """Return the median of the timed runs, with the least and the most."""
    runs = facts["entries"][name]["timed"].get(target, []) if name in facts["entries"] else []
    seconds = facts["entries"][name]["seconds"][target] if runs else None
    if seconds is None:
        return "never"
    all_seconds = [run["seconds"] for run in runs]
    return f"{duration(seconds)} ({duration(min(all_seconds))} to {duration(max(all_seconds))})"


def _unless_product(way: str) -> str:
    return "" if way == PRODUCT else f", {way.removeprefix(OURS).strip()}"


def _cost(facts: dict[str, Any], name: str | None, target: str) -> tuple[str, str]:
    """Return the median core-seconds and the peak of memory, as one reads them."""
    if name is None:
        return "-", "-"
    entry = facts["entries"][name]
    cores = statistics.median(run["core_seconds"] for run in entry["timed"][target])
    return duration(cores), f"{entry['peak_bytes'][target] / MEGABYTE:.2g}"


def _size(facts: dict[str, Any]) -> str:
    """Return rows and columns, and of a sparse table the stored values."""
    stored = facts.get("n_stored")
    return f"{facts['n_rows']:,} x {facts['n_features']}" + (f", {stored:,} stored" if stored is not None else "")


def _target_table(document: dict[str, Any], target: str) -> Iterator[str]:
    yield (
        "| table | rows x columns | `X @ w` | ours: median (least to most) | best of the others | theirs | times ours "
        "| processor time: ours, theirs | peak MiB: ours, theirs |"
    )
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, facts in document["tables"].items():
        found = outcome(name, facts, target)
        costs = [_cost(facts, who, target) for who in (found.way, found.rival)]
        pairs = [", ".join(pair) for pair in zip(*costs, strict=True)]
        cells = [
            f"**{name}**" if found.is_large else name,
            _size(facts),
            duration(facts["read_seconds"]),
            _spread(facts, found.way, target) + _unless_product(found.way) if found.way else "never",
            found.rival or "nobody in time",
            _spread(facts, found.rival, target) if found.rival else "-",
            f"{found.ratio:.1f}" if found.ratio is not None else "-",
            *pairs,
        ]
        yield f"| {' | '.join(cells)} |"


def _all_times(document: dict[str, Any], target: str) -> Iterator[str]:
    names = list(document["competitors"])
    yield f"| table | {' | '.join(names)} |"
    yield "|" + " --- |" * (len(names) + 1)
    for table, facts in document["tables"].items():
        there = times(facts, target)
        cells = [duration(there[name]) if name in there else _why_not(facts["entries"][name]) for name in names]
        yield f"| {table} | {' | '.join(cells)} |"


def _why_not(entry: dict[str, Any]) -> str:
    """Return a word for not having reached a target: the whole remark is in the JSON."""
    remark = entry["remark"]
    if not remark:
        return "never"
    if remark.startswith("not asked"):
        return ""
    return "slow" if remark.startswith(("explored", "stopped", "too slow")) else "failed"


def _scaling(document: dict[str, Any]) -> Iterator[str]:
    scaling = document.get("scaling")
    if not scaling:
        return
    cores = next(iter(scaling["seconds"].values()))
    yield f"## Cores: {scaling['table']}"
    yield f"| competitor | {' | '.join(f'{count} of the cores' for count in cores)} |"
    yield "|" + " --- |" * (len(cores) + 1)
    for name, seconds in scaling["seconds"].items():
        yield f"| {name} | {' | '.join(duration(value) for value in seconds.values())} |"


def lines(document: dict[str, Any], pictures: list[Path]) -> Iterator[str]:
    """Yield the report."""
    machine = document["machine"]
    yield f"# {machine['processor']}, {machine['cores']} cores"
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    yield (
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, Python {machine['python']}; fastperceptron "
        f"{machine['fastperceptron']} ({machine['commit']}), {machine['when']}; {packages}."
    )
    if document["left_out"]:
        yield f"Left out, because not installed: {', '.join(document['left_out'])}."
    patience = f"{document['patience']:g} s, or {document['reads']:g} times X @ w"
    yield (
        f"Large tables, in bold, are made ones of {LARGE_MADE:,} rows and real ones of {LARGE_REAL:,} rows or more. "
        f"Ours is {PRODUCT}, or that of our other ways to fit which is named. A time is the median of "
        f"{document['rounds']} runs, each of which reached the target; of 1, where a run takes longer than the "
        f"patience. The patience is {patience}: after a slower fit a competitor explores no further; 'never' means "
        "that none of its runs reached the target."
    )
    yield from summary(document)
    for picture in pictures:
        yield f"![{picture.stem}]({picture.name})"
    for target in TARGETS:
        yield f"## {LABELS[target]}"
        yield "\n".join(_target_table(document, target))
        yield "### Everyone"
        yield EVERYONE
        yield "\n".join(_all_times(document, target))
    yield "\n".join(_scaling(document)).replace("\n|", "\n\n|", 1)
    yield "## What was tuned, and for whom"
    yield "C, for each table and the same for all: see README.md. For each competitor, of these settings, the fastest:"
    for name, facts in document["competitors"].items():
        yield f"- **{name}** ({facts['source']}): {facts['tuned']}. {len(facts['settings'])} settings."


def excerpt(document: dict[str, Any], pictures: list[Path], home: Path) -> Iterator[str]:
    """Yield what README.md shows: the summary, the first picture, and the times on some tables."""
    yield from ("\n".join(["", *summary(document)]).strip().replace("\n", "\n\n"), "")
    yield f"![Time to accuracy]({pictures[0].resolve().relative_to(home.resolve())})"
    yield ""
    yield "| held-out log loss within 0.1% of the best, from raw data | fastperceptron | best of the others | |"
    yield "| --- | --- | --- | --- |"
    for name in EXCERPT:
        found_name = next((table for table in document["tables"] if table.startswith(name)), None)
        if found_name is not None:
            facts = document["tables"][found_name]
            found = outcome(found_name, facts, TARGETS[0])
            times_ours = f"{found.ratio:.1f} times" if found.ratio is not None else ""
            cells = [duration(found.ours), f"{duration(found.theirs)}, {found.rival or 'nobody in time'}", times_ours]
            yield f"| {found_name}: {facts['n_rows']:,} x {facts['n_features']} | {' | '.join(cells)} |"


def report(path: Path) -> list[Path]:
    """Write the report and the pictures beside the JSON, and of a full race the excerpt in README.md; return paths."""
    document = json.loads(path.read_text(encoding="utf-8"))
    pictures = draw_all(document, path.with_suffix(""))
    text = path.with_suffix(".md")
    text.write_text("\n\n".join(lines(document, pictures)) + "\n", encoding="utf-8")
    home = Path(__file__).parents[1]
    if document["full"] and path.resolve().is_relative_to(home):
        write_part(home / "README.md", "race", excerpt(document, pictures, home))
    return [path, text, *pictures]


if __name__ == "__main__":
    report(Path(sys.argv[1]))
