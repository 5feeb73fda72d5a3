"""What is seen of a fit while it works: a bar, a log, and nothing where nobody looks."""

import io
import logging
import re
from typing import Any

import numpy as np
import pytest
from numba.core import config

import fastperceptron as fp
from fastperceptron.estimator import progress as watching
from fastperceptron.training.newton import sample_size

DATA = fp.synthetic(500 if config.DISABLE_JIT else 300_000, 4, rng=0)


@pytest.fixture(autouse=True)
def all_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver read even as few rows as can be interpreted, instead of taking all of them as its sample."""
    monkeypatch.setattr(sample_size, "SMALL_WORK", 0)


def fit(**options: bool) -> fp.PerceptronClassifier:
    verbose = options.pop("verbose", 0)
    return fp.PerceptronClassifier(loss="log_loss", verbose=verbose).fit(DATA, **options)


class Terminal(io.StringIO):
    """Something that says it is a terminal."""

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


def test_nothing_is_shown_where_stderr_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    fit(progress=True)
    assert capfd.readouterr() == ("", "")


def test_verbose_logs_a_line_a_read_and_leaves_logging_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    level = watching.LOGGER.level
    with caplog.at_level(logging.INFO, "fastperceptron"):
        classifier = fit(verbose=1)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == classifier.n_iter_
    assert all(re.match(r"PerceptronClassifier: read \d+, objective 0\.\d+, gap [\d.e-]+$", line) for line in lines)
    assert watching.LOGGER.level == level
    assert not watching.LOGGER.handlers


def test_verbose_shows_lines_where_logging_was_not_set_up(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching.LOGGER, "propagate", False)
    X = np.random.default_rng(0).normal(size=(50, 2))
    fp.PerceptronClassifier(verbose=1).fit(X, X[:, 0] > 0)
    assert capsys.readouterr().err.startswith("PerceptronClassifier: read ")
    assert not watching.LOGGER.handlers


def test_watching_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fit()
    monkeypatch.setattr("sys.stderr", Terminal())
    assert fit(progress=True, verbose=1).coef_.tobytes() == alone.coef_.tobytes()


class Listener:
    """A callback that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, object]] = []

    def setup(self, estimator: object, context: object) -> None:
        self.told.append(("setup", "", None))

    def teardown(self, estimator: object, context: object) -> None:
        self.told.append(("teardown", "", None))

    def on_fit_task_begin(self, estimator: object, context: Any) -> None:
        self.told.append(("begin", context.task_name, None))

    def on_fit_task_end(self, estimator: object, context: Any, *, metadata: Any) -> None:
        self.told.append(("end", context.task_name, metadata))


def test_callbacks_of_scikit_learn_are_told_of_each_read() -> None:
    pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks since 1.9")
    listener = Listener()
    classifier = fp.PerceptronClassifier(loss="log_loss").set_callbacks(listener).fit(DATA)
    reads = [("begin", "read"), ("end", "read")] * classifier.n_iter_
    expected = [("setup", ""), ("begin", "fit"), *reads, ("end", "fit"), ("teardown", "")]
    assert [event[:2] for event in listener.told] == expected
    last = listener.told[-3][2]
    assert last["n_reads"] == classifier.n_iter_
    assert last["objective"] == classifier.loss_curve_[-1]
    assert classifier.coef_.tobytes() == fit().coef_.tobytes()
