"""The command `fastperceptron`: results on stdout, progress on stderr; exit code 0, 1 for a failure, 2 for wrong usage.

program.py        runs a command; an error is one line
data_commands.py  arguments, options and help of train, predict, evaluate and show
other_commands.py those of export, synthesize and demo
options.py        what several commands share
columns.py        columns and class weights as they are typed    language.py  messages in words of the command line
outputs.py        files that are written, and warnings as lines

The work of each command is in the file of its name, which is imported when the command runs. Help texts name losses and
solvers as text, since importing them would make --help wait for Numba and scikit-learn.
"""

try:
    from fastperceptron.cli.program import main
except ModuleNotFoundError as error:
    if error.name != "typer":
        raise
    raise SystemExit("the command line needs more packages: pip install 'fastperceptron[cli]'") from error

__all__ = ["main"]
