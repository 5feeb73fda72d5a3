"""Importing the package is light, and its public names are where they say they are."""

import subprocess
import sys

import pytest

import fastperceptron as fp

HEAVY = ["numba", "llvmlite", "sklearn", "scipy", "matplotlib", "pandas", "tqdm", "safetensors", "typer"]


def test_importing_loads_nothing_heavy() -> None:
    program = f"import sys, fastperceptron; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_exists_and_is_listed() -> None:
    assert set(fp.__all__) <= set(dir(fp))
    for name in fp.__all__:
        assert getattr(fp, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'fastperceptron' has no attribute 'nothing'"):
        _ = fp.nothing
