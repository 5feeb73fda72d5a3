"""Atomic replacement of files: a reader finds the old content or the new, never a part of either."""

import contextlib
import glob
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".part"


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file, which replaces the file at `path` at the end unless there is an error."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{TEMPORARY}"):
        with contextlib.suppress(OSError, ValueError):
            if not _is_alive(int(left.name.split(".")[-3])):  # the process that wrote it has ended
                left.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
        if os.name == "posix":  # folders cannot be opened elsewhere
            _flush(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, or leave the old one untouched and raise OSError.

    The content is written to a temporary file in the same folder and flushed to the disk; the file is renamed (POSIX
    rename is atomic) and the folder flushed, so that a power cut does not bring the old file back. The next call
    removes a temporary file that a killed process has left.
    """
    with replace_file(path) as temporary:
        # Not tempfile: only the owner can read its files, and a saved model must have the usual permissions.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        finally:
            os.close(descriptor)


def _flush(file_or_folder: Path) -> None:
    descriptor = os.open(file_or_folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True  # os.kill with signal 0 would end the process there
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
