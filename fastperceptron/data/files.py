"""Which files a path, a pattern, a folder, a list of them or a URI means, and how each is opened.

Local files are found without pyarrow, so that .npy files need none; URIs and opening go through pyarrow.fs. Hidden
files and folders, and those whose name begins with an underscore, are not data: Spark, Hive and Jupyter write such.
"""

import fnmatch
import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import PurePath, PurePosixPath
from typing import Any
from urllib.parse import unquote

# What a file name may end in behind the ending of its format, and what pyarrow calls it.
COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
# The first bytes of files, and what such a file is.
MAGIC = {
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"ORC": "an ORC file",
    b"\x93NUMPY": "a .npy file",
    b"PK\x03\x04": "a zip archive (.npz and .xlsx are such)",
    b"\x1f\x8b": "compressed by gzip",
    b"BZh": "compressed by bzip2",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
}
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # Hive's name for the folder of rows whose value is missing


class SourceFile:
    """A file of rows. `str` of it is its name in error messages, quoted."""

    def __init__(self, path: str, filesystem: Any = None, base: str | None = None) -> None:
        self.path = path
        self._filesystem = filesystem  # of pyarrow; None for the local one
        below = PurePath(path).parent.relative_to(base).parts if base is not None else ()
        pairs = [part.split("=", 1) for part in below if "=" in part]
        # Folders called "column=value", as Hive writes them, hold a column: values are text, or None.
        self.partitions = {key: None if value == NULL_PARTITION else unquote(value) for key, value in pairs}

    def __str__(self) -> str:
        """Return the quoted path."""
        return repr(self.path)

    @cached_property
    def filesystem(self) -> Any:
        """The file system, of pyarrow."""
        from pyarrow import fs

        return fs.LocalFileSystem() if self._filesystem is None else self._filesystem

    @property
    def is_local(self) -> bool:
        """Whether the path is one of the local file system."""
        return self._filesystem is None

    @cached_property
    def compression(self) -> str | None:
        """The compression that the name says."""
        return next((kind for ending, kind in COMPRESSIONS.items() if self.path.lower().endswith(ending)), None)

    def stamp(self) -> tuple[int, int]:
        """Return the size in bytes and the time of the last change in ns: they differ once the file was written."""
        if self.is_local:
            status = os.stat(self.path)
            return status.st_size, status.st_mtime_ns
        info = self.filesystem.get_file_info(self.path)
        return info.size or 0, info.mtime_ns or 0

    def open_stream(self) -> Any:
        """Return an input stream of the decompressed content; raise ValueError if the name says another compression."""
        with self.filesystem.open_input_stream(self.path, compression=None) as stream:
            found = _describe_content(stream.read(8))
        said = self.compression
        if said is not None and not (found or "").startswith("compressed by"):
            raise ValueError(f"its name says {said}, but it is {found or 'not compressed'}: rename it")
        if found is not None and (said is None or not found.endswith({"bz2": "bzip2"}.get(said, said))):
            raise ValueError(f"it is {found}, which its name does not say: rename it")
        return self.filesystem.open_input_stream(self.path, compression=said, buffer_size=1 << 20)

    def describe_content(self) -> str:
        """Return ", it is a Parquet file" or the like if the first bytes say so, else ""."""
        with self.filesystem.open_input_stream(self.path, compression=None) as stream:
            found = _describe_content(stream.read(8))
        return "" if found is None else f"; it is {found}"


def _describe_content(first_bytes: bytes) -> str | None:
    return next((kind for magic, kind in MAGIC.items() if first_bytes.startswith(magic)), None)


def find_files(source: Any, has_known_ending: Callable[[str], bool]) -> list[SourceFile]:
    """Return the files that a path, pattern, folder or URI means, sorted by name; or those of a list of such, in order.

    Of a folder, and of folders in it, all files with a known ending are meant. It raises FileNotFoundError if there are
    none, ValueError if a URI cannot be read.
    """
    if not isinstance(source, str | os.PathLike):
        if not source:
            raise ValueError("the list of files is empty.")
        paths = list(map(os.fspath, source))
        base = os.path.commonpath([os.path.dirname(path) for path in paths]) if _are_alike(paths) else None
        found = [file for path in paths for file in _find(path, has_known_ending, base)]
        for path, count in Counter(os.path.realpath(file.path) for file in found if file.is_local).items():
            if count > 1:
                raise ValueError(f"{path!r} is in the list {count} times: its rows would count as often.")
        return found
    return _find(os.fspath(source), has_known_ending)


def _are_alike(paths: Sequence[str]) -> bool:
    return not any("://" in path for path in paths) and len({os.path.isabs(path) for path in paths}) == 1


