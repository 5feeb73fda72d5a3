"""Importing the package imports nothing heavy, and its public names are complete, documented and in their homes."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastperceptron as fp

HEAVY = ["numba", "llvmlite", "sklearn", "scipy", "matplotlib", "pandas", "tqdm", "safetensors", "typer"]


def test_importing_loads_nothing_heavy() -> None:
    program = f"import sys, fastperceptron; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", fp.__all__)
def test_every_public_name_is_defined_in_its_home_and_has_a_docstring(name: str) -> None:
    value, home = getattr(fp, name), importlib.import_module(f"fastperceptron.{fp._HOMES[name]}")
    assert value is getattr(home, name)
    assert value.__module__ == home.__name__
    assert value.__doc__


def test_no_public_name_is_missing() -> None:
    assert dir(fp) == sorted(fp.__all__) == sorted(fp._HOMES)
    tree = ast.parse(inspect.getsource(fp))
    for_type_checkers = {
        (alias.asname, str(node.module).removeprefix("fastperceptron."))
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("fastperceptron.")
        for alias in node.names
    }
    assert for_type_checkers == set(fp._HOMES.items())
    for home in ("functional", "model"):  # in which every name without an underscore is public
        module = importlib.import_module(f"fastperceptron.{home}")
        defined = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        assert {name for name in defined if not name.startswith("_")} <= set(fp.__all__)
    mentioned = re.findall(r"\bfp\.(\w+)", (Path(__file__).parent.parent / "README.md").read_text())
    assert mentioned
    assert set(mentioned) <= set(fp.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'fastperceptron' has no attribute 'nothing'"):
        _ = fp.nothing
