"""The work of the command predict: classes and probabilities, next to columns of the table."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from fastperceptron.atomic import replace_file
from fastperceptron.cli.columns import rows_for
from fastperceptron.cli.language import find_columns
from fastperceptron.cli.outputs import check_outputs, table_writer
from fastperceptron.data.files import find_files
from fastperceptron.data.formats import ArrayFormat, format_of_files, has_known_ending
from fastperceptron.model import load


class _Ids:
    """Columns of a table that are copied to the predictions, as they are stored; of CSV files as text."""

    def __init__(self, source: Any, given: list[str], csv: Any) -> None:
        from fastperceptron.data.open_reader import open_reader

        files = find_files(source, has_known_ending)
        if isinstance(format_of_files(files), ArrayFormat):
            raise ValueError("--id is for tables with names of columns, not for files of arrays: leave it out.")
        self._reader = open_reader(files, csv)
        names = find_columns(given, self._reader.schema.names, "--id")
        self.fields = [self._reader.schema.field(name) for name in names]

    def rows(self) -> Generator[list[Any], int]:
        """Yield the columns of as many rows as are sent, in order; the first item is empty."""
        import pyarrow as pa

        n, rest = (yield []), pa.schema(self.fields).empty_table()
        for piece in self._reader.pieces([field.name for field in self.fields]):
            rest = pa.concat_tables([rest, pa.Table.from_batches([piece.batch])])
            while n is not None and 0 < n <= rest.num_rows:
                taken, rest = rest.slice(0, n).combine_chunks(), rest.slice(n)
                n = yield taken.columns


def write_predictions(model_path: Path, source: Any, output: Path, ids: list[str] | None, csv: Any) -> int:
    """Write the id columns, the class and the probabilities of each row; return the number of rows."""
    import pyarrow as pa

    model, n_rows = load(model_path), 0
    check_outputs(source, [model_path, output])
    names = ["prediction", *(f"p({label})" for label in model.classes.tolist())]
    kept = _Ids(source, ids, csv) if ids else None
    id_fields = [] if kept is None else kept.fields
    if clash := [field.name for field in id_fields if field.name in names]:
        raise ValueError(f"--id {clash[0]}: the predictions have a column of this name, too. Rename the column.")
    kind = pa.array(model.classes[:1]).type
    schema = pa.schema([*id_fields, (names[0], kind), *((name, pa.float64()) for name in names[1:])])
    id_rows = None if kept is None else kept.rows()
    if id_rows is not None:
        next(id_rows)
    with replace_file(output) as temporary, table_writer(output, temporary, schema) as write:
        for block in model.aligned(rows_for(model, source, csv)).blocks():
            p = model.predict_proba(block.X).astype(np.float64, copy=False)
            own = [] if id_rows is None else id_rows.send(len(p))
            write([*own, model.predict(block.X), *np.ascontiguousarray(p.T)])
            n_rows += len(p)
    return n_rows
