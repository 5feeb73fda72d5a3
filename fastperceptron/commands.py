"""The work of the commands train, predict, evaluate and synthesize; each returns what to print.

A source is a path, pattern, folder or URI, or a list of them, since the shell expands patterns.
"""

import csv
import json
import math
import os
import sys
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.atomic import destination, replace_file
from fastperceptron.cluster.sources import dataset
from fastperceptron.command_columns import class_weight_as_typed, columns_as_typed, has_own_labels, rows_for
from fastperceptron.command_language import find_columns, translate
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.files import find_files
from fastperceptron.data.formats import ArrayFormat, find_format, format_of_files, has_known_ending
from fastperceptron.data.holdout import Part
from fastperceptron.data.synthetic import synthetic
from fastperceptron.estimator.classifier import PerceptronClassifier
from fastperceptron.estimator.progress import show_progress
from fastperceptron.evaluation.scores import Evaluation, evaluate
from fastperceptron.kernels.losses import LOSSES
from fastperceptron.model import load
from fastperceptron.uncertainty.inference import inference

ROW_GROUP = 1 << 17  # rows per row group: decoding one takes some megabytes


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
    _check_outputs(source, [output, checkpoint, *(path for path in (report, table) if path is not None)])
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
        with _warnings_as_lines():
            classifier.fit(part, progress=sys.stderr.isatty(), checkpoint=checkpoint)
        seconds = time.perf_counter() - start
    model = replace(classifier.model_, target_name=getattr(data, "target_name", None) or str(columns["target"] or "y"))
    model.save(output)
    checkpoint.unlink(missing_ok=True)
    found, lines = _fitted(classifier, part, seconds)
    lines = [f"{output}: {found['features']} features, classes {', '.join(map(str, found['classes']))}.", *lines]
    if held_out is not None:
        evaluation = evaluate(model, held_out)
        lines += [f"On the {evaluation.n_rows:,} rows held out:", *_described(evaluation)]
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


def _check_outputs(source: Any, paths: list[Path]) -> None:
    """Raise an error that costs no work yet if a file cannot be written, is one of the data, or is written twice."""
    places = [destination(path) for path in paths]
    inputs = {os.path.realpath(file.path) for file in find_files(source, has_known_ending) if file.is_local}
    for number, (path, place) in enumerate(zip(paths, places, strict=True)):
        if os.fspath(place) in inputs:
            raise ValueError(f"{str(path)!r} holds data that are read: give another file to write.")
        if place in places[:number]:
            raise ValueError(f"{str(path)!r} would be written twice: give each output a file of its own.")


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
    with _warnings_as_lines():
        found = inference(classifier, data, covariance=covariance)
    columns = found.table()
    with replace_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))
    return ["", *str(found).splitlines(), f"Table: {path}"]


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        print(f"fastperceptron: {translate(str(warning.message))}", file=sys.stderr)


def _described(evaluation: Evaluation) -> list[str]:
    found = evaluation.details
    scores = {name: f"{score:.6g}" for name, score in evaluation.scores.items()}
    scores |= {"log loss": found.described_log_loss, "AUC": found.described_auc}
    lines = [f"  {name:<10}{score}" for name, score in scores.items()]
    return [*lines, "", f"  Probability and share of {found.of_class}:", *found.bin_lines()]


class _Ids:
    """Columns of a table that are copied to the predictions, as they are stored; of CSV files as text."""

    def __init__(self, source: Any, given: list[str], csv: Any) -> None:
        from fastperceptron.data.readers import open_reader

        files = find_files(source, has_known_ending)
        if isinstance(format_of_files(files), ArrayFormat):
            raise ValueError("--id is for tables with names of columns, not for files of arrays: leave it out.")
        self._reader = open_reader(files, csv)
        names = find_columns(given, self._reader.schema.names, "--id")
        self.fields = [self._reader.schema.field(name) for name in names]

    def rows(self) -> Generator[list[Any], int]:
        """Yield the columns of as many rows as are sent, in order; the first item is empty."""
        import pyarrow as pa

        n, rest = (yield []), pa.schema(self.fields).empty_table()
        for piece in self._reader.pieces([field.name for field in self.fields]):
            rest = pa.concat_tables([rest, pa.Table.from_batches([piece.batch])])
            while n is not None and 0 < n <= rest.num_rows:
                taken, rest = rest.slice(0, n).combine_chunks(), rest.slice(n)
                n = yield taken.columns


