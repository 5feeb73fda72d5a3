"""The work of the command export: a model file in the forms that other programs read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastperceptron.atomic import destination, write_atomically
from fastperceptron.checks import choice
from fastperceptron.cli.language import split_columns
from fastperceptron.export.sql_dialects import DIALECTS, identifier
from fastperceptron.model import Perceptron, load

FORMS = ("onnx", "sql", "json")


def export_model(
    model_path: Path, form: str, output: Path | None, dialect: str | None, categorical: list[str] | None
) -> Iterator[str]:
    """Write a model in another form, and return lines to print: where it is, or the text itself without `output`."""
    choice(form, FORMS, "--to")
    if form != "sql" and (dialect is not None or categorical):
        raise ValueError(f"--{'categorical' if dialect is None else 'dialect'} is for --to sql: leave it out.")
    if output is None and form == "onnx":
        raise ValueError("an ONNX file is binary: give --output FILE.")
    if output is not None and destination(output) == Path(os.path.realpath(model_path)):
        raise ValueError(f"{str(output)!r} holds the model that is read: give another file to write.")
    model = load(model_path)
    if form == "onnx":
        model.to_onnx(output)
    text = "" if form == "onnx" else model.to_json() if form == "json" else _sql(model, dialect, categorical)
    if output is None:
        yield text
        return
    if form != "onnx":
        write_atomically(output, (text + "\n").encode())
    yield f"{output}: {model.n_features} features, classes {', '.join(map(str, model.classes.tolist()))}."


def _sql(model: Perceptron, dialect: str | None, categorical: list[str] | None) -> str:
    """Return the expression of two classes; of more, a list for SELECT with the names that `predict` gives."""
    known = DIALECTS[choice(dialect or "duckdb", DIALECTS, "--dialect")]
    columns: Any = "auto"
    if categorical and categorical != ["auto"]:
        names = model.feature_names or ()
        possible = [name[:at] for name in names for at, letter in enumerate(name) if letter == "="]
        columns = [name for name in split_columns(categorical, possible, "--categorical") if name]
    made = model.to_sql(known.name, categorical=columns)
    if isinstance(made, str):
        return made
    return ",\n".join(f"{sql} AS {identifier(known, f'p({label})', 'output')}" for label, sql in made.items())
