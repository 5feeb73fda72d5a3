"""Which reader of columns a source takes."""

from typing import Any

import pyarrow as pa

from fastperceptron.data.batch_reader import of_arrow_dataset, of_frame, of_lazy_frame, of_stream
from fastperceptron.data.file_reader import FileReader
from fastperceptron.data.files import SourceFile
from fastperceptron.data.reader import Reader


def open_reader(source: Any, csv: Any = None) -> Reader:
    """Return the reader of a list of files, of a frame without its index, or of an object that streams Arrow."""
    if isinstance(source, list) and source and all(isinstance(file, SourceFile) for file in source):
        return FileReader(source, csv)
    if csv is not None:
        raise ValueError("csv is for CSV files, and cannot be given for a frame or a stream: leave it out.")
    if type(source).__name__ == "Series" or isinstance(source, pa.Array | pa.ChunkedArray):
        raise TypeError(f"the {type(source).__name__} is one column or one row: make a frame of it.")
    try:
        for kind in (of_arrow_dataset, of_lazy_frame, of_frame, of_stream):
            reader = kind(source)
            if reader is not None:
                return reader
    except (pa.ArrowException, OverflowError, KeyError) as error:
        raise TypeError(f"the {type(source).__name__} cannot be read as columns: {error}.") from error
    raise TypeError(
        "source must be a path, a frame, a list of paths, an Arrow stream, an array, a tuple of arrays or a generator, "
        f"but is a {type(source).__name__}."
    )
