"""CSV files as columns of text, which text_values.py converts; their options; and what is wrong with one that fails.

Options have the names of pyarrow's ReadOptions, ParseOptions and ConvertOptions, which the user's `csv` mapping joins.
"""

import codecs
import difflib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import pyarrow as pa
from pyarrow import csv

from fastperceptron.checks import whole_number
from fastperceptron.data.csv_quotes import Marks, OpenQuoteError, QuoteCheck
from fastperceptron.data.files import SourceFile

DELIMITERS = {";": "';'", "\t": r"'\t'", "|": "'|'", ",": "','"}
READ = ("block_size", "skip_rows", "skip_rows_after_names", "column_names", "autogenerate_column_names", "encoding")
PARSE = ("delimiter", "quote_char", "double_quote", "escape_char", "ignore_empty_lines")
CONVERT = ("null_values", "strings_can_be_null", "quoted_strings_can_be_null", "decimal_point")
OWN = ("has_header", "comment", "column_types", "newlines_in_values")
WHOLE = {"block_size": 1, "skip_rows": 0, "skip_rows_after_names": 0}  # and the least value
TRUTHS = ("has_header", "newlines_in_values", "double_quote", "ignore_empty_lines", "autogenerate_column_names")
LISTS = ("column_names", "null_values")
_NUMERIC_NAME = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


class CsvOptions(NamedTuple):
    """How CSV files are written."""

    read: dict[str, Any]
    parse: dict[str, Any]
    convert: dict[str, Any]
    comment: str | None  # lines that begin with it are left out
    has_header: bool | None  # None: yes, if the names are not all numbers
    newlines_in_values: bool | None  # None: yes, but they are looked at
    column_types: dict[str, bool]  # whether a column is text, of those whose type was given

    @property
    def decimal_point(self) -> str:
        """The character before the fraction of a number."""
        return str(self.convert.get("decimal_point", "."))


def csv_options(given: dict[str, Any] | None, path: str) -> CsvOptions:
    """Return the options of a mapping, with the default delimiter of a file name; raise ValueError for a wrong one."""
    if not isinstance(given or {}, dict):
        raise TypeError(f"csv must be a dict of options, such as {{'delimiter': ';'}}, but is {given!r}.")
    options = dict(given or {})
    known = (*READ, *PARSE, *CONVERT, *OWN)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            raise ValueError(f"csv has no option {name!r}; {hint}")
    _check_values(options)
    has_header, comment = options.pop("has_header", None), options.pop("comment", None)
    newlines = options.pop("newlines_in_values", None)
    if comment is not None and not (isinstance(comment, str) and len(comment) == 1):
        raise ValueError(f"csv: comment must be one character, but is {comment!r}.")
    types = {name: _is_text_type(name, kind) for name, kind in dict(options.pop("column_types", {})).items()}
    if has_header is False:
        options.setdefault("autogenerate_column_names", "column_names" not in options)
    if "column_names" in options or options.get("autogenerate_column_names"):
        has_header = True  # names that were given need no check
    if re.search(r"\.tsv(\.\w+)?$", path.lower()):
        options.setdefault("delimiter", "\t")
    read, parse, convert = (
        {name: options[name] for name in names if name in options} for names in (READ, PARSE, CONVERT)
    )
    found = CsvOptions(read, parse, convert, comment, has_header, newlines, types)
    try:
        for checked in _arrow_options(found, None).values():
            checked.validate()
        codecs.lookup(read.get("encoding", "utf8"))
    except (TypeError, ValueError, LookupError, OverflowError, pa.ArrowException) as error:
        raise ValueError(f"csv={given!r} is not valid: {error}") from error
    return found


def _check_values(options: dict[str, Any]) -> None:
    """Raise ValueError at an option that pyarrow would take for another value: 1.5 for 1, "NA" for ["N", "A"]."""
    for name, value in options.items():
        if name in WHOLE:
            whole_number(value, f"csv: {name}", WHOLE[name])
        elif name in TRUTHS and not (value is None or isinstance(value, bool)):
            raise ValueError(f"csv: {name} must be True or False, but is {value!r}.")
        elif name in LISTS and (isinstance(value, str) or not all(isinstance(each, str) for each in value)):
            raise ValueError(f"csv: {name} must be a list of texts, but is {value!r}.")


