"""What a user sees of a fit: one progress bar on a terminal or in a notebook, and one line per read in the log."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from fastperceptron.training.observer import Progress, ignore

LOGGER = logging.getLogger("fastperceptron")
FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} rows [{elapsed}, {rate_fmt}, {gigabytes}{postfix}]"
FORMAT_WITHOUT_TOTAL = "{desc}{n_fmt} rows [{elapsed}, {rate_fmt}, {gigabytes}{postfix}]"


@dataclass(frozen=True)
class Display:
    """The functions that a fit calls to show its progress.

    Attributes
    ----------
    begin : callable
        Takes what begins ("decoding", "read 1"), the number of rows (or None) and the bytes per row.
    rows_read : callable
        Takes the number of rows read since the call before.
    read_done : callable
        Takes the progress after each read.
    """

    begin: Callable[[str, int | None, int], object]
    rows_read: Callable[[int], object]
    read_done: Callable[[Progress], object]


@contextmanager
def show_progress(name: str, *, progress: bool, verbose: int) -> Iterator[Display]:
    """Give the display of a fit.

    Parameters
    ----------
    name : str
        The name of the fit in the log.
    progress : bool
        Whether to show a bar; none is shown where stderr is neither a terminal nor a notebook's.
    verbose : int
        Whether to log a line per read, at level INFO; on stderr, where no handler was set up.
    """
    with ExitStack() as stack:
        log = stack.enter_context(_log(name)) if verbose else ignore
        bar = stack.enter_context(_bar()) if progress and is_shown() else None
        if bar is None:
            yield Display(lambda *_: None, int, log)
            return

        def read_done(state: Progress) -> None:
            log(state)
            bar.read_done(state)

        yield Display(bar.begin, bar.rows_read, read_done)


def is_shown() -> bool:
    """Return whether somebody can see a bar: stderr is a terminal, or this is a notebook."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return bool(sys.stderr is not None and sys.stderr.isatty()) or hasattr(shell, "kernel")


@contextmanager
def _log(name: str) -> Iterator[Callable[[Progress], object]]:
    handler = None if LOGGER.hasHandlers() else logging.StreamHandler()
    level = LOGGER.level
    if handler is not None:
        LOGGER.addHandler(handler)
    if not LOGGER.isEnabledFor(logging.INFO):
        LOGGER.setLevel(logging.INFO)
    try:
        yield lambda progress: LOGGER.info(
            "%s: read %d, objective %.8g, gap %.2g", name, progress.n_reads, progress.objective, progress.gap
        )
    finally:
        LOGGER.setLevel(level)
        if handler is not None:
            LOGGER.removeHandler(handler)


@contextmanager
def _bar() -> Iterator["_Bar"]:
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.close()


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
        self._next: tuple[str, int | None, int] | None = None
        self._size: tuple[int | None, int] = None, 0

    def begin(self, what: str, total: int | None, row_bytes: int) -> None:
        """Set what is shown from the next rows on."""
        self._next = what, total, row_bytes
        self._size = total, row_bytes

    def rows_read(self, n_rows: int) -> None:
        """Advance by a number of rows; tqdm redraws at most ten times per second."""
        if self._next is not None:
            self._start(*self._next)
            self._next = None
        self._bar.update(n_rows)

    def read_done(self, progress: Progress) -> None:
        """Show the objective and the gap; the next rows start a new read."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"objective {progress.objective:.6g}, gap {progress.gap:.1g}")
            self._next = (f"read {progress.n_reads + 1}", *self._size)

    def _start(self, what: str, total: int | None, row_bytes: int) -> None:
        bar_format = FORMAT if total else FORMAT_WITHOUT_TOTAL
        if self._bar is None:
            options = {"unit": "row", "unit_scale": True, "dynamic_ncols": True}
            self._bar = self._kind(desc=f"{what}: ", total=total, bar_format=bar_format, **options)
        self._bar.row_bytes, self._bar.bar_format = row_bytes, bar_format
        self._bar.set_description(what, refresh=False)
        self._bar.reset(total)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
