"""What a fit shows: a bar on a terminal, lines in the log, calls of callbacks, and nothing elsewhere."""

import concurrent.futures
import io
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core import config, event

import fastperceptron as fp
from fastperceptron.estimator import progress as watching, solvers
from fastperceptron.training.newton import sample_size

DATA = fp.synthetic(500 if config.DISABLE_JIT else 300_000, 4, rng=0)


@pytest.fixture(autouse=True)
def all_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver read all rows even if they are few, instead of taking them all as its sample."""
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)


def fit(**options: bool) -> fp.PerceptronClassifier:
    verbose = options.pop("verbose", 0)
    return fp.PerceptronClassifier(loss="log_loss", verbose=verbose).fit(DATA, **options)


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_rows_rates_reads_objective_and_gap_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr("tqdm.std.time", lambda: 0.0)  # a tenth of a second never goes by: what is left is drawn always
    classifier = fit(progress=True)
    assert len(stderr.getvalue().split("\r")) <= 3 * (classifier.n_iter_ + 2)  # where each read begins and ends
    shown = stderr.getvalue()
    for part in (r"read \d+:", r"rows \[", r"row/s", r"GB/s", r"objective 0\.\d+", r"gap \d"):
        assert re.search(part, shown), part


def test_nothing_is_shown_if_stderr_is_not_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    fit(progress=True)
    assert capfd.readouterr() == ("", "")


def test_verbose_logs_a_line_per_read_and_leaves_logging_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    level = watching.LOGGER.level
    with caplog.at_level(logging.INFO, "fastperceptron"):
        classifier = fit(verbose=1)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == classifier.n_iter_
    assert all(re.match(r"PerceptronClassifier: read \d+, objective 0\.\d+, gap [\d.e-]+$", line) for line in lines)
    assert watching.LOGGER.level == level
    assert not watching.LOGGER.handlers


def test_verbose_shows_lines_if_logging_is_not_set_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.LOGGER, "propagate", False)
    X = np.random.default_rng(0).normal(size=(50, 2))
    fp.PerceptronClassifier(verbose=1).fit(X, X[:, 0] > 0)
    assert capsys.readouterr().err.startswith("PerceptronClassifier: read ")
    assert not watching.LOGGER.handlers


def test_showing_progress_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fit()
    monkeypatch.setattr("sys.stderr", Terminal())
    assert fit(progress=True, verbose=1).coef_.tobytes() == alone.coef_.tobytes()


COLD_FIT = """
import logging, numpy as np, fastperceptron as fp
logging.basicConfig(level=logging.INFO)
rows = np.random.default_rng(0).normal(size=(2000, 4))
for _ in range(2):
    fp.PerceptronClassifier().fit(rows, rows[:, 0] > 0)
"""


@pytest.mark.slow
@pytest.mark.compiled
def test_a_fit_that_compiles_says_so_once_and_one_whose_kernels_are_cached_does_not(tmp_path: Path) -> None:
    environment = os.environ | {"FASTPERCEPTRON_CACHE_DIR": str(tmp_path)}
    for expected in (["INFO:fastperceptron:PerceptronClassifier: compiling kernels, once"], []):
        command = [sys.executable, "-c", COLD_FIT]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stderr.splitlines() == expected


def compile_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver trigger Numba's events of compiling, and take any time for long."""
    monkeypatch.setattr(watching, "LONG_COMPILE", 0.0)
    real = solvers.minimise_by_newton

    def solve(*arguments: Any) -> Any:
        for _ in range(2):
            with event.trigger_event("numba:compile", {}):
                pass
        return real(*arguments)

    monkeypatch.setattr(solvers, "minimise_by_newton", solve)


def test_a_bar_says_that_kernels_compile_until_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr("sys.stderr", stderr)
    compile_for_long(monkeypatch)
    fit(progress=True)
    updates = stderr.getvalue().split("\r")
    places = [number for number, update in enumerate(updates) if update.startswith("compiling kernels, once: ")]
    assert places
    assert max(places) < min(
        number for number, update in enumerate(updates) if "row/s" in update and "read 2" in update
    )
    assert len(event._registered["numba:compile"]) == 0


@pytest.mark.parametrize("is_terminal", [True, False])
def test_without_a_bar_a_terminal_shows_once_that_kernels_compile(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    stderr = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setattr(watching.LOGGER, "propagate", False)  # as if logging were not set up
    compile_for_long(monkeypatch)
    fit()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(fit).result()  # a worker, of which there may be many
    assert stderr.getvalue() == "PerceptronClassifier: compiling kernels, once\n" * is_terminal
    assert not watching.LOGGER.handlers


def test_logging_that_is_set_up_decides_whether_compiling_is_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    compile_for_long(monkeypatch)
    for level, expected in ((logging.INFO, ["PerceptronClassifier: compiling kernels, once"]), (logging.WARNING, [])):
        caplog.clear()
        with caplog.at_level(level, "fastperceptron"):
            fit()
        assert [record.getMessage() for record in caplog.records] == expected


class Listener:
    """A callback that records its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []

    def setup(self, estimator: object, context: object) -> None:
        self.calls.append(("setup", "", None))

    def teardown(self, estimator: object, context: object) -> None:
        self.calls.append(("teardown", "", None))

    def on_fit_task_begin(self, estimator: object, context: Any) -> None:
        self.calls.append(("begin", context.task_name, None))

    def on_fit_task_end(self, estimator: object, context: Any, *, metadata: Any) -> None:
        self.calls.append(("end", context.task_name, metadata))


def test_callbacks_of_scikit_learn_are_called_at_each_read() -> None:
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
    listener = Listener()
    classifier = fp.PerceptronClassifier(loss="log_loss").set_callbacks(listener).fit(DATA)
    reads = [("begin", "read"), ("end", "read")] * classifier.n_iter_
    expected = [("setup", ""), ("begin", "fit"), *reads, ("end", "fit"), ("teardown", "")]
    assert [event[:2] for event in listener.calls] == expected
    last = listener.calls[-3][2]
    assert last["n_reads"] == classifier.n_iter_
    assert last["objective"] == classifier.loss_curve_[-1]
    assert classifier.coef_.tobytes() == fit().coef_.tobytes()


@pytest.mark.parametrize("solver", ["newton", "sgd"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_as_many_reads_are_reported_as_n_iter_counts_where_rows_are_few(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, solver: str, n_classes: int
) -> None:
    monkeypatch.undo()  # few rows are all in the sample again
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = np.arange(30) % n_classes
    classifier = fp.PerceptronClassifier(solver=solver, verbose=1, loss="log_loss", tol=0.5)
    with caplog.at_level(logging.INFO, "fastperceptron"):
        classifier.fit(X, y)
    lines = [message for message in caplog.messages if "read" in message]
    assert [int(line.split("read ")[1].split(",")[0]) for line in lines] == [*range(1, classifier.n_iter_ + 1)]
