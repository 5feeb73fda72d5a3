"""The command `fastperceptron`: results on stdout, progress on stderr; exit codes 0, 1 for a failure, 2 for usage.

Here is only what is typed; what is done is in commands.py and demo.py, loaded when it is needed.
"""

import gc
import sys
from pathlib import Path
from typing import Annotated

try:
    import typer
except ModuleNotFoundError as error:
    raise SystemExit("the command line needs more packages: pip install 'fastperceptron[cli]'") from error

from fastperceptron.data.formats import FORMATS, endings

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Data = Annotated[str, typer.Argument(help=f"A file ({', '.join(FORMATS)}), folder or pattern.")]
Written = Annotated[
    Path, typer.Option("--output", "-o", help=f"The file to write ({', '.join(endings('open_writer'))}).")
]
ModelFile = Annotated[Path, typer.Argument(help="A model that `train` has written.")]
Categorical = Annotated[
    list[str] | None,
    typer.Option(help="A column of text to code as one column a level; or 'auto' for all. Repeatable."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all that is random.")]


def _count(text: str) -> int:
    """Return a number of rows such as 100000, 1e6, 250k, 100M or 1G."""
    scale = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}.get(text[-1:].lower(), 1.0)
    try:
        number = float(text if scale == 1.0 else text[:-1]) * scale
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number of rows: write 100000, 1e6, 250k, 100M or 1G.") from None
    if number < 1 or number != int(number):
        raise typer.BadParameter(f"{text!r} is no whole number of rows.")
    return int(number)


@app.callback()
def fastperceptron() -> None:
    """One sigmoid neuron, trained fast and exactly."""


@app.command()
def train(
    data: Data,
    target: Annotated[str, typer.Option(help="The column of the labels, by name or number.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")] = Path(
        "model.safetensors"
    ),
    loss: Annotated[str, typer.Option(help="log_loss or squared_error.")] = "log_loss",
    C: Annotated[float, typer.Option("--C", help="Inverse strength of the penalty; inf for none.")] = 1.0,
    solver: Annotated[str, typer.Option(help="newton or sgd.")] = "newton",
    tol: Annotated[float, typer.Option(help="Stop within so many standard errors of the optimum.")] = 0.01,
    max_iter: Annotated[int, typer.Option(help="The most reads of the data.")] = 100,
    batch_size: Annotated[int, typer.Option(help="Rows a step of sgd.")] = 256,
    categorical: Categorical = None,
    weight: Annotated[str | None, typer.Option(help="The column of the rows' weights.")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="A column to learn from. Repeatable.")] = None,
    holdout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the rows to judge the model by.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="A JSON file to write what was found to.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Where the state is kept; beside the model by default.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train a model on a table; Ctrl-C leaves a checkpoint, from which the same command goes on."""
    from fastperceptron.commands import train_model

    options = {"loss": loss, "C": C, "solver": solver, "tol": tol, "max_iter": max_iter, "batch_size": batch_size}
    columns = {"target": target, "weight": weight, "categorical": categorical, "features": feature}
    checkpoint = checkpoint or output.with_name(f"{output.name}.checkpoint")
    try:
        lines = train_model(data, columns, options, output, checkpoint, holdout, report, seed)
    except KeyboardInterrupt:
        where = (
            f"what was done is in {checkpoint}: give the same command to go on"
            if checkpoint.exists()
            else "nothing was done yet"
        )
        typer.echo(f"fastperceptron: stopped; {where}.", err=True)
        raise typer.Exit(1) from None
    for line in lines:
        typer.echo(line)


@app.command()
def predict(
    model: ModelFile,
    data: Data,
    output: Written,
) -> None:
    """Write the predicted class of each row, and the probability of each class."""
    from fastperceptron.commands import write_predictions

    typer.echo(f"{write_predictions(model, data, output):,} rows written to {output}.")


@app.command()
def evaluate(
    model: ModelFile,
    data: Data,
    target: Annotated[str | None, typer.Option(help="The column of the labels; as in training by default.")] = None,
    weight: Annotated[str | None, typer.Option(help="The column of the rows' weights.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A picture of the calibration to write.")] = None,
) -> None:
    """Print log loss, Brier score, accuracy, AUC and a calibration table."""
    from fastperceptron.commands import evaluate_model

    for line in evaluate_model(model, data, target, weight, plot):
        typer.echo(line)


@app.command()
def show(model: ModelFile) -> None:
    """Print the weights by name."""
    from fastperceptron.commands import weights_of

    for line in weights_of(model):
        typer.echo(line)


@app.command()
def synthesize(
    output: Written,
    rows: Annotated[int, typer.Option("--rows", "-n", parser=_count, help="How many: 100000, 1e6, 250k, 100M, 1G.")],
    features: Annotated[int, typer.Option("--features", "-d", min=1, help="How many columns.")],
    classes: Annotated[int, typer.Option(min=2, max=256, help="How many classes.")] = 2,
    balance: Annotated[float, typer.Option(help="Share of the second of two classes.")] = 0.5,
    noise: Annotated[float, typer.Option(help="Of the labels; 0 for none.")] = 1.0,
    correlation: Annotated[float, typer.Option(help="Of each pair of columns.")] = 0.0,
    scale_spread: Annotated[float, typer.Option(help="Orders of magnitude between columns.")] = 0.0,
    informative: Annotated[int | None, typer.Option(help="How many columns matter; all by default.")] = None,
    seed: Seed = 0,
) -> None:
    """Write a synthetic table x0, x1, ... and y, whose true weights are printed."""
    from fastperceptron.commands import write_synthetic

    options = {"n_classes": classes, "class_balance": balance, "noise": noise, "correlation": correlation}
    options |= {"scale_spread": scale_spread}
    for line in write_synthetic(output, rows, features, informative=informative, rng=seed, **options):
        typer.echo(line)


@app.command()
def demo(
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 100_000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the start and of the draws.")] = 0,
    output: Annotated[Path, typer.Option(help="Where the pictures and the model go.")] = Path("fastperceptron-demo"),
) -> None:
    """Run the 2017 tutorial: two kinds of flowers, one neuron, one unknown flower."""
    from fastperceptron.demo import UNKNOWN_FLOWER, run_demo, write_demo
    from fastperceptron.plot import percent

    result = run_demo(steps, seed, progress=sys.stderr.isatty())
    species, certainty = result.unknown
    length, width = UNKNOWN_FLOWER
    typer.echo(f"{result.model}")
    typer.echo(f"The unknown flower, sepal {length} x {width} cm, is {species}: {percent(certainty)} sure.")
    typer.echo(f"Accuracy on the {len(result.y)} flowers: {result.accuracy:.1%}")
    typer.echo(f"Final cost: {result.model.cost(result.X, result.y):.3g}")
    ratio = result.reference_nanoseconds / result.nanoseconds
    typer.echo(
        f"Time per step: {result.nanoseconds:,.1f} ns, plain Python {result.reference_nanoseconds:,.0f} ns"
        f" ({ratio:,.0f} times as long)"
    )
    typer.echo("Written: " + ", ".join(str(path) for path in write_demo(result, output)))


def main() -> None:
    """Run the command line; a failure that a user can mend is one line on stderr, not a traceback."""
    try:
        app()
    except (OSError, ValueError, TypeError, ModuleNotFoundError) as error:
        typer.echo(f"fastperceptron: {error}", err=True)
        raise SystemExit(1) from None
    finally:
        # Else the interpreter's last collections walk over all that Numba and Matplotlib loaded: 0.6 of 2.5 s.
        gc.freeze()
