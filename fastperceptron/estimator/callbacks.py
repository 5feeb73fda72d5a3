"""scikit-learn's callbacks (experimental, since 1.9): a fit reports its begin, its end and each read to them.

In an earlier scikit-learn, which has no callbacks, the mixin and the decorator do nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastperceptron.training.observer import Progress

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    # The stacklevel at which a warning names the caller of `fit`: `with_callbacks` adds a frame.
    FIT_DEPTH = 3
except ImportError:  # pragma: no cover  # scikit-learn before 1.9
    FIT_DEPTH = 2

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


__all__ = ["FIT_DEPTH", "CallbackSupportMixin", "report_to_callbacks", "with_callbacks"]


@contextmanager
def report_to_callbacks(
    estimator: Any, read_done: Callable[[Progress], object]
) -> Iterator[Callable[[Progress], object]]:
    """Give a function that calls `read_done`, and reports the read to the estimator's callbacks if it has any."""
    if not hasattr(estimator, "_skl_callbacks"):
        yield read_done
        return
    context = estimator._init_callback_context(max_subtasks=None)
    context.call_on_fit_task_begin(estimator=estimator)

    def report(progress: Progress) -> None:
        read_done(progress)
        read = context.subcontext(task_name="read")
        read.call_on_fit_task_begin(estimator=estimator)
        read.call_on_fit_task_end(estimator=estimator, metadata=progress._asdict())

    yield report
    context.call_on_fit_task_end(estimator=estimator)
