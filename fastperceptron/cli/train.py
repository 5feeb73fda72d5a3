"""The work of the command train; it returns what to print.

A source is a path, pattern, folder or URI, or a list of them, since the shell expands patterns.
"""

import csv
import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastperceptron.atomic import replace_file
from fastperceptron.cli.columns import class_weight_as_typed, columns_as_typed, has_own_labels
from fastperceptron.cli.evaluate import described
from fastperceptron.cli.outputs import check_outputs, warnings_as_lines
from fastperceptron.cluster.sources import dataset
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.holdout import Part
from fastperceptron.estimator.classifier import PerceptronClassifier
from fastperceptron.evaluation.scores import evaluate
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.uncertainty.inference import inference


def train_model(
    source: Any,
    columns: dict[str, Any],
    options: dict[str, Any],
    output: Path,
    checkpoint: Path,
    holdout: float,
    report: Path | None,
    table: Path | None = None,
    scheduler: str | None = None,
) -> Iterator[str]:
    """Train on a table, save the model, and return lines about it.

    `table` is the CSV file that standard errors are written to, or None; `scheduler` the address of a Dask cluster.

    `columns` are arguments of `dataset`, and `exclude`; `options` are parameters of `PerceptronClassifier`. Columns and
    class weights come as texts, as they are typed.
    """
    check_outputs(source, [output, checkpoint, *(path for path in (report, table) if path is not None)])
    if columns["target"] is None and not has_own_labels(source):
        raise ValueError("train needs the column of the labels: give --target <column>.")
    if scheduler is not None and holdout > 0:
        raise ValueError("--holdout reads the rows here, and --scheduler where workers are: leave one of them out.")
    with _engine(scheduler) as engine:
        data = dataset(source, **columns_as_typed(source, columns), engine=engine)
        part, held_out = _parts(data, holdout)
        options["class_weight"] = class_weight_as_typed(options["class_weight"], part)
        classifier = PerceptronClassifier(**options)
        start = time.perf_counter()
        with warnings_as_lines():
            classifier.fit(part, progress=sys.stderr.isatty(), checkpoint=checkpoint)
        seconds = time.perf_counter() - start
    model = replace(classifier.model_, target_name=getattr(data, "target_name", None) or str(columns["target"] or "y"))
    model.save(output)
    checkpoint.unlink(missing_ok=True)
    found, lines = _fitted(classifier, part, seconds)
    lines = [f"{output}: {found['features']} features, classes {', '.join(map(str, found['classes']))}.", *lines]
    if held_out is not None:
        evaluation = evaluate(model, held_out)
        lines += [f"On the {evaluation.n_rows:,} rows held out:", *described(evaluation)]
        found["holdout"] = evaluation.as_dict()
    if table is not None:
        lines += _inferred(classifier, part, table)
    if report is not None:
        with replace_file(report) as temporary:
            temporary.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        lines.append(f"Report: {report}")
    return iter(lines)


@contextmanager
def _engine(scheduler: str | None) -> Iterator[Any]:
    """Give a client of the cluster of Dask whose scheduler has this address; None without one."""
    if scheduler is None:
        yield None
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        message = "--scheduler needs the package distributed: pip install 'fastperceptron[dask]'"
        raise ModuleNotFoundError(message, name=error.name) from error
    with Client(scheduler) as client:
        yield client


def _parts(data: Dataset, holdout: float) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on, and those held out, or None."""
    if holdout == 0:
        return data, None
    held_out = Part(data, holdout, is_held_out=True)
    if next(held_out.blocks(), None) is None:
        raise ValueError(f"--holdout {holdout:g} holds out none of so few rows: raise it, or leave it out.")
    return Part(data, holdout, is_held_out=False), held_out


def _fitted(classifier: PerceptronClassifier, data: Dataset, seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Return the results of a fit, as a dict for the report and as lines."""
    gap, reads, objective = float(classifier.optimality_gap_), classifier.n_iter_, float(classifier.loss_curve_[-1])
    found = {"rows": data.n_rows, "features": data.n_features, "classes": classifier.classes_.tolist(), "reads": reads}
    found |= {"objective": objective, "optimality_gap": None if math.isnan(gap) else gap, "seconds": seconds}
    distance = "" if math.isnan(gap) else f", about {gap:.1g} above its minimum"
    return found, [f"{data.n_rows:,} rows, {reads} reads in {seconds:.2f} s: objective {objective:.6g}{distance}."]


def _inferred(classifier: PerceptronClassifier, data: Dataset, path: Path) -> list[str]:
    """Write the standard errors of a classifier's weights to a CSV file, and return the table as lines."""
    covariance = "classical" if LOSSES[classifier.loss].IS_LIKELIHOOD else "HC0"
    with warnings_as_lines():
        found = inference(classifier, data, covariance=covariance)
    columns = found.table()
    with replace_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return ["", *str(found).splitlines(), f"Table: {path}"]
