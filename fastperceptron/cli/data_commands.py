"""The commands about data and models: train, predict, evaluate and show, with their arguments and options."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fastperceptron.cli.language import csv_option_values
from fastperceptron.cli.options import FILE, Csv, Data, ModelFile, Seed, Weight, Written, app, source_of


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
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.", **FILE)] = Path(
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
    report: Annotated[Path | None, typer.Option(help="JSON file to write the results to.", **FILE)] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="File that keeps the state of training; next to the model by default.", **FILE)
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
        from fastperceptron.cli.train import train_model

        # Next to the model, as the checkpoint is.
        table = output.parent / f"{output.name}.inference.csv" if inference else None
        lines = train_model(source_of(data), columns, options, output, checkpoint, holdout, report, table, scheduler)
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
    from fastperceptron.cli.predict import write_predictions

    n_rows = write_predictions(model, source_of(data), output, id_, csv_option_values(csv))
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
    plot: Annotated[Path | None, typer.Option(help="Picture file to write the calibration curve to.", **FILE)] = None,
    csv: Csv = None,
) -> None:
    """Print the scores of a model on a table. Log loss, Brier score, accuracy, AUC and a calibration table."""
    from fastperceptron.cli.evaluate import evaluate_model

    for line in evaluate_model(model, source_of(data), target, weight, plot, csv_option_values(csv)):
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
    from fastperceptron.cli.show import weights_of

    for line in weights_of(model, source_of(data) if data else None, csv_option_values(csv)):
        typer.echo(line)
