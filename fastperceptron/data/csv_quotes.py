"""Finds quotes that are not closed in CSV text: such a quote makes one value of all rows up to the next quote.

pyarrow takes that for a value with line breaks. Only lines with an odd number of quotes can begin such a value, so that
only these, and lines within one, are looked at one by one.
"""

import re
from typing import NamedTuple

import numpy as np

NEWLINE = ord("\n")


class Marks(NamedTuple):
    """The characters that have a meaning in a CSV file, each one byte."""

    delimiter: bytes
    quote: bytes
    escape: bytes  # empty: there is none


class OpenQuoteError(ValueError):
    """The error for a quote that is not closed."""


class QuoteCheck:
    """The state of a read of CSV text from its beginning; `n_above` lines are above the first row.

    Rows and lines are counted on request only, for an error that was found without: it takes 3 ms per MB.
    """

    def __init__(self, marks: Marks, n_skipped: int, n_above: int, *, is_counting: bool = False) -> None:
        self._is_counting = is_counting
        self._marks, self._n_skipped, self._n_above = marks, n_skipped, n_above
        self._rest = b""  # the beginning of a line
        self._open: list[bytes] = []  # the lines so far of a value that is not closed
        self._n_lines = self._n_records = self._n_fields = 0
        self._quoted = re.compile(
            re.escape(marks.quote) + b"[^" + re.escape(marks.quote) + b"]*" + re.escape(marks.quote)
        )
        self._escaped = re.compile(re.escape(marks.escape) + b".") if marks.escape else None

    def see(self, content: bytes) -> bytes:
        """Return the content as it is; b"" is the end. Raise ValueError if a quote is not closed."""
        content = bytes(content)  # pyarrow gives a buffer of its own
        if content and self._n_fields and not self._open and self._may_pass(content):
            return content
        whole, newline, self._rest = (self._rest + content).rpartition(b"\n")
        text = whole + newline
        if not content:
            text, self._rest = text + self._rest, b""
        if self._n_skipped or not self._n_fields:
            text = self._see_header(text)
        if text:
            self._see_lines(text)
        if not content and self._open:
            raise self._error("is not closed before the end of the file")
        return content

    def _may_pass(self, content: bytes) -> bool:
        """Take note of content without a quote, and return True; or return False where rows or lines must be seen."""
        quote, at = self._marks.quote, content.rfind(b"\n")
        if self._is_counting or at < 0 or quote in self._rest or quote in content:
            return False
        self._rest = content[at + 1 :]
        return True

    def _see_header(self, text: bytes) -> bytes:
        """Return the text from the first line on that is neither skipped nor empty."""
        while text:
            line, newline, below = text.partition(b"\n")
            if not self._n_skipped and line.strip():
                self._n_fields = self._count_fields(line)
                return text
            self._n_skipped, self._n_lines = max(0, self._n_skipped - 1), self._n_lines + 1
            text = below if newline else b""
        return text

    def _see_lines(self, text: bytes) -> None:
        if self._marks.quote not in text and not self._open:
            n_lines = text.count(b"\n") + (not text.endswith(b"\n"))
            self._n_lines += n_lines
            self._n_records += n_lines - _count_blank(text)
            return
        codes = np.frombuffer(text, np.uint8)
        ends = np.flatnonzero(codes == NEWLINE)
        ends = ends if text.endswith(b"\n") else np.append(ends, len(text))
        starts = np.append(0, ends[:-1] + 1)
        lines_of_quotes = np.searchsorted(ends, np.flatnonzero(codes == self._marks.quote[0]))
        odd = np.flatnonzero(np.bincount(lines_of_quotes, minlength=len(ends)) % 2)
        lengths = ends - starts
        is_record = (lengths > 1) | ((lengths == 1) & (codes[starts] != ord("\r")))
        at = 0
        while at < len(ends):
            if not self._open:
                place = int(np.searchsorted(odd, at))
                following = int(odd[place]) if place < len(odd) else len(ends)
                self._n_records += int(np.count_nonzero(is_record[at:following]))
                self._n_lines += following - at
                at = following
            if at < len(ends):
                self._see_line(text[starts[at] : ends[at]].rstrip(b"\r"))
                self._n_lines += 1
                at += 1

    def _see_line(self, line: bytes) -> None:
        if self._escaped is not None:
            line = self._escaped.sub(b"__", line)
        closed_at = self._closing_quote(line, 0) if self._open else -1
        if self._open and closed_at < 0:
            self._open.append(line)
            return
        start = closed_at + 1
        if self._open and line[start : start + 1] not in (b"", self._marks.delimiter):
            raise self._error("is not closed before the next one")
        is_open = self._ends_within_quotes(line, start + 1 if self._open else 0)
        if self._open:
            self._check_record(line, start)
        self._n_records += not is_open
        self._open = [line] if is_open else []

    def _closing_quote(self, line: bytes, start: int) -> int:
        """Return the place of the quote that ends a value, or -1; a doubled quote does not."""
        quote = self._marks.quote
        at = line.find(quote, start)
        while at >= 0 and line[at + 1 : at + 2] == quote:
            at = line.find(quote, at + 2)
        return at

    def _ends_within_quotes(self, line: bytes, start: int) -> bool:
        """Return whether a value that begins at `start`, or one after it, has a quote that the line does not close."""
        while 0 <= start < len(line):
            if line.startswith(self._marks.quote, start):
                closed_at = self._closing_quote(line, start + 1)
                if closed_at < 0:
                    return True
                start = closed_at
            at = line.find(self._marks.delimiter, start)
            start = at + 1 if at >= 0 else len(line)
        return False

    def _check_record(self, last: bytes, end: int) -> None:
        """Raise ValueError if each line of a record would be a whole row without the quotes around the line breaks."""
        delimiter = self._marks.delimiter
        n_last = last[:end].count(delimiter) + self._count_fields(last[end:])
        numbers = [self._count_fields(self._open[0]), *(line.count(delimiter) + 1 for line in self._open[1:]), n_last]
        if self._n_fields > 1 and set(numbers) == {self._n_fields}:
            raise self._error(f"seems not to be closed: the {len(numbers)} lines from there on are rows by themselves")

    def _count_fields(self, line: bytes) -> int:
        return self._quoted.sub(b"", line).count(self._marks.delimiter) + 1

    def _error(self, what: str) -> OpenQuoteError:
        row = self._n_records - self._n_above
        line = self._n_lines - len(self._open) + 1
        place = f"row {row} (line {line} of the file)" if row >= 0 else f"the header (line {line} of the file)"
        return OpenQuoteError(
            f"a quote that opens in {place} {what}: correct it; if values are not quoted, give "
            "`csv={'quote_char': False}`; if it is a text of several lines, `csv={'newlines_in_values': True}`"
        )


def _count_blank(text: bytes) -> int:
    if b"\n\n" not in text and b"\n\r\n" not in text and not text.startswith((b"\n", b"\r\n")):
        return 0
    return sum(not line.strip(b"\r") for line in text.removesuffix(b"\n").split(b"\n"))
