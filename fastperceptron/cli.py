"""The command `fastperceptron`: results on stdout, progress on stderr; exit code 0, 1 for a failure, 2 for wrong usage.

This file declares arguments and options; commands.py and demo.py do the work, and are imported when they are needed.
Help texts name losses and solvers as text, since importing them would make --help wait for Numba and scikit-learn.
"""

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

try:
    import typer
except ModuleNotFoundError as error:
    raise SystemExit("the command line needs more packages: pip install 'fastperceptron[cli]'") from error

from fastperceptron.atomic import local_path
from fastperceptron.command_language import csv_option_values, translate
from fastperceptron.data.formats import FORMATS, endings

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)

Data = Annotated[list[str], typer.Argument(help=f"Files ({', '.join(FORMATS)}), folder or pattern.")]
Csv = Annotated[
    list[str] | None,
    typer.Option(
        metavar="<name=value>",
        help="How CSV files are written: delimiter=';' (or tab), encoding=latin-1, has_header=false, comment='#', "
        "null_values='?', decimal_point=',', column_types.zip=string. Repeatable.",
    ),
]
_FILE: dict[str, Any] = {"metavar": "<path>", "parser": local_path}  # typer's own Path drops the slash of a folder
Written = Annotated[
    Path, typer.Option("--output", "-o", help=f"File to write ({', '.join(endings('open_writer'))}).", **_FILE)
]
ModelFile = Annotated[Path, typer.Argument(help="A model file that `train` wrote.")]
Weight = Annotated[str | None, typer.Option("--weight", "-w", metavar="<column>", help="Column of the row weights.")]
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


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from fastperceptron import __version__

        typer.echo(f"fastperceptron {__version__}")
        raise typer.Exit


def _source(data: list[str]) -> str | list[str]:
    return data[0] if len(data) == 1 else data


