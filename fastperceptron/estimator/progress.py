"""What a user sees of a fit: one progress bar on a terminal or in a notebook, one line per read in the log.

A first fit compiles kernels for some 10 s, as events of Numba report: the bar, or else the log, says so once.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from multiprocessing import parent_process
from typing import Any, NamedTuple

from numba.core import event

from fastperceptron.training.observer import Progress, ignore

LOGGER = logging.getLogger("fastperceptron")
FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} rows [{elapsed}, {rate_fmt}, {gigabytes}{postfix}]"
FORMAT_WITHOUT_TOTAL = "{desc}{n_fmt} rows [{elapsed}, {rate_fmt}, {gigabytes}{postfix}]"
COMPILING = "compiling kernels, once"
LONG_COMPILE = 2.0  # seconds of compiling before this is shown


class Display(NamedTuple):
    """The functions that a fit calls to show its progress."""

    begin: Callable[[str, int | None, int], object]  # takes "decoding" or "read 1", the rows if known, bytes per row
    rows_read: Callable[[int], object]  # takes the number of rows read since the call before
    read_done: Callable[[Progress], object]  # takes the progress after each read


@contextmanager
def show_progress(name: str, *, progress: bool, verbose: int) -> Iterator[Display]:
    """Give the display of a fit, which the log calls `name`.

    `progress` asks for a bar, shown if stderr is a terminal or a notebook's; `verbose` asks for a log line per read at
    level INFO, on stderr if logging is not set up.
    """

    def log(state: Progress) -> None:
        LOGGER.info("%s: read %d, objective %.8g, gap %.2g", name, state.n_reads, state.objective, state.gap)

    def log_and_show(state: Progress) -> None:
        report(state)
        bar.read_done(state)

    with ExitStack() as stack:
        if verbose:
            stack.enter_context(_info_is_logged())
        report = log if verbose else ignore
        if progress and is_shown():
            bar = stack.enter_context(closing(_Bar()))
            stack.enter_context(event.install_listener("numba:compile", _Compiling(lambda: bar.say(COMPILING))))
            yield Display(bar.begin, bar.rows_read, log_and_show)
        else:
            stack.enter_context(event.install_listener("numba:compile", _Compiling(lambda: _log_compiling(name))))
            yield Display(lambda *_: None, int, report)


def is_shown() -> bool:
    """Return whether somebody can see a bar: stderr is a terminal, or this is a notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return bool(sys.stderr is not None and sys.stderr.isatty()) or hasattr(shell, "kernel")


@contextmanager
def _info_is_logged() -> Iterator[None]:
    """Let the logger pass on level INFO, to stderr if it has no handlers; afterwards it is as it was."""
    handler = None if LOGGER.hasHandlers() else logging.StreamHandler()
    level = LOGGER.level
    if handler is not None:
        LOGGER.addHandler(handler)
    if not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.setLevel(logging.INFO)
    try:
        yield
    finally:
        LOGGER.setLevel(level)
        if handler is not None:
            LOGGER.removeHandler(handler)


def _log_compiling(name: str) -> None:
    """Log that kernels compile; on a user's screen if logging is not set up, but not once per parallel worker."""
    is_worker = parent_process() is not None or threading.current_thread() is not threading.main_thread()
    with nullcontext() if is_worker or LOGGER.hasHandlers() or not is_shown() else _info_is_logged():
        LOGGER.info("%s: %s", name, COMPILING)


class _Compiling(event.Listener):
    """Calls a function once, after LONG_COMPILE seconds of compiling; loading cached kernels does not count."""

    def __init__(self, say: Callable[[], object]) -> None:
        self._say: Callable[[], object] | None = say
        self._depth, self._seconds, self._last = 0, 0.0, 0.0

    def on_end(self, event: Any) -> None:
        """Add the time until this kernel was compiled."""
        self.on_start(event, -1)

    def on_start(self, _: Any, change: int = 1) -> None:
        """Add the time since the last event, if a kernel was being compiled; kernels compile those that they call."""
        now = time.perf_counter()
        self._seconds += now - self._last if self._depth > 0 else 0.0
        # A kernel of another thread may have started before this listener was installed.
        self._last, self._depth = now, max(0, self._depth + change)
        if self._say is not None and self._seconds >= LONG_COMPILE:
            say, self._say = self._say, None
            say()


class _Bar:
    """One tqdm bar, which is reset at each read of the data."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError("progress=True needs the package tqdm: pip install tqdm", name="tqdm") from error

        class RowBar(tqdm):  # type: ignore[misc]  # it has no types
            row_bytes = 0

            @property
            def format_dict(self) -> dict[str, Any]:
                known: dict[str, Any] = super().format_dict
                seconds = known["elapsed"] or 1.0
                rate = known["rate"] or known["n"] / seconds
                return known | {"gigabytes": f"{rate * self.row_bytes / 1e9:.2f} GB/s"}

        self._kind = RowBar
        self._bar: Any = None
        self.begin("", None, 0)
        self._is_interrupted = False

    def begin(self, what: str, total: int | None, row_bytes: int) -> None:
        """Set what the bar shows from the next rows on."""
        self._what, self._total, self._row_bytes, self._is_new = what, total, row_bytes, True

    def rows_read(self, n_rows: int) -> None:
        """Advance by a number of rows; tqdm redraws at most ten times per second."""
        if self._is_new or self._is_interrupted:
            self._describe(self._what)
        if self._is_new:
            self._bar.reset(self._total)
        self._is_new = self._is_interrupted = False
        self._bar.update(n_rows)

    def say(self, text: str) -> None:
        """Show a text in place of what is read, until the next rows."""
        self._describe(text)
        self._bar.refresh()
        self._is_interrupted = True

    def read_done(self, progress: Progress) -> None:
        """Show the objective and the gap; the next rows start a new read."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"objective {progress.objective:.6g}, gap {progress.gap:.1g}")
            self.begin(f"read {progress.n_reads + 1}", self._total, self._row_bytes)

    def _describe(self, what: str) -> None:
        bar_format = FORMAT if self._total else FORMAT_WITHOUT_TOTAL
        if self._bar is None:
            options = {"unit": "row", "unit_scale": True, "dynamic_ncols": True}
            self._bar = self._kind(desc=f"{what}: ", total=self._total, bar_format=bar_format, **options)
        self._bar.row_bytes, self._bar.bar_format = self._row_bytes, bar_format
        self._bar.set_description(what, refresh=False)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
