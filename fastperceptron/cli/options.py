"""What the commands share: the application, and the arguments and options that several take."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fastperceptron.atomic import local_path
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
FILE: dict[str, Any] = {"metavar": "<path>", "parser": local_path}  # typer's own Path drops the slash of a folder
Written = Annotated[
    Path, typer.Option("--output", "-o", help=f"File to write ({', '.join(endings('open_writer'))}).", **FILE)
]
ModelFile = Annotated[Path, typer.Argument(help="A model file that `train` wrote.")]
Weight = Annotated[str | None, typer.Option("--weight", "-w", metavar="<column>", help="Column of the row weights.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]


def source_of(data: list[str]) -> str | list[str]:
    """Return the only path, or all."""
    return data[0] if len(data) == 1 else data
