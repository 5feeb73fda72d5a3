"""The command `fastperceptron`: results on stdout, progress on stderr; exit codes 0, 1 for a failure, 2 for usage."""

import gc
import sys
from pathlib import Path
from typing import Annotated

try:
    import typer
except ModuleNotFoundError as error:
    raise SystemExit("the command line needs more packages: pip install 'fastperceptron[cli]'") from error

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback()
def fastperceptron() -> None:
    """One sigmoid neuron, trained fast and exactly."""


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
