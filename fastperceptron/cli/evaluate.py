"""The work of the command evaluate: scores of a model, and a picture of its calibration."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastperceptron.atomic import destination, replace_file
from fastperceptron.cli.columns import has_own_labels
from fastperceptron.cluster.sources import dataset
from fastperceptron.evaluation.scores import Evaluation, evaluate
from fastperceptron.model import load


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
    return iter([f"{evaluation.n_rows:,} rows", *described(evaluation), *([f"Picture: {plot}"] if plot else [])])


def described(evaluation: Evaluation) -> list[str]:
    """Return scores and the calibration table as lines."""
    found = evaluation.details
    scores = {name: f"{score:.6g}" for name, score in evaluation.scores.items()}
    scores |= {"log loss": found.described_log_loss, "AUC": found.described_auc}
    lines = [f"  {name:<10}{score}" for name, score in scores.items()]
    return [*lines, "", f"  Probability and share of {found.of_class}:", *found.bin_lines()]
