"""Planted violations: each law is broken in a copy of the package, and the test that must catch it fails there."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import fastperceptron

PACKAGE, TESTS = Path(fastperceptron.__file__).parent, Path(__file__).parent

pytestmark = [pytest.mark.slow, pytest.mark.compiled]


class Violation(NamedTuple):
    """What is replaced by what in which file, and the test that must fail; compiled where interpreting hides it."""

    name: str
    file: str
    old: str
    new: str
    test: str
    is_compiled: bool = False


TRAJECTORIES = "training/tutorial/test_train.py::test_short_runs_agree_with_the_reference"
GOING_ON = "training/tutorial/test_train.py::test_going_on_equals_never_having_stopped"
SIGMOID = "kernels/test_activation.py::test_sigmoid_is_within_2_ulp_of_mpmath_on_a_log_spaced_grid"
LAYOUT = "training/tutorial/test_train.py::test_layout_changes_no_bit[float64-in_order-1-blocks]"

VIOLATIONS = [
    Violation("wrong sign in the slope", "kernels/activation.py", "e, step - y)", "e, y - step)", TRAJECTORIES),
    Violation("factor 2 dropped", "kernels/squared_error.py", "(scale + scale)", "scale", TRAJECTORIES),
    Violation(
        "dropped bias update",
        "kernels/steps.py",
        "            add_scaled(weights, X, row, step)\n",
        "            bias = weights[X.shape[1]]\n            add_scaled(weights, X, row, step)\n"
        "            weights[X.shape[1]] = bias\n",
        TRAJECTORIES,
    ),
    Violation(
        "slope without the chain rule",
        "kernels/squared_error.py",
        "error_numerator(z, y, e) * e",
        "error_numerator(z, y, e)",
        "test_functional.py::test_slope_is_the_central_difference_of_the_cost",
    ),
    Violation(
        "3-ulp sigmoid",
        "kernels/activation.py",
        "    return fma(fma(-p, e, numerator - p), ",
        "    p = p * (type(z)(1) + type(z)(7e-16))\n    return p + type(z)(0) * fma(fma(-p, e, numerator - p), ",
        SIGMOID,
        is_compiled=True,
    ),
    Violation(
        "p (1 - p) in the tail",
        "kernels/activation.py",
        "    return e * reciprocal * reciprocal",
        "    return sigmoid(z) * (type(z)(1) - sigmoid(z))",
        "kernels/test_activation.py::test_sigmoid_derivative_keeps_relative_accuracy_in_both_tails",
    ),
    Violation(
        "p - y by subtraction",
        "kernels/activation.py",
        "    step = unit_step(z)\n    return fma(type(z)(1) - y - step, e, step - y)",
        "    return (sigmoid(z) - y) * (type(z)(1) + e)",
        "test_functional.py::test_slopes_keep_relative_accuracy_where_p_rounds_to_the_target",
    ),
    Violation(
        "log loss from log(p)",
        "kernels/log_loss.py",
        "    return linear + log1p_unit(exp_nonpositive(-abs(z))[0])",
        "    p = type(z)(1) / (type(z)(1) + exp_nonpositive(-abs(z))[0])\n    return linear - np.log(p)",
        "test_functional.py::test_log_loss_is_computed_from_z_not_from_log_p",
    ),
    Violation(
        "off by one in a batch",
        "kernels/steps.py",
        "min(start + GRADIENT_TILE, stop), rounded",
        "min(start + GRADIENT_TILE, stop - 1), rounded",
        TRAJECTORIES,
    ),
    Violation(
        "sum instead of mean gradient",
        "kernels/steps.py",
        "-rate / counts[SUMMED_ROWS]",
        "-rate",
        TRAJECTORIES,
    ),
    Violation(
        "rows past the end of a tile counted",
        "kernels/gradient.py",
        "            slopes[group.size :] = 0\n",
        "",
        TRAJECTORIES,
    ),
    Violation(
        "cost of the wrong rows",
        "kernels/prediction.py",
        "z[: min(PREDICTION_TILE, n_rows - start)]",
        "z",
        TRAJECTORIES,
    ),
    Violation(
        "biased draws",
        "kernels/draws.py",
        "upper ^ lower",
        "upper",
        "kernels/test_draws.py::test_draws_equal_those_of_plain_python",
    ),
    Violation(
        "unfinished step forgotten",
        "training/tutorial/descent.py",
        "history._unfinished_step is not None",
        "False",
        GOING_ON,
        is_compiled=True,
    ),
    Violation("epoch begun anew", "training/tutorial/row_order.py", "history.n_drawn % self._size", "0", GOING_ON),
    Violation(
        "layout decides the precision",
        "data/arrays.py",
        'requirements=["C", "A"])',
        'requirements=["C", "A"]) + (0 if rows.flags.c_contiguous else 1e-9)',
        LAYOUT,
    ),
    Violation(
        "lanes summed left to right",
        "kernels/vectors.py",
        "list(range(k, k + width))",
        "list(range(k // width, 2 * width, 2))",
        "kernels/test_rows.py::test_lanes_are_summed_as_a_fixed_tree",
        is_compiled=True,
    ),
    Violation(
        "cache blind to edits",
        "kernels/cache.py",
        'b"\\0" + source.read_bytes()',
        'b"\\0"',
        "kernels/test_cache.py::test_an_edit_in_a_helper_file_is_noticed",
        is_compiled=True,
    ),
    Violation(
        "cache blind to sub-folders",
        "kernels/cache.py",
        "kernels.rglob(",
        "kernels.glob(",
        "kernels/test_cache.py::test_an_edit_in_a_sub_folder_and_another_version_are_noticed",
        is_compiled=True,
    ),
    Violation(
        "cache without checksum",
        "kernels/cache.py",
        "hashlib.sha256(payload).digest() != content",
        "b'' == content",
        "kernels/test_cache.py::test_a_damaged_file_is_compiled_anew_and_mended",
        is_compiled=True,
    ),
    Violation(
        "save in place",
        "model.py",
        "save_tensors(path, tensors, described)",
        "open(path, 'wb').close(); save_tensors(path, tensors, described)",
        "test_model.py::test_a_save_that_finds_the_disk_full_leaves_the_old_file_whole",
    ),
    Violation(
        "heavy import",
        "__init__.py",
        "import importlib\n",
        "import importlib\nimport numba\n",
        "test_import.py::test_importing_loads_nothing_heavy",
    ),
]
for part in ("newton", "data"):
    VIOLATIONS += [
        Violation(*fields) for fields in runpy.run_path(str(TESTS / f"violations_of_{part}.py"))["VIOLATIONS"]
    ]


def run_tests(root: Path, tests: list[str], is_compiled: bool) -> subprocess.CompletedProcess[str]:
    settings = {"PYTHONPATH": str(root), "FASTPERCEPTRON_CACHE_DIR": str(root / "cache")}
    if not is_compiled:
        settings["NUMBA_DISABLE_JIT"] = "1"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile",
        "violation",
        "--rootdir",
        str(TESTS.parent),
    ]
    paths = [str(TESTS / test) for test in tests]
    return subprocess.run(
        [*command, *paths], env={**os.environ, **settings}, capture_output=True, text=True, check=False, cwd=root
    )


def copy_package(root: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, root / "fastperceptron", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.mark.parametrize("is_compiled", [False, True], ids=["interpreted", "compiled"])
def test_the_unbroken_copy_passes(tmp_path: Path, is_compiled: bool) -> None:
    copy_package(tmp_path)
    tests = sorted({violation.test for violation in VIOLATIONS if violation.is_compiled == is_compiled})
    done = run_tests(tmp_path, tests, is_compiled)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("violation", VIOLATIONS, ids=lambda violation: violation.name)
def test_each_planted_violation_is_caught(tmp_path: Path, violation: Violation) -> None:
    file = copy_package(tmp_path) / violation.file
    source = file.read_text(encoding="utf-8")
    assert violation.old in source
    broken = source.replace(violation.old, violation.new)
    if "np." in violation.new and "import numpy" not in source:
        broken = broken.replace("\n\nfrom ", "\n\nimport numpy as np\n\nfrom ", 1)
    file.write_text(broken, encoding="utf-8")
    done = run_tests(tmp_path, [violation.test], violation.is_compiled)
    assert done.returncode == 1, done.stdout[-2000:]
    assert "1 failed" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]
