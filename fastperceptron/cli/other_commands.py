"""The commands that take no data: export, synthesize and demo."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from fastperceptron.cli.options import FILE, ModelFile, Seed, Written, app


def count(text: str) -> int:
    """Return the number of rows that a text like 100000, 1e6, 250k, 100M or 1G means."""
    scale = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}.get(text[-1:].lower(), 1.0)
    try:
        number = float(text if scale == 1.0 else text[:-1]) * scale
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number of rows: write 100000, 1e6, 250k, 100M or 1G.") from None
    if number < 1 or number != int(number):
        raise typer.BadParameter(f"{text!r} is not a whole number of rows.")
    return int(number)


@app.command()
def export(
    model: ModelFile,
    to: Annotated[str, typer.Option("--to", metavar="<form>", help="onnx, sql or json.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; by default SQL and JSON are printed.", **FILE)
    ] = None,
    dialect: Annotated[str | None, typer.Option(help="Of SQL: duckdb (the default), sqlite or postgres.")] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            "--categorical",
            "-c",
            metavar="<column>",
            help="For SQL: column whose features are levels, as in plan=basic; by default all names with = are such, "
            "'' for none. Repeatable.",
        ),
    ] = None,
) -> None:
    """Write a model for other programs. An ONNX graph, an SQL expression of the probability, or a JSON object."""
    from fastperceptron.cli.export import export_model

    for line in export_model(model, to, output, dialect, categorical):
        typer.echo(line)


@app.command()
def synthesize(
    output: Written,
    rows: Annotated[
        int, typer.Option("--rows", "-n", parser=count, help="Number of rows, such as 100000, 1e6, 250k, 100M or 1G.")
    ],
    features: Annotated[int, typer.Option("--features", "-d", min=1, help="Number of columns.")],
    classes: Annotated[int, typer.Option(min=2, max=256, help="Number of classes.")] = 2,
    balance: Annotated[float, typer.Option(help="Share of the second of two classes.")] = 0.5,
    noise: Annotated[float, typer.Option(help="Noise in the labels; 0 for none.")] = 1.0,
    correlation: Annotated[float, typer.Option(help="Correlation of each pair of columns.")] = 0.0,
    scale_spread: Annotated[float, typer.Option(help="Orders of magnitude that the scales of the columns span.")] = 0.0,
    informative: Annotated[
        int | None, typer.Option(help="Number of columns with weights other than 0; all by default.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Write a synthetic table. Its features are x0, x1 and so on, its labels y; the true weights are printed."""
    from fastperceptron.cli.synthesize import write_synthetic

    options = {"n_classes": classes, "class_balance": balance, "noise": noise, "informative": informative, "rng": seed}
    for line in write_synthetic(output, rows, features, correlation=correlation, scale_spread=scale_spread, **options):
        typer.echo(line)


@app.command()
def demo(
    steps: Annotated[int, typer.Option(min=1, help="Number of training steps.")] = 100_000,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option(help="Folder to write the pictures and the model to.")] = Path(
        "fastperceptron-demo"
    ),
) -> None:
    """Run the 2017 tutorial. One neuron learns two kinds of flowers, and names an unknown one."""
    from fastperceptron.cli.demo import UNKNOWN_FLOWER, run_demo, write_demo
    from fastperceptron.plot.drawing import percent

    try:
        output.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"a file is in the place of the folder {str(output)!r}: give another path.") from None
    result = run_demo(steps, seed, progress=sys.stderr.isatty())
    species, certainty = result.unknown
    size = " x ".join(map(str, UNKNOWN_FLOWER))
    typer.echo(f"{result.model}\nThe unknown flower, sepal {size} cm, is {species}: {percent(certainty)} sure.")
    typer.echo(f"Accuracy on the {len(result.y)} flowers: {result.accuracy:.1%}")
    typer.echo(f"Final cost: {result.model.cost(result.X, result.y):.3g}")
    ratio = result.reference_nanoseconds / result.nanoseconds
    typer.echo(
        f"Time per step: {result.nanoseconds:,.1f} ns, plain Python {result.reference_nanoseconds:,.0f} ns"
        f" ({ratio:,.0f} times as long)"
    )
    typer.echo("Written: " + ", ".join(str(path) for path in write_demo(result, output)))
