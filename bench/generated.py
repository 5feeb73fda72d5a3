"""Parts of Markdown files that commands write, between two comments: results are generated, never typed."""

from collections.abc import Iterable
from pathlib import Path


def marks(name: str) -> tuple[str, str]:
    """Return the comments between which a part stands."""
    return f"<!-- generated: {name} -->", f"<!-- end of {name} -->"


def write_part(path: Path, name: str, lines: Iterable[str]) -> None:
    """Replace the lines between the comments of a part.

    Raises
    ------
    ValueError
        If the file has no such part.
    """
    first, last = marks(name)
    text = path.read_text(encoding="utf-8")
    before, found_first, rest = text.partition(first)
    _, found_last, after = rest.partition(last)
    if not (found_first and found_last):
        raise ValueError(f"{path} has no part {first} ... {last}.")
    body = "\n".join(lines)
    path.write_text(f"{before}{first}\n\n{body}\n\n{last}{after}", encoding="utf-8")
