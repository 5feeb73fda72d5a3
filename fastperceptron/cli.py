"""The command `fastperceptron`: results on stdout, progress on stderr; exit code 0, 1 for a failure, 2 for wrong usage.

This file declares arguments and options; commands.py and demo.py do the work, and are imported when they are needed.
Help texts name losses and solvers as text, since importing them would make --help wait for Numba and scikit-learn.
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

Data = Annotated[str, typer.Argument(help=f"File ({', '.join(FORMATS)}), folder or pattern.")]
Written = Annotated[Path, typer.Option("--output", "-o", help=f"File to write ({', '.join(endings('open_writer'))}).")]
ModelFile = Annotated[Path, typer.Argument(help="A model file that `train` wrote.")]
Weight = Annotated[str | None, typer.Option(metavar="<column>", help="Column of the row weights.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]


def _count(text: str) -> int:
    """Return the number of rows that a text like 100000, 1e6, 250k, 100M or 1G means."""
    scale = {"k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}.get(text[-1:].lower(), 1.0)
    try:
        number = float(text if scale == 1.0 else text[:-1]) * scale
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number of rows: write 100000, 1e6, 250k, 100M or 1G.") from None
    if number < 1 or number != int(number):
        raise typer.BadParameter(f"{text!r} is not a whole number of rows.")
    return int(number)


@app.callback()
def fastperceptron() -> None:
    """One sigmoid neuron, trained fast and exactly."""


@app.command()
def train(
    data: Data,
    target: Annotated[str, typer.Option(metavar="<column>", help="Column of the labels, by name or number.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")] = Path("model.safetensors"),
    loss: Annotated[str, typer.Option(help="log_loss or squared_error.")] = "log_loss",
    C: Annotated[float, typer.Option("--C", help="Inverse strength of the penalty; inf for no penalty.")] = 1.0,
    fit_intercept: Annotated[
        bool, typer.Option("--fit-intercept/--no-intercept", help="Whether the neuron has a bias.")
    ] = True,
    standardize: Annotated[
        bool, typer.Option(help="Whether to penalise the weights of standardised columns, or of the raw ones.")
    ] = True,
    class_weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="<label=weight>",
            help="Weight of a class, as in yes=2.5; or 'balanced' to give all classes the same total. Repeatable.",
        ),
    ] = None,
    solver: Annotated[str, typer.Option(help="newton, or sgd for mini-batch gradient descent.")] = "newton",
    tol: Annotated[
        float, typer.Option(help="Stop when the weights are this close to the optimum, in standard errors.")
    ] = 0.01,
    max_iter: Annotated[int, typer.Option(help="Maximum number of reads of the data (epochs of sgd).")] = 100,
    batch_size: Annotated[int, typer.Option(help="Rows per step of sgd.")] = 256,
    eta0: Annotated[float, typer.Option(help="Learning rate of sgd.")] = 0.2,
    n_jobs: Annotated[
        int | None, typer.Option(help="Number of threads, by default all available cores. The result is the same.")
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(metavar="<column>", help="Text column to encode as 0/1 columns; 'auto' means all. Repeatable."),
    ] = None,
    weight: Weight = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(metavar="<column>", help="Column to learn from; all others by default. Repeatable."),
    ] = None,
    holdout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the rows to test the model on.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="JSON file to write the results to.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state of training; next to the model by default.")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train a model on a table. After Ctrl-C, the same command continues from a checkpoint."""
    from fastperceptron.commands import train_model

    options = {"loss": loss, "C": C, "fit_intercept": fit_intercept, "standardize": standardize, "solver": solver}
    options |= {"tol": tol, "max_iter": max_iter, "batch_size": batch_size, "eta0": eta0, "n_jobs": n_jobs}
    options |= {"class_weight": class_weight, "random_state": seed}
    columns = {"target": target, "weight": weight, "categorical": categorical, "features": feature}
    checkpoint = checkpoint or output.with_name(f"{output.name}.checkpoint")
    try:
        lines = train_model(data, columns, options, output, checkpoint, holdout, report)
    except KeyboardInterrupt:
        kept = f"the same command continues from {checkpoint}" if checkpoint.exists() else "there is no checkpoint yet"
        typer.echo(f"fastperceptron: stopped; {kept}.", err=True)
        raise typer.Exit(1) from None
    for line in lines:
        typer.echo(line)


@app.command()
def predict(model: ModelFile, data: Data, output: Written) -> None:
    """Write class and probabilities of each row."""
    from fastperceptron.commands import write_predictions

    typer.echo(f"{write_predictions(model, data, output):,} rows written to {output}.")


@app.command()
def evaluate(
    model: ModelFile,
    data: Data,
    target: Annotated[
        str | None, typer.Option(metavar="<column>", help="Column of the labels; that of the training by default.")
    ] = None,
    weight: Weight = None,
    plot: Annotated[Path | None, typer.Option(help="Picture file to write the calibration curve to.")] = None,
) -> None:
    """Print the scores of a model on a table. Log loss, Brier score, accuracy, AUC and a calibration table."""
    from fastperceptron.commands import evaluate_model

    for line in evaluate_model(model, data, target, weight, plot):
        typer.echo(line)


@app.command()
def show(model: ModelFile) -> None:
    """Print the weights by name, the largest first."""
    from fastperceptron.commands import weights_of

    for line in weights_of(model):
        typer.echo(line)


@app.command()
def synthesize(
    output: Written,
    rows: Annotated[
        int, typer.Option("--rows", "-n", parser=_count, help="Number of rows, such as 100000, 1e6, 250k, 100M or 1G.")
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
    from fastperceptron.commands import write_synthetic

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
    from fastperceptron.demo import UNKNOWN_FLOWER, run_demo, write_demo
    from fastperceptron.plot import percent

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


def main() -> None:
    """Run the command line; an error that a user can fix is one line on stderr, not a traceback."""
    try:
        app()
    except (OSError, ValueError, TypeError, ModuleNotFoundError) as error:
        typer.echo(f"fastperceptron: {error}", err=True)
        raise SystemExit(1) from None
    finally:
        # Without this, the last garbage collections visit all that Numba and Matplotlib loaded: 0.6 of 2.5 s.
        gc.freeze()
