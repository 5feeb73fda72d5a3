"""The work of the commands train, predict, evaluate, show and synthesize; each returns what to print."""

import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.atomic import replace_file
from fastperceptron.data.dataset import Dataset
from fastperceptron.data.formats import find_format
from fastperceptron.data.holdout import Part
from fastperceptron.data.sources import dataset
from fastperceptron.data.synthetic import synthetic
from fastperceptron.estimator.classifier import PerceptronClassifier
from fastperceptron.estimator.progress import show_progress
from fastperceptron.evaluation import Evaluation, evaluate
from fastperceptron.model import Perceptron, load

ROW_GROUP = 1 << 17  # rows per row group: decoding one takes some megabytes
MOST_WEIGHTS = 1000  # `show` prints at most this many weights per class


def train_model(
    source: str,
    columns: dict[str, Any],
    options: dict[str, Any],
    output: Path,
    checkpoint: Path,
    holdout: float,
    report: Path | None,
) -> Iterator[str]:
    """Train on a table, save the model, and return lines about it.

    `columns` are arguments of `dataset`, `options` parameters of `PerceptronClassifier`; class weights come as texts.
    """
    if columns["categorical"] == ["auto"]:
        columns["categorical"] = "auto"
    data = dataset(source, **columns)
    part, held_out = _parts(data, holdout)
    options["class_weight"] = _class_weight(options["class_weight"], part)
    classifier = PerceptronClassifier(**options)
    start = time.perf_counter()
    with _warnings_as_lines():
        classifier.fit(part, progress=sys.stderr.isatty(), checkpoint=checkpoint)
    seconds = time.perf_counter() - start
    model = replace(classifier.model_, target_name=getattr(data, "target_name", None) or str(columns["target"]))
    model.save(output)
    checkpoint.unlink(missing_ok=True)
    found, lines = _fitted(classifier, part, seconds)
    lines = [f"{output}: {found['features']} features, classes {', '.join(map(str, found['classes']))}.", *lines]
    if held_out is not None:
        evaluation = evaluate(model, held_out)
        lines += [f"On the {evaluation.n_rows:,} rows held out:", *_described(evaluation)]
        found["holdout"] = evaluation.as_dict()
    if report is not None:
        with replace_file(report) as temporary:
            temporary.write_text(json.dumps(found, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        lines.append(f"Report: {report}")
    return iter(lines)


def _parts(data: Dataset, holdout: float) -> tuple[Dataset, Dataset | None]:
    """Return the rows to train on, and those held out, or None."""
    if holdout == 0:
        return data, None
    held_out = Part(data, holdout, is_held_out=True)
    if next(held_out.blocks(), None) is None:
        raise ValueError(f"--holdout {holdout:g} holds out none of so few rows: raise it, or leave it out.")
    return Part(data, holdout, is_held_out=False), held_out


def _class_weight(texts: list[str] | None, data: Dataset) -> Any:
    """Return the class_weight that texts like "balanced" or "yes=2.5" mean; labels are numbers where the data's are."""
    if not texts or texts == ["balanced"]:
        return texts[0] if texts else None
    first = next(data.blocks(), None)
    are_texts = first is None or np.asarray(first.y).dtype.kind not in "biuf"
    weights = {}
    for text in texts:
        label, _, weight = text.rpartition("=")
        try:
            known = {"true": True, "false": False}.get(label.lower())
            weights[label if are_texts else float(label) if known is None else known] = float(weight)
        except ValueError:
            raise ValueError(f"--class-weight {text}: write 'balanced', or label=weight as in yes=2.5.") from None
    return weights


def _fitted(classifier: PerceptronClassifier, data: Dataset, seconds: float) -> tuple[dict[str, Any], list[str]]:
    """Return the results of a fit, as a dict for the report and as lines."""
    gap, reads, objective = float(classifier.optimality_gap_), classifier.n_iter_, float(classifier.loss_curve_[-1])
    found = {"rows": data.n_rows, "features": data.n_features, "classes": classifier.classes_.tolist(), "reads": reads}
    found |= {"objective": objective, "optimality_gap": None if math.isnan(gap) else gap, "seconds": seconds}
    distance = "" if math.isnan(gap) else f", about {gap:.1g} above its minimum"
    return found, [f"{data.n_rows:,} rows, {reads} reads in {seconds:.2f} s: objective {objective:.6g}{distance}."]


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        print(f"fastperceptron: {warning.message}", file=sys.stderr)


def _described(evaluation: Evaluation) -> list[str]:
    lines = [f"  {name:<10}{value:.6g}" for name, value in evaluation.scores.items()]
    lines += ["", "  predicted  observed        rows"]
    lines += [f"  {p:9.4f}  {share:8.4f}{count:12,}" for p, share, count in evaluation.calibration]
    return lines


def _rows_for(model: Perceptron, source: str) -> Dataset:
    """Return rows to predict, without the target's column if an array without column names has one."""
    data = dataset(source)
    if data.n_features == model.n_features + 1 and model.target_name is not None and not model.feature_names:
        data = dataset(source, target=model.target_name)
    return data


def write_predictions(model_path: Path, source: str, output: Path) -> int:
    """Write the class and the probabilities of each row; return the number of rows."""
    import pyarrow as pa

    model, n_rows = load(model_path), 0
    names = ["prediction", *(f"p({label})" for label in model.classes.tolist())]
    kind = pa.array(model.classes[:1]).type
    schema = pa.schema([(names[0], kind), *((name, pa.float64()) for name in names[1:])])
    with replace_file(output) as temporary, _table_writer(output, temporary, schema) as write:
        for block in model.aligned(_rows_for(model, source)).blocks():
            p = model.predict_proba(block.X).astype(np.float64, copy=False)
            write([model.predict(block.X), *np.ascontiguousarray(p.T)])
            n_rows += len(p)
    return n_rows


@contextmanager
def _table_writer(output: Path, temporary: Path, schema: Any) -> Iterator[Callable[[list[Any]], None]]:
    """Give a function that appends columns to the table in `temporary`, in the format of the name `output`."""
    import pyarrow as pa

    with find_format(output, "open_writer", "rows can be written as").open_writer(temporary, schema) as writer:
        yield lambda columns: writer.write_table(
            pa.Table.from_arrays([pa.array(each) for each in columns], schema=schema)
        )


def evaluate_model(
    model_path: Path, source: str, target: str | None, weight: str | None, plot: Path | None
) -> Iterator[str]:
    """Return lines with the scores of a model."""
    model = load(model_path)
    target = model.target_name if target is None else target
    if target is None:
        raise ValueError("this model does not know its target's name: give --target.")
    evaluation = evaluate(model, dataset(source, target=target, weight=weight))
    if plot is not None:
        from matplotlib.figure import Figure

        from fastperceptron.plot import plot_calibration

        figure = Figure(figsize=(5.2, 5.2), dpi=110, layout="constrained")
        plot_calibration(evaluation.calibration, ax=figure.subplots())
        with replace_file(plot) as temporary:
            figure.savefig(temporary, format=plot.suffix.lstrip(".") or "png")
    return iter([f"{evaluation.n_rows:,} rows", *_described(evaluation), *([f"Picture: {plot}"] if plot else [])])


def weights_of(model_path: Path) -> Iterator[str]:
    """Return lines with the weights by name, the largest first."""
    model = load(model_path)
    names = model.feature_names or [f"x{number}" for number in range(model.n_features)]
    weights, biases = np.atleast_2d(model.weights), np.atleast_1d(model.bias)
    labels = [str(label) for label in (model.classes[1:] if len(weights) == 1 else model.classes).tolist()]
    width = max(map(len, [*names, "(bias)"])) + 2
    yield f"{'':<{width}}" + "".join(f"{label:>16}" for label in labels)
    yield f"{'(bias)':<{width}}" + "".join(f"{bias:16.8g}" for bias in biases)
    for number in np.argsort(-np.abs(weights).max(axis=0), kind="stable")[:MOST_WEIGHTS].tolist():
        yield f"{names[number]:<{width}}" + "".join(f"{weight:16.8g}" for weight in weights[:, number])
    if model.n_features > MOST_WEIGHTS:
        yield f"... and {model.n_features - MOST_WEIGHTS:,} smaller ones"


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
