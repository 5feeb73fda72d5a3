"""The work of the command synthesize: a synthetic table."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.atomic import replace_file
from fastperceptron.cli.outputs import table_writer
from fastperceptron.data.synthetic import synthetic
from fastperceptron.estimator.progress import show_progress

ROW_GROUP = 1 << 17  # rows per row group: decoding one takes some megabytes


def write_synthetic(output: Path, n_rows: int, n_features: int, **options: Any) -> Iterator[str]:
    """Write a synthetic table, and return lines with its true weights."""
    import pyarrow as pa

    data = synthetic(n_rows, n_features, **options)
    names = [f"x{number}" for number in range(n_features)]
    schema = pa.schema([*((name, pa.float32()) for name in names), ("y", pa.uint8())])
    with (
        replace_file(output) as temporary,
        table_writer(output, temporary, schema) as write,
        data.open_table() as table,
        show_progress("synthesize", progress=True, verbose=0) as display,
    ):
        display.begin("writing", n_rows, 0)
        for start in range(0, n_rows, ROW_GROUP):
            X, codes = table.rows.labelled(table.codes, start, min(start + ROW_GROUP, n_rows))
            write([*np.ascontiguousarray(X.T), codes])
            display.rows_read(len(X))
    yield f"{n_rows:,} rows of {n_features} features written to {output}; the target is y."
    each = zip(np.atleast_2d(data.true_weights), np.atleast_1d(data.true_bias), strict=True)
    for k, (weights, bias) in enumerate(each):
        of_class = f" of class {k}" if data.true_weights.ndim > 1 else ""
        yield f"true weights{of_class}: {' '.join(f'{weight:.6g}' for weight in weights)}, bias {bias:.6g}"