def _find(path: str, has_known_ending: Callable[[str], bool], base: str | None = None) -> list[SourceFile]:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", path):
        return _find_remote(path, has_known_ending)
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        return _files_of_folder(path, _local_files(path), has_known_ending, None)
    if os.path.exists(path):
        return [SourceFile(path, base=base and os.path.expanduser(base))]
    if not glob.has_magic(path):
        raise FileNotFoundError(f"there is no file or folder {path!r}.")
    pattern = PurePath(path)
    fixed = next(number for number, part in enumerate(pattern.parts) if glob.has_magic(part))
    base = str(PurePath(*pattern.parts[:fixed]))
    found: list[SourceFile] = []
    for hit in sorted(glob.glob(path, recursive=True), key=PurePath):
        if os.path.isdir(hit):
            below = _local_files(hit) if "**" not in path else ()
            found += _sorted_files(base, below, has_known_ending)
        elif _is_data(hit, base, pattern.name):
            found.append(SourceFile(hit, base=base))
    if not found:
        raise FileNotFoundError(f"there is no file that fits the pattern {path!r}.")
    return found


def _local_files(folder: str) -> Iterable[str]:
    return (os.path.join(parent, name) for parent, _, names in os.walk(folder, followlinks=True) for name in names)


def _is_data(path: str, base: str, pattern: str = "") -> bool:
    """Return whether no part of a path below `base` is hidden, unless a pattern asks for such names."""
    *folders, name = PurePath(path).relative_to(base).parts
    is_named = pattern[:1] in (".", "_") and name.startswith(pattern[:1])
    return is_named or not any(part.startswith((".", "_")) and "=" not in part for part in (*folders, name))


def _sorted_files(base: str, paths: Iterable[str], has_known_ending: Any, filesystem: Any = None) -> list[SourceFile]:
    chosen = sorted((path for path in paths if has_known_ending(path) and _is_data(path, base)), key=PurePath)
    return [SourceFile(path, filesystem, base) for path in chosen]


def _files_of_folder(
    folder: str, paths: Iterable[str], has_known_ending: Callable[[str], bool], filesystem: Any
) -> list[SourceFile]:
    found = _sorted_files(folder, paths, has_known_ending, filesystem)
    if not found:
        raise FileNotFoundError(f"there are no files of a known format in the folder {folder!r}.")
    return found


def _find_remote(uri: str, has_known_ending: Callable[[str], bool]) -> list[SourceFile]:
    """Return the files of a URI; a local one is one of file://."""
    from pyarrow import fs

    filesystem, path = _open_filesystem(uri)
    if isinstance(filesystem, fs.LocalFileSystem):
        return _find(path, has_known_ending)
    if glob.has_magic(path):
        parts = PurePosixPath(path).parts
        fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
        base = str(PurePosixPath(*parts[:fixed]))
        infos = filesystem.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
        fitting = (info.path for info in infos if info.is_file and _fits(info.path, path))
        found = _sorted_files(base, fitting, lambda _: True, filesystem)
        if not found:
            raise FileNotFoundError(f"there is no file that fits the pattern {uri!r}.")
        return found
    info = filesystem.get_file_info(path)
    if info.is_file:
        return [SourceFile(path, filesystem)]
    if info.type == fs.FileType.NotFound:
        raise FileNotFoundError(f"there is no file or folder {uri!r}.")
    infos = filesystem.get_file_info(fs.FileSelector(path, recursive=True))
    return _files_of_folder(path, (info.path for info in infos if info.is_file), has_known_ending, filesystem)


def _fits(path: str, pattern: str) -> bool:
    """Return whether a path fits a pattern, in which "*" does not cross folders unless it is written "**"."""
    if "**" in pattern:
        return fnmatch.fnmatchcase(path, pattern) or fnmatch.fnmatchcase(path, pattern.replace("**/", ""))
    return path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern)


def _open_filesystem(uri: str) -> tuple[Any, str]:
    from pyarrow import ArrowInvalid, fs

    scheme = uri.split("://", maxsplit=1)[0].lower()
    if scheme in ("http", "https", "ftp"):
        raise ValueError(f"{uri!r}: files are not read over {scheme}. Download the file, and pass its path.")
    # A pattern is no URI: "?" and "#" have a meaning there, and "*" may not stand in it.
    fixed = re.match(r"[^*?\[]*", uri).group()  # type: ignore[union-attr]  # it fits every text
    folder = uri if fixed == uri else fixed[: fixed.rindex("/")]
    try:
        filesystem, path = fs.FileSystem.from_uri(folder)
    except ArrowInvalid:
        filesystem, path = _open_by_fsspec(folder, scheme)
    return filesystem, path + uri[len(folder) :]


def _open_by_fsspec(uri: str, scheme: str) -> tuple[Any, str]:
    from pyarrow import fs

    try:
        from fsspec.core import url_to_fs

        filesystem, path = url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"{uri!r}: {scheme}:// is not supported: pyarrow reads file://, s3://, gs://, abfs:// and hdfs://, and the "
            "package fsspec others. Copy the file, and pass its path."
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path