def write_predictions(model_path: Path, source: Any, output: Path, ids: list[str] | None, csv: Any) -> int:
    """Write the id columns, the class and the probabilities of each row; return the number of rows."""
    import pyarrow as pa

    model, n_rows = load(model_path), 0
    _check_outputs(source, [model_path, output])
    names = ["prediction", *(f"p({label})" for label in model.classes.tolist())]
    kept = _Ids(source, ids, csv) if ids else None
    id_fields = [] if kept is None else kept.fields
    if clash := [field.name for field in id_fields if field.name in names]:
        raise ValueError(f"--id {clash[0]}: the predictions have a column of this name, too. Rename the column.")
    kind = pa.array(model.classes[:1]).type
    schema = pa.schema([*id_fields, (names[0], kind), *((name, pa.float64()) for name in names[1:])])
    id_rows = None if kept is None else kept.rows()
    if id_rows is not None:
        next(id_rows)
    with replace_file(output) as temporary, _table_writer(output, temporary, schema) as write:
        for block in model.aligned(rows_for(model, source, csv)).blocks():
            p = model.predict_proba(block.X).astype(np.float64, copy=False)
            own = [] if id_rows is None else id_rows.send(len(p))
            write([*own, model.predict(block.X), *np.ascontiguousarray(p.T)])
            n_rows += len(p)
    return n_rows


@contextmanager
def _table_writer(output: Path, temporary: Path, schema: Any) -> Iterator[Callable[[list[Any]], None]]:
    """Give a function that appends columns to the table in `temporary`, in the format of the name `output`."""
    import pyarrow as pa

    with find_format(output, "open_writer", "rows can be written as").open_writer(temporary, schema) as writer:
        yield lambda columns: writer.write_table(
            pa.Table.from_arrays(
                [each if isinstance(each, pa.ChunkedArray) else pa.array(each) for each in columns], schema=schema
            )
        )


def evaluate_model(
    model_path: Path, source: Any, target: str | None, weight: str | None, plot: Path | None, csv: Any
) -> Iterator[str]:
    """Return lines with the scores of a model."""
    model = load(model_path)
    if plot is not None:
        destination(plot)
    is_given = target is not None
    if target is None and not has_own_labels(source):
        target = model.target_name
        if target is None:
            raise ValueError("this model does not know its target's name: give --target.")
    try:
        data = dataset(source, target=target, weight=weight, csv=csv)
    except ValueError as error:
        if not is_given and str(error).startswith("target: there is no column"):
            raise ValueError(
                f"{error} The model learnt {target!r}: if the labels are in another column, give --target."
            ) from error
        raise
    evaluation = evaluate(model, data)
    if plot is not None:
        from matplotlib.figure import Figure

        from fastperceptron.plot import plot_calibration

        figure = Figure(figsize=(5.2, 5.2), dpi=110, layout="constrained")
        plot_calibration(evaluation, ax=figure.subplots())
        with replace_file(plot) as temporary:
            figure.savefig(temporary, format=plot.suffix.lstrip(".") or "png")
    return iter([f"{evaluation.n_rows:,} rows", *_described(evaluation), *([f"Picture: {plot}"] if plot else [])])


def write_synthetic(output: Path, n_rows: int, n_features: int, **options: Any) -> Iterator[str]:
    """Write a synthetic table, and return lines with its true weights."""
    import pyarrow as pa

    data = synthetic(n_rows, n_features, **options)
    names = [f"x{number}" for number in range(n_features)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("y", pa.uint8())])
    with (
        replace_file(output) as temporary,
        _table_writer(output, temporary, schema) as write,
        data.open_table() as table,
        show_progress("synthesize", progress=True, verbose=0) as display,
    ):
        display.begin("writing", n_rows, 0)
        for start in range(0, n_rows, ROW_GROUP):
            X, codes = table.rows.labelled(table.codes, start, min(start + ROW_GROUP, n_rows))
            write([*np.ascontiguousarray(X.T), codes])
            display.rows_read(len(X))
    yield f"{n_rows:,} rows of {n_features} features written to {output}; the target is y."
    each = zip(np.atleast_2d(data.true_weights), np.atleast_1d(data.true_bias), strict=True)
    for k, (weights, bias) in enumerate(each):
        of_class = f" of class {k}" if data.true_weights.ndim > 1 else ""
        yield f"true weights{of_class}: {' '.join(f'{weight:.6g}' for weight in weights)}, bias {bias:.6g}"
