"""scikit-learn's callbacks (experimental, since 1.9): they are told where a fit begins and ends, and of each read.

Without them, in an earlier scikit-learn, the classifier is as it always was.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastperceptron.training.observer import Progress, ignore

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    # How far from `fit` its caller is, for warnings: `with_callbacks` is a frame of its own.
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
def report_to_callbacks(estimator: Any) -> Iterator[Callable[[Progress], object]]:
    """Give the function that tells the callbacks of a read, if there are any."""
    if not hasattr(estimator, "_skl_callbacks"):
        yield ignore
        return
    context = estimator._init_callback_context(max_subtasks=None)
    context.call_on_fit_task_begin(estimator=estimator)

    def tell(progress: Progress) -> None:
        read = context.subcontext(task_name="read")
        read.call_on_fit_task_begin(estimator=estimator)
        read.call_on_fit_task_end(estimator=estimator, metadata=progress._asdict())

    yield tell
    context.call_on_fit_task_end(estimator=estimator)
