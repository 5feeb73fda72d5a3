"""The program: it runs a command, and says how it ended: on one line of stderr, and by its exit code."""

import gc
import os
import sys
from typing import Annotated

import typer

from fastperceptron.cli import data_commands, other_commands  # noqa: F401  # the help names commands in this order
from fastperceptron.cli.language import translate
from fastperceptron.cli.options import app


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from fastperceptron import __version__

        typer.echo(f"fastperceptron {__version__}")
        raise typer.Exit


@app.callback()
def fastperceptron(
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """One sigmoid neuron, trained fast and exactly."""


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
