"""Atomic replacement of files: a reader finds the old content or the new, never a part of either.

As a plain write does, it goes through symbolic links and keeps the mode of a file that is there.
"""

import contextlib
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

TEMPORARY = ".part"


def local_path(path: str | os.PathLike[str]) -> Path:
    """Return a path that a user gave, with `~` expanded; raise IsADirectoryError if it ends with a slash."""
    text = os.fsdecode(path)
    if not text or text.endswith(("/", os.sep)):
        raise IsADirectoryError(f"{text!r} names a folder, not a file: add the file's name.")
    return Path(os.path.expanduser(text))  # Path.expanduser raises where there is no home


def check_is_file(path: Path) -> None:
    """Raise OSError with a sentence if there is something at `path` that is not a regular file."""
    if path.is_dir():
        raise IsADirectoryError(f"{os.fspath(path)!r} is a folder, not a file: add the file's name.")
    if path.exists() and not path.is_file():
        raise FileExistsError(f"{os.fspath(path)!r} is a device, a pipe or a socket, not a file: give another path.")


def destination(path: Path) -> Path:
    """Return where a file will be written, through links; raise OSError if there is no folder or it is not a file."""
    place = Path(os.path.realpath(local_path(path)))
    check_is_file(place)
    if not place.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {os.fspath(place.parent)!r}: create it first.")
    return place


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file, which replaces the file at `path` at the end unless there is an error.

    It raises OSError if the folder is missing or what is at `path` is not a regular file.
    """
    given, path = path, destination(path)
    name = path.name[:48]  # at most 192 bytes: names may have 255
    for left in path.parent.glob(f".{glob.escape(name)}*{TEMPORARY}"):
        with contextlib.suppress(OSError, ValueError):
            if not _is_alive(int(left.name.split(".")[-3])):  # the process that wrote it has ended
                left.unlink()
    temporary = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}{TEMPORARY}")
    try:
        yield temporary
        if path.exists():
            _copy_mode(path.stat(), temporary)
        _flush(temporary)
        os.replace(temporary, path)
        if os.name == "posix":  # folders cannot be opened elsewhere
            _flush(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename == os.fspath(temporary):
            error.filename, error.filename2 = os.fspath(given), None
        raise


def _copy_mode(of: os.stat_result, path: Path) -> None:
    """Give a file the owner, where that is allowed, and the mode of another."""
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(path, of.st_uid, of.st_gid)
    path.chmod(stat.S_IMODE(of.st_mode))


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Replace the file at `path` by `content`, or leave the old one untouched and raise OSError.

    The content is written to a temporary file in the same folder and flushed to the disk; the file is renamed (POSIX
    rename is atomic) and the folder flushed, so that a power cut does not bring the old file back. The next call
    removes a temporary file that a killed process has left. A new file has the `mode` that the umask leaves.
    """
    with replace_file(path) as temporary:
        # Not tempfile: only the owner can read its files, and a saved model must have the usual permissions.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
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
