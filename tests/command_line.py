"""Runs the command line in this process, as its entry point does, and returns what it printed where."""

import contextlib
import gc
import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from fastperceptron.cli import main

COMMAND = [sys.executable, "-c", "from fastperceptron.cli import main; main()"]


class Done(NamedTuple):
    """What a command ended with."""

    returncode: object
    stdout: str
    stderr: str


def run(*arguments: object, cwd: Path) -> Done:
    """Run a command in this process, as its entry point is run."""
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    with contextlib.chdir(cwd), redirect_stdout(stdout), redirect_stderr(stderr), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fastperceptron", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    gc.unfreeze()
    return Done(status, stdout.getvalue(), stderr.getvalue())