def _is_text_type(name: str, kind: Any) -> bool:
    """Return whether a type, of pyarrow or its name, is text; raise ValueError if it is neither text nor a number."""
    try:
        found = pa.type_for_alias(kind) if isinstance(kind, str) else pa.lib.ensure_type(kind)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column_types: {kind!r} of column {name!r} is not a type of pyarrow, such as 'string'."
        ) from error
    if pa.types.is_string(found) or pa.types.is_large_string(found):
        return True
    if pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_boolean(found):
        return False
    raise ValueError(f"column_types: column {name!r} cannot be {found}, only text ('string') or numbers ('float64').")


def _arrow_options(options: CsvOptions, columns: list[str] | None, kind: Any = None) -> dict[str, Any]:
    """Return pyarrow's arguments to read columns as text or as another type; of None only names are read."""
    convert = {"strings_can_be_null": True, "quoted_strings_can_be_null": True} | options.convert
    if columns is not None:
        types = dict.fromkeys(columns, pa.string() if kind is None else kind)
        convert |= {"include_columns": columns, "column_types": types}
    return {
        "read_options": csv.ReadOptions(**{"block_size": 1 << 20} | options.read),
        # Line breaks within quotes cost no time: 0.88 s for 200 MB, with and without.
        "parse_options": csv.ParseOptions(newlines_in_values=options.newlines_in_values is not False, **options.parse),
        "convert_options": csv.ConvertOptions(**convert),
    }


