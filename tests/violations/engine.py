"""Breaks laws of the package, one per forked process, and checks that the test named beside each then fails.

Run as `python -m violations.engine [NAME ...]` in tests/: one process imports everything once, and what it forks swaps
the code object of the broken function, so that whoever imported the function sees the broken one.
"""

import ast
import importlib
import os
import shutil
import sys
import tempfile
import traceback
import types
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numba.core import config
from numba.core.errors import NumbaError

import fastperceptron

PACKAGE, TESTS = Path(fastperceptron.__file__).parent, Path(__file__).parents[1]
CAUGHT, MISSED, MISPLANTED = 1, 0, 2
# Imported once, before the forks; what starts threads when imported (polars, pyarrow) is left to the tests.
HEAVY = ("mpmath", "scipy.optimize", "scipy.stats", "sklearn.datasets", "sklearn.linear_model")


class Violation(NamedTuple):
    """A law that is broken: in the function `target`, the code `old` is replaced by `new`; then `test` must fail.

    `target` is "module:function", "module:Class.method" or "module:CONSTANT" (whose value `old` becomes `new`).
    "module:" is the module itself. Processes that `test` starts import a broken copy of the package.
    `old` and `new` are expressions, or `old` is one statement and `new` any number; layout and comments do not matter.
    """

    name: str
    target: str
    old: str
    new: str
    test: str


class Edit(ast.NodeTransformer):
    """Replaces code that equals `old`, wherever it stands, and counts how often."""

    def __init__(self, old: str, new: str) -> None:
        parts = [ast.parse(code).body for code in (old, new)]
        if all(len(part) == 1 and isinstance(part[0], ast.Expr) for part in parts):
            parts = [[part[0].value] for part in parts]
        (pattern,), self._new = parts
        self._pattern, self.count = ast.dump(pattern), 0

    def visit(self, node: ast.AST) -> Any:
        if ast.dump(node) != self._pattern:
            return self.generic_visit(node)
        self.count += 1
        return self._new if isinstance(node, ast.stmt) else self._new[0]


def violations_of(table: Path) -> list[Violation]:
    """Return what a table holds for kernels as they are in this process: compiled or interpreted."""
    lines = [line for line in table.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    found = []
    for head, change, test in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        name, _, target = head.removesuffix(" [compiled]").partition(" @ ")
        old, _, new = change.partition(" => ")
        if head.endswith("[compiled]") != bool(config.DISABLE_JIT):
            found.append(Violation(name, target, old.strip(), new, test.strip()))
    return found


def plant(violation: Violation) -> None:
    """Break the package as it is imported here; LookupError where there is no such function or code."""
    module_name, _, name = violation.target.partition(":")
    module = importlib.import_module(f"fastperceptron.{module_name}".rstrip("."))
    path = Path(module.__file__)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if name.isupper():
        edit_constant(module, name, violation)
        return
    edit = Edit(violation.old, violation.new)
    edit.visit(definition_of(tree, name))
    if not edit.count:
        raise LookupError(f"{violation.target} holds no code that equals {violation.old!r}")
    plant_in_copy(path, ast.unparse(tree))
    if not name:
        return
    vars(module).setdefault("np", np)
    code: Any = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)
    for part in name.split("."):
        code = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == part)
    function_of(module, name).__code__ = code


def edit_constant(module: types.ModuleType, name: str, violation: Violation) -> None:
    if vars(module).get(name) != eval(violation.old, vars(module)):  # noqa: S307  # our own tables
        raise LookupError(f"{violation.target} is not {violation.old}")
    vars(module)[name] = eval(violation.new, vars(module))  # noqa: S307


def definition_of(tree: Any, name: str) -> Any:
    for part in name.split(".") if name else ():
        tree = next((node for node in tree.body if getattr(node, "name", None) == part), None)
        if tree is None:
            raise LookupError(f"there is no {name}")
    return tree


def function_of(module: types.ModuleType, name: str) -> Any:
    """Return the Python function inside what decorators (Numba's, functools.cache, property) made of it."""
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    wrappers = ("py_func", "_defn", "__wrapped__", "fget", "__func__")
    while inner := next((getattr(found, name) for name in wrappers if hasattr(found, name)), None):
        found = inner
    return found


def plant_in_copy(path: Path, source: str) -> None:
    root = Path(tempfile.gettempdir()) / "copy"
    shutil.copytree(PACKAGE, root / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / path.relative_to(PACKAGE.parent)).write_text(source, encoding="utf-8")
    os.environ["PYTHONPATH"] = str(root)


class Verdict:
    """A plugin of pytest that says whether a test failed, and failed because the law was broken."""

    def __init__(self) -> None:
        self.status, self.n_passed = MISSED, 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.n_passed += report.when == "call" and report.passed
        if report.skipped or (report.failed and report.when != "call"):
            self.status = MISPLANTED

    def pytest_exception_interact(self, call: Any) -> None:
        is_law = not issubclass(call.excinfo.type, (NumbaError, NameError, SyntaxError))
        self.status = max(self.status, CAUGHT if is_law else MISPLANTED)


def run_tests(tests: list[str]) -> int:
    verdict = Verdict()
    options = ["-q", "-x", "-p", "no:cacheprovider", "--durations=8", "--hypothesis-profile", "violation"]
    options += ["--rootdir", str(TESTS.parent)]
    code = pytest.main([*options, *(str(TESTS / test) for test in tests)], plugins=[verdict])
    is_clear = code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and verdict.n_passed + verdict.status
    return verdict.status if is_clear else MISPLANTED


def forked(tests: list[str], violation: Violation | None = None) -> tuple[int, str]:
    """Run tests in a forked process, which a violation breaks before; return its status and what it wrote."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if not child:
            status, tempfile.tempdir = MISPLANTED, folder
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            try:
                if violation:
                    if violation.target.startswith("kernels"):  # broken kernels do not go into the shared cache
                        os.environ["FASTPERCEPTRON_CACHE_DIR"] = folder
                    plant(violation)
                status = run_tests(tests)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(status)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        output.seek(0)
        return status, output.read()


def main(violations: list[Violation]) -> int:
    """Return how many violations were not caught, plus 1 if tests fail unbroken; print what went wrong."""
    for name in HEAVY:
        importlib.import_module(name)
    for path in (*PACKAGE.glob("kernels/*.py"), *PACKAGE.glob("training/**/*.py")):
        importlib.import_module(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts))
    status, output = forked(sorted({violation.test for violation in violations}))
    n_wrong = int(status != MISSED)
    print(f"unbroken: {'passed' if not n_wrong else 'FAILED'}\n{output[-3000:]}")
    for violation in violations:
        status, output = forked([violation.test], violation)
        if status != CAUGHT:
            n_wrong += 1
            print(f"{'MISSED' if status == MISSED else 'NOT PLANTED'}: {violation}\n{output[-1500:]}")
    return n_wrong


if __name__ == "__main__":
    planted = [each for table in sorted(TESTS.glob("violations/*.txt")) for each in violations_of(table)]
    asked = sys.argv[1:]
    if unknown := sorted({*asked} - {each.name for each in planted}):
        sys.exit(f"no violation of these names where kernels are as in this process (NUMBA_DISABLE_JIT): {unknown}")
    sys.exit(main([each for each in planted if each.name in asked or not asked]))