@app.callback()
def fastperceptron(
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One sigmoid neuron, trained fast and exactly."""


@app.command()
def train(
    data: Data,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            metavar="<column>",
            help="Column of the labels, by name or number; not for .npz and .svm files.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.", **_FILE)] = Path(
        "model.safetensors"
    ),
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
    multi_class: Annotated[
        str, typer.Option(help="What three or more classes take: softmax or one_vs_rest; auto is softmax if it can be.")
    ] = "auto",
    tol: Annotated[
        float, typer.Option(help="Stop when the weights are this close to the optimum, in standard errors.")
    ] = 0.01,
    max_iter: Annotated[int, typer.Option(help="Maximum number of reads of the data (epochs of sgd).")] = 1000,
    batch_size: Annotated[int | None, typer.Option(help="Rows per step of sgd; 256 by default.")] = None,
    eta0: Annotated[float | None, typer.Option(help="Learning rate of sgd; 0.2 by default.")] = None,
    n_jobs: Annotated[
        int | None,
        typer.Option(
            "--n-jobs", "-j", help="Number of threads, by default all available cores. The result is the same."
        ),
    ] = None,
    categorical: Annotated[
        list[str] | None,
        typer.Option(
            "--categorical",
            "-c",
            metavar="<column>",
            help="Text column to encode as 0/1 columns, or several with commas; 'auto' means all. Repeatable.",
        ),
    ] = None,
    max_levels: Annotated[int | None, typer.Option(help="Largest number of levels of a text column.")] = None,
    weight: Weight = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            "--feature", "-f", metavar="<column>", help="Column to learn from; all others by default. Repeatable."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", "-x", metavar="<column>", help="Column not to learn from. Repeatable."),
    ] = None,
    csv: Csv = None,
    holdout: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the rows to test the model on.")] = 0.0,
    inference: Annotated[
        bool,
        typer.Option(
            "--inference",
            help="Print standard errors, intervals and tests of the weights, and write them next to the model.",
        ),
    ] = False,
    report: Annotated[Path | None, typer.Option(help="JSON file to write the results to.", **_FILE)] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state of training; next to the model by default.", **_FILE)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="<address>", help="Scheduler of a Dask cluster whose workers read the files, as tcp://host:8786."
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """Train a model on a table. After Ctrl-C, the same command continues from a checkpoint."""
    options = {"loss": loss, "C": C, "fit_intercept": fit_intercept, "standardize": standardize, "solver": solver}
    options |= {
        "multi_class": multi_class,
        "tol": tol,
        "max_iter": max_iter,
        "n_jobs": n_jobs,
        "class_weight": class_weight,
        "random_state": seed,
    }
    for name, value in {"eta0": eta0, "batch_size": batch_size}.items():
        if value is not None and solver != "sgd":
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{option} is for --solver sgd: add that, or leave {option} out.")
        options |= {} if value is None else {name: value}
    columns: dict[str, Any] = {"target": target, "weight": weight, "categorical": categorical, "features": feature}
    columns |= {"exclude": exclude, "max_levels": max_levels, "csv": csv_option_values(csv)}
    checkpoint = checkpoint or output.parent / f"{output.name}.checkpoint"
    try:
        from fastperceptron.commands import train_model

        # Next to the model, as the checkpoint is.
        table = output.parent / f"{output.name}.inference.csv" if inference else None
        lines = train_model(_source(data), columns, options, output, checkpoint, holdout, report, table, scheduler)
    except KeyboardInterrupt:
        kept = "there is no checkpoint yet, so the same command starts at the beginning"
        if checkpoint.exists():
            kept = f"the same command continues from {checkpoint}"
        typer.echo(f"fastperceptron: stopped; {kept}.", err=True)
        raise typer.Exit(1) from None
    typer.echo("\n".join(lines))


@app.command()
def predict(
    model: ModelFile,
    data: Data,
    output: Written,
    id_: Annotated[
        list[str] | None,
        typer.Option("--id", "-i", metavar="<column>", help="Column to copy to the predictions. Repeatable."),
    ] = None,
    csv: Csv = None,
) -> None:
    """Write class and probabilities of each row."""
    from fastperceptron.commands import write_predictions

    n_rows = write_predictions(model, _source(data), output, id_, csv_option_values(csv))
    typer.echo(f"{n_rows:,} rows written to {output}.")


@app.command()
def evaluate(
    model: ModelFile,
    data: Data,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", metavar="<column>", help="Column of the labels; as in training by default."),
    ] = None,
    weight: Weight = None,
    plot: Annotated[Path | None, typer.Option(help="Picture file to write the calibration curve to.", **_FILE)] = None,
    csv: Csv = None,
) -> None:
    """Print the scores of a model on a table. Log loss, Brier score, accuracy, AUC and a calibration table."""
    from fastperceptron.commands import evaluate_model

    for line in evaluate_model(model, _source(data), target, weight, plot, csv_option_values(csv)):
        typer.echo(line)


@app.command()
def show(
    model: ModelFile,
    data: Annotated[
        list[str] | None,
        typer.Argument(help="A table, to sort by weights per standard deviation of the features in it."),
    ] = None,
    csv: Csv = None,
) -> None:
    """Print the weights by name, the largest first."""
    from fastperceptron.commands import weights_of

    for line in weights_of(model, _source(data) if data else None, csv_option_values(csv)):
        typer.echo(line)


@app.command()
def export(
    model: ModelFile,
    to: Annotated[str, typer.Option("--to", metavar="<form>", help="onnx, sql or json.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; by default SQL and JSON are printed.", **_FILE)
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
    from fastperceptron.command_export import export_model

    for line in export_model(model, to, output, dialect, categorical):
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
    from fastperceptron.drawing import percent

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


def main() -> None:
    """Run the command line; an error is one line on stderr, not a traceback."""
    try:
        app()
    except BrokenPipeError:  # the reader of stdout has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        typer.echo("fastperceptron: stopped.", err=True)
        raise SystemExit(130) from None
    except Exception as error:
        typer.echo(f"fastperceptron: {_one_line(error)}", err=True)
        raise SystemExit(1) from None
    finally:
        # Without this, the last garbage collections visit all that Numba and Matplotlib loaded: 0.6 of 2.5 s.
        gc.freeze()


def _one_line(error: Exception) -> str:
    """Return what an error says; errors that this package does not raise itself are named by their type."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory. {translate(str(error))}".strip()
    said = translate(str(error))
    is_own = isinstance(error, OSError | ModuleNotFoundError) or type(error) in (ValueError, TypeError)
    return said if is_own and said else f"{type(error).__name__}: {said}"
