"""The command: python -m bench --quick or --full. It races, writes the results, and draws them."""

import json
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from bench import machine
from bench.competitors import Competitor, all_competitors
from bench.judge import TARGETS, Judge
from bench.outcomes import EXAMPLE, outcome
from bench.race import Race
from bench.report import duration, report
from bench.tasks import Task, tasks, write

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Effort:
    """How long to try.

    Attributes
    ----------
    patience : float
        Seconds; a competitor whose fit takes longer explores no further.
    reads : float
        The same in reads of the table (X @ w), where that is longer.
    rounds : int
        Timed runs.
    """

    patience: float
    reads: float
    rounds: int


QUICK, FULL = Effort(0.25, 0.0, 3), Effort(0.3, 250.0, 5)


def installed(competitors: list[Competitor]) -> tuple[list[Competitor], list[str]]:
    """Return those whose package is here, and the packages that are not; say which."""
    missing = sorted({each.package for each in competitors if not each.version()})
    if missing:
        tqdm.write(f"left out, not installed: {', '.join(missing)}")
    return [each for each in competitors if each.version()], missing


def race_on(
    race: Race, task: Task, competitors: list[Competitor], folder: Path, effort: Effort, bar: Any
) -> dict[str, Any]:
    """Make a table, and return the results on it."""
    bar.set_description(task.name)
    X, y, X_held_out, y_held_out = task.make()
    write(folder, X, y)
    judge = Judge(X, y, X_held_out, y_held_out)
    # Of those who take the table the first, which is ours, by its tightest setting.
    first = next(each for each in competitors if not each.refusal(judge.kind))
    judge.choose_penalty(partial(first.fit, **first.settings[-1]))
    facts = {
        "kind": task.kind,
        "n_rows": len(y),
        "n_features": X.shape[1],
        "n_classes": judge.kind.n_classes,
        "n_stored": judge.kind.n_values if judge.kind.is_sparse else None,
        "dtype": str(X.dtype),
        "n_held_out": len(y_held_out),
        "read_seconds": machine.read_seconds(X),
    }
    race.patience = max(effort.patience, effort.reads * facts["read_seconds"])
    return facts | race.run(folder, judge, bar.set_postfix_str)


def told(table: str, document: dict[str, Any]) -> str:
    """Return a line about who reached the first target when."""
    found = outcome(table, document["tables"][table], TARGETS[0])
    return f"{table}: {duration(found.ours)}; {found.rival or 'nobody else'} {duration(found.theirs)}"


def is_brisk(entry: dict[str, Any], setting: int | None) -> bool:
    """Return whether a setting was chosen that takes no longer than a full race's patience."""
    return setting is not None and entry["explored"][setting]["seconds"] <= FULL.patience


def scaling(document: dict[str, Any], task: Task, competitors: list[Competitor], scratch: Path) -> dict[str, Any]:
    """Return the seconds of those who reached the target on a table, on one core, on two, and so on."""
    facts = document["tables"][task.name]
    X, y, _, _ = task.make()
    write(scratch / "table", X, y)
    chosen = {name: entry["chosen"]["held_out"] for name, entry in facts["entries"].items()}
    # Of those who take their time, one need not know that they do so on one core, too.
    settings = {name: setting for name, setting in chosen.items() if is_brisk(facts["entries"][name], setting)}
    racers = [each for each in competitors if each.name in settings]
    seconds: dict[str, dict[int, float]] = {name: {} for name in settings}
    for n_cores in range(1, machine.n_cores() + 1):
        with Race(racers, scratch / "log", FULL.patience, FULL.rounds, n_cores) as race:
            for name, value in race.seconds_of(scratch / "table", facts["C"], settings).items():
                seconds[name][n_cores] = value
    return {"table": task.name, "seconds": seconds}


def main(
    full: Annotated[bool, typer.Option("--full/--quick", help="All tables, or a few in under 3 minutes.")] = False,
    tables: Annotated[str, typer.Option(help="Only tables whose name has this in it.")] = "",
    results: Annotated[Path, typer.Option(help="Where the results go.")] = RESULTS,
) -> None:
    """Race fastperceptron against what is installed, and write a JSON, a table and pictures."""
    competitors, left_out = installed(list(all_competitors().values()))
    chosen, effort = [task for task in tasks(full) if tables in task.name], FULL if full else QUICK
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{machine.file_name()}{'' if full else '-quick'}.json"
    document: dict[str, Any] = {"machine": machine.describe(competitors), "left_out": left_out}
    document |= {
        "full": full,
        "patience": effort.patience,
        "reads": effort.reads,
        "rounds": effort.rounds,
        "tables": {},
    }
    document["competitors"] = {
        each.name: {"settings": each.settings, "source": each.source, "tuned": each.tuned} for each in competitors
    }
    with tempfile.TemporaryDirectory() as scratch:
        with Race(competitors, path.with_suffix(".log"), effort.patience, effort.rounds) as race:
            race.check()
            bar = tqdm(chosen, disable=not sys.stderr.isatty())
            for task in bar:
                document["tables"][task.name] = race_on(race, task, competitors, Path(scratch) / "table", effort, bar)
                path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
                tqdm.write(told(task.name, document))
        example = next((task for task in chosen if task.name == EXAMPLE), None)
        if example is not None:
            document["scaling"] = scaling(document, example, competitors, Path(scratch))
            path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for written in report(path):
        typer.echo(written)


if __name__ == "__main__":
    typer.run(main)
