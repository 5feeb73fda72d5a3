"""fastperceptron.train: the tutorial's neuron in one call, which checks its arguments and runs `Descent`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from fastperceptron.checks import column_names
from fastperceptron.data.arrays import ArrayRows
from fastperceptron.data.dataset import Dataset, Table
from fastperceptron.data.labels import codes_of_two, encode
from fastperceptron.data.sparse_arrays import rows_of
from fastperceptron.data.sparse_input import as_matrix_or_csr
from fastperceptron.history import History
from fastperceptron.model import Perceptron
from fastperceptron.training.tutorial.descent import Descent, DescentOptions


def train(
    X: Any,
    y: Any = None,
    *,
    steps: int = 100_000,
    learning_rate: float = 0.2,
    loss: str = "squared_error",
    batch_size: int = 1,
    sampling: str = "with_replacement",
    record_every: int | None = 100,
    initial: Perceptron | None = None,
    rng: Any = None,
    progress: bool = False,
) -> Perceptron:
    """Train one sigmoid neuron by gradient descent; the defaults are the tutorial's procedure.

    Weights and bias start as standard normal draws. Each step takes `batch_size` rows and moves along their mean
    gradient: w <- w - learning_rate * slope * x, b <- b - learning_rate * slope, where slope is the derivative of the
    cost with respect to z = w . x + b.

    Parameters
    ----------
    X : array-like of shape (n_rows, n_features) or (n_rows,)
        Real numbers or booleans; 1-d input is one feature. A frame (pandas, polars) keeps its column names. A Dataset
        goes without y.
    y : array-like of shape (n_rows,)
        Two labels of any kind: numbers, booleans or strings. p near 0 stands for the smaller one.
    steps : int
        How many steps to take.
    learning_rate : float
    loss : {"squared_error", "log_loss"}
    batch_size : int
        Rows per step. With 1, and with float64 rows, all arithmetic is float64; larger batches multiply float32 rows in
        float32.
    sampling : {"with_replacement", "shuffled", "in_order"}
        Draw each row uniformly; or take each once per epoch, in a new random order; or take them as stored.
    record_every : int or None
        Record the mean cost over all rows after every so many steps, or never. Over many rows a record costs as much
        as many steps.
    initial : Perceptron, optional
        The model to go on from: its weights, its step count and, where sampling is by epochs, its place in the epoch.
        Training for a steps, then from the result for b with the same generator, equals training for a + b. A frame's
        columns are chosen by the model's feature names, as in `Perceptron.predict`.
    rng : None, int, numpy.random.Generator or what else numpy.random.default_rng takes
    progress : bool
        Show a bar (needs tqdm).

    Returns
    -------
    Perceptron
        With the recorded costs in `history`.

    Raises
    ------
    ValueError
        If X or y are empty, not finite or of unequal length; if y has not exactly two classes; if an option is out of
        range; if the weights overflow.
    TypeError
        If X or y hold what they must not, or an option has the wrong type.

    References
    ----------
    "Build your perceptron neural net from scratch" (tutorial, 2017). Rumelhart, Hinton and Williams (1986), Learning
    representations by back-propagating errors, Nature 323.

    Examples
    --------
    >>> import fastperceptron as fp
    >>> flowers = fp.load_flowers()
    >>> model = fp.train(flowers.X, flowers.y, rng=0)
    >>> str(model.predict([5.0, 3.4, 1.5, 0.2]))
    'setosa'
    """
    options = DescentOptions(steps, learning_rate, loss, batch_size, sampling, record_every)
    if initial is not None and not isinstance(initial, Perceptron):
        raise TypeError(f"initial must be a Perceptron, but is a {type(initial).__name__}.")
    with _open_rows(X, y, initial) as (table, names, target_name):
        table.rows.check_finite()
        with _progress_bar(steps, progress) as report:
            return _descend((table, names, target_name), options, initial, np.random.default_rng(rng), report)


@contextmanager
def _open_rows(
    X: Any, y: Any, initial: Perceptron | None
) -> Iterator[tuple[Table, tuple[str, ...] | None, str | None]]:
    """Yield the table of rows with two classes, the features' names and the labels'."""
    known, n_features = (None, None) if initial is None else (initial.classes, initial.n_features)
    X = X if initial is None else initial.aligned(X, has_labels=True)
    if not isinstance(X, Dataset):
        rows = rows_of(as_matrix_or_csr(X, n_features))
        name = getattr(y, "name", None) or None  # of a Series; polars calls unnamed ones ""
        table = _in_memory_if_few(Table(rows, *encode(y, rows.n_rows, known)))
        yield table, column_names(X), name if isinstance(name, str) else None
        return
    if y is not None:
        raise ValueError("y must be None beside a Dataset, which has its own labels.")
    with X.open_table() as table:
        classes, codes = codes_of_two(table.classes, table.codes, known)
        own = replace(table, classes=classes, codes=codes)
        yield _in_memory_if_few(own), X.feature_names, getattr(X, "target_name", None)


def _in_memory_if_few(table: Table) -> Table:
    # The kernel itself records the cost of all rows if they are one block, which must then be in memory.
    rows = table.rows
    if rows.is_in_place or not rows.is_one_block:
        return table
    return replace(table, rows=ArrayRows(rows.read(0, rows.n_rows)), codes=table.codes[:])


def _descend(
    data: tuple[Table, tuple[str, ...] | None, str | None],
    options: DescentOptions,
    initial: Perceptron | None,
    generator: np.random.Generator,
    report: Callable[[int], object],
) -> Perceptron:
    """Return the model after the descent over an open table, given with the names of its features and labels."""
    (table, names, target_name), rows = data, data[0].rows
    if initial is None:
        start, history = generator.standard_normal(rows.n_features + 1), History()
    else:
        start, history = np.append(initial.weights, initial.bias), initial.history
        names, target_name = names or initial.feature_names, target_name or initial.target_name
    descent = Descent(rows, table.codes, options, start, history, generator)
    descent.run(report)
    weights, history = descent.result
    if not np.isfinite(weights).all():
        raise ValueError("the weights overflowed: lower learning_rate, or scale the columns of X.")
    return Perceptron(weights[:-1], weights[-1], table.classes, names, history, target_name=target_name)


@contextmanager
def _progress_bar(steps: int, is_shown: bool) -> Any:
    """Yield the function to call with the number of steps just taken; it moves a bar or does nothing."""
    report: Callable[[int], object] = int
    if not is_shown:
        yield report
        return
    try:
        from tqdm.auto import tqdm
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("progress=True needs the package tqdm: pip install tqdm", name="tqdm") from error
    with tqdm(total=steps, unit="step", unit_scale=True) as bar:
        yield bar.update