@contextmanager
def open_csv(file: SourceFile, columns: list[str] | None, options: CsvOptions) -> Iterator[tuple[pa.Schema, Any]]:
    """Give the schema of a CSV file and its record batches, of columns of text in the given order."""
    try:
        with file.open_stream() as stream:
            lines = _decoded_lines(stream, options)
            lines = lines if (check := _quote_check(options)) is None else pa.TransformInputStream(lines, check)
            decoded = options._replace(read=options.read | {"encoding": "utf8"})
            with csv.open_csv(lines, **_arrow_options(decoded, columns)) as reader:
                if columns is None:
                    _check_names(reader, options)
                yield reader.schema, reader
    except OpenQuoteError:
        _look_for_open_quote(file, options)
        raise
    except (pa.ArrowException, UnicodeError, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise _explain(file, columns, options, error) from error


def _decoded_lines(stream: Any, options: CsvOptions) -> Any:
    """Return a stream as UTF-8 text without comments."""
    encoding = options.read.get("encoding", "utf8")
    text = stream if encoding == "utf8" else pa.transcoding_input_stream(stream, encoding, "utf8")
    return text if options.comment is None else _without_comments(text, options)


def _without_comments(stream: Any, options: CsvOptions) -> Any:
    """Return a stream without the lines that begin with the comment character and are not within quotes."""
    comment, quote = str(options.comment).encode(), str(options.parse.get("quote_char", '"')).encode()
    rest, is_quoted = b"", False

    def keep(chunk: bytes) -> bytes:  # called with b"" until it returns b"" at the end
        nonlocal rest, is_quoted
        *lines, rest = (rest + bytes(chunk)).split(b"\n")
        if not chunk and rest:
            lines, rest = [*lines, rest], b""
        kept = []
        for line in lines:
            if is_quoted or not line.startswith(comment):
                kept.append(line + b"\n")
                is_quoted ^= line.count(quote) % 2 == 1
        return b"".join(kept) or (b"\n" if lines else b"")

    return pa.TransformInputStream(stream, keep)


def _quote_check(options: CsvOptions, *, is_counting: bool = False) -> Callable[[bytes], bytes] | None:
    """Return what finds quotes that are not closed, or None where line breaks are not a sign of them."""
    read, parse = options.read, options.parse
    quote, escape = parse.get("quote_char", '"'), parse.get("escape_char", False)
    if not quote or options.newlines_in_values is not None:
        return None
    marks = Marks(*(str(mark or "").encode() for mark in (parse.get("delimiter", ","), quote, escape)))
    n_above = 0 if read.get("autogenerate_column_names") or "column_names" in read else 1
    n_above += read.get("skip_rows_after_names", 0)
    return QuoteCheck(marks, read.get("skip_rows", 0), n_above, is_counting=is_counting).see


def _check_names(reader: Any, options: CsvOptions) -> None:
    names = reader.schema.names
    if len(names) == 1 and "delimiter" not in options.parse and " " in names[0].strip():
        n_parts = len(names[0].split())
        with suppress(StopIteration):
            texts = list(map(str, reader.read_next_batch().column(0).drop_null().to_pylist()))
            if texts and all(len(text.split()) == n_parts for text in texts[:100]):
                raise ValueError(
                    f"it has one column only, {names[0][:80]!r}: the delimiter seems to be ' '; give "
                    "`csv={'delimiter': ' '}`, and write one space only between two values"
                )
    if len(names) == 1 and (fitting := next((each for each in DELIMITERS if each in names[0]), None)):
        raise ValueError(
            f"it has one column only, {names[0][:80]!r}: the delimiter seems to be {DELIMITERS[fitting]}; "
            f"give `csv={{'delimiter': {DELIMITERS[fitting]}}}`"
        )
    numbers = [name for name in names if _NUMERIC_NAME.fullmatch(name)]
    if options.has_header is None and numbers:
        only = "only " if len(numbers) == len(names) else ""
        raise ValueError(
            f"its first line holds {only}numbers, {', '.join(numbers[:6])}: if there is no header, give "
            "`csv={'has_header': False}`; if these are the names of columns, `csv={'has_header': True}`"
        )


def _explain(file: SourceFile, columns: list[str] | None, options: CsvOptions, error: Exception) -> Exception:
    """Return what is wrong with a file, and where, from a second look at it: ArrowInvalid if it is broken."""
    message = str(error)
    with file.open_stream() as stream:
        start = stream.read(1 << 12) if "incorrect header" not in message else b""
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ValueError("it is UTF-16 text: give `csv={'encoding': 'utf-16'}`")
    if b"\0" in start:
        return ValueError("it is a binary file, not text")
    if "straddling" in message:
        _look_for_open_quote(file, options)
        return ValueError("a row is longer than a block of 1 MB: give `csv={'block_size': 16777216}` or more bytes")
    if "UTF8" in message or isinstance(error, UnicodeError):
        if (encoding := options.read.get("encoding")) is not None:
            return ValueError(f"it is not text in the encoding that is given, {encoding!r}: give another one")
        found = _first_undecodable(file, columns, options) if columns else "its first line is not UTF-8 text: give "
        return ValueError(f"{found}the encoding, such as `csv={{'encoding': 'latin-1'}}`")
    broken: Exception = pa.ArrowInvalid(f"{_first_ragged_row(file, options)}{message}")
    return broken


def _look_for_open_quote(file: SourceFile, options: CsvOptions) -> None:
    """Raise ValueError with the row of the first quote that is not closed, if there is one."""
    check = _quote_check(options, is_counting=True)
    with file.open_stream() as stream:
        lines = _decoded_lines(stream, options)
        while check is not None and check(lines.read(1 << 20)):
            pass


def _first_undecodable(file: SourceFile, columns: list[str], options: CsvOptions) -> str:
    """Return the beginning of a sentence about the first value that is not UTF-8."""
    first_row = 0
    with file.open_stream() as stream, csv.open_csv(stream, **_arrow_options(options, columns, pa.binary())) as reader:
        for batch in reader:
            for row, values in enumerate(zip(*(column.to_pylist() for column in batch.columns), strict=True)):
                for name, value in zip(columns, values, strict=True):
                    try:
                        (value or b"").decode()
                    except UnicodeDecodeError:
                        return (
                            f"column {name!r} holds {value!r} in row {first_row + row}, which is not UTF-8 text: give "
                        )
            first_row += batch.num_rows
    return "it is not UTF-8 text: give "


def _first_ragged_row(file: SourceFile, options: CsvOptions) -> str:
    """Return "row 17: " for the first row with too few or too many values, or ""; row 0 follows the header."""
    lines: list[int] = []

    def skip(row: Any) -> str:
        lines.append(row.number)
        return "skip"

    arguments = _arrow_options(options, None)
    arguments["read_options"].use_threads = False
    arguments["parse_options"].invalid_row_handler = skip
    with suppress(pa.ArrowException, UnicodeError), file.open_stream() as stream:
        for _ in csv.open_csv(stream, **arguments):
            if lines:
                break
    n_above = 1 if options.read.get("autogenerate_column_names") or "column_names" in options.read else 2
    return f"row {lines[0] - n_above}: " if lines and lines[0] else ""
