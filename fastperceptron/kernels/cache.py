"""Compiled kernels kept on disk: one checksummed file per kernel, signature, CPU and options.

Numba's cache=True misses edits in another file and changed flags, mixes entries when two processes compile at once
(numba #4807), raises on a truncated file (#10434) and where no directory is writable. Here the directory is named by
a hash of all kernel sources and versions, files are replaced atomically, and any failure means: compile.
Unpickling runs code: only files of this user, in a directory of this user, that nobody else can write to are read.
The hook (`Dispatcher._cache`) is private to Numba, so it is guarded: without it, kernels compile in each process.
"""

import functools
import hashlib
import importlib.resources
import logging
import os
import pickle
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from numba.core import config

from fastperceptron import __version__
from fastperceptron.atomic import write_atomically

try:
    from numba.core.caching import _Cache as CacheProtocol
    from numba.core.compiler import CompileResult
    from numba.core.dispatcher import Dispatcher
    from numba.core.serialize import dumps
except ImportError:  # pragma: no cover  # a later Numba moved its private names
    CacheProtocol = object  # type: ignore[assignment,misc]
    Dispatcher = ()  # type: ignore[assignment,misc]

# Numba settings that change machine code without a trace in the signature, the CPU or the jit options.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT", "DISABLE_INTEL_SVML")
_CHECKSUM_SIZE = hashlib.sha256().digest_size


def cache_directory() -> Path:
    """Return the directory of the compiled kernels of this very source, Python, Numba, llvmlite and NumPy."""
    return cache_root() / generation()


def cache_root() -> Path:
    """Return the directory for files kept on disk: $FASTPERCEPTRON_CACHE_DIR, or one in the user's cache directory.

    Where the user has no home, it is one of this user's in the system's directory for temporary files.
    """
    chosen = os.environ.get("FASTPERCEPTRON_CACHE_DIR")
    if chosen:
        return Path(os.path.expanduser(chosen))  # Path.expanduser raises where there is no home
    try:
        return _user_cache_directory() / "fastperceptron"
    except (RuntimeError, KeyError):  # no HOME, and the system does not know the user
        return Path(tempfile.gettempdir()) / f"fastperceptron-{_user()}"


def _user_cache_directory() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0


@functools.cache
def generation() -> str:
    """Return a name of this very source of the kernels, Python, Numba, llvmlite and NumPy."""
    versions = sys.version, __version__, numba.__version__, llvmlite.__version__, np.__version__
    digest, folder = hashlib.sha256(repr(versions).encode()), Path(__file__).parent
    # In a zip file there is no such folder. Where modules come from elsewhere still, none is found.
    sources = list(_sources(folder if folder.is_dir() else importlib.resources.files(__package__)))
    if not sources:
        raise FileNotFoundError("the kernels' sources are not known, so that code compiled of others could be loaded.")
    for name, content in sources:
        digest.update(name.encode() + b"\0" + content + b"\0")
    return f"{__version__}-{digest.hexdigest()[:20]}"


def _sources(folder: Any, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of all modules in a folder: sources, or the bytecode that is imported without them."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".pyc")):
            yield prefix + entry.name, entry.read_bytes()


def _read_private(path: Path) -> bytes:
    """Return a file's content; raise OSError unless file and folder are this user's, and nobody else may write there.

    Both are examined as they were opened: what is at a path may be another file a moment later.
    """
    if os.name != "posix":
        return path.read_bytes()  # the user's folders are not shared there, and modes say nothing
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        _check_private(folder, path.parent)
        with open(os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
            _check_private(file.fileno(), path)
            return file.read()
    finally:
        os.close(folder)


def _check_private(descriptor: int, path: Path) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != _user() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        _warn_once(f"others may write to {os.fspath(path)!r}: compiled kernels are not loaded from there.")
        raise PermissionError(os.fspath(path))


@functools.cache
def _warn_once(message: str) -> None:
    logging.getLogger("fastperceptron").warning(message)


def _make_private(folder: Path) -> None:
    """Make a folder, and its parents where they are missing, for this user only."""
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def name_by_closure(function: Any) -> None:
    """Add to a function's qualified name what its closure captured: other kernels, by name, and plain constants.

    Numba names machine code by qualified name and a number that counts from 0 in each process. So kernels of one name,
    compiled for two losses in two processes, could have one symbol; a third process, loading both, ran one for both.
    """
    captured = [cell.cell_contents for cell in function.__closure__ or ()]
    if captured:
        names = [getattr(value, "py_func", value) for value in captured]
        parts = [f"{name.__module__}.{name.__qualname__}" if callable(name) else repr(name) for name in names]
        function.__qualname__ += "_" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


class KernelCache(CacheProtocol):
    """The cache interface that a Numba dispatcher loads from before it compiles and saves to afterwards."""

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel

    @property
    def cache_path(self) -> str:
        """The directory, as Numba's own caches name it; empty if there is none."""
        try:
            return str(cache_directory())
        except OSError:
            return ""

    def _path(self, signature: Any, codegen: Any) -> Path:
        settings = [getattr(config, name, None) for name in _SETTINGS]
        function = self._kernel.py_func
        name = f"{function.__module__}.{function.__qualname__}"
        key = repr((name, str(signature), codegen.magic_tuple(), sorted(self._kernel.targetoptions.items()), settings))
        return cache_directory() / f"{self._kernel.__name__}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.kernel"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None where there is none that is whole."""
        target_context.refresh()  # numba loads what cached code links against; without it, a segmentation fault
        try:
            content = _read_private(self._path(sig, target_context.codegen()))
            payload = content[_CHECKSUM_SIZE:]
            if hashlib.sha256(payload).digest() != content[:_CHECKSUM_SIZE]:
                return None
            return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except Exception:  # whatever is wrong with a cache, compiling is right
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel for later processes, if the directory can be written."""
        try:
            if data.library.has_dynamic_globals:
                return
            payload = dumps(data._reduce())
            path = self._path(sig, data.codegen)
            _make_private(path.parent)
            write_atomically(path, hashlib.sha256(payload).digest() + payload, 0o600)
        except Exception:  # a kernel that cannot be kept is still compiled
            return

    def enable(self) -> None:
        """Do nothing: the cache is always on."""

    def disable(self) -> None:
        """Do nothing: the cache is always on."""

    def flush(self) -> None:
        """Do nothing: an entry never goes stale, its directory does."""


def attach_cache(kernel: Any) -> None:
    """Give a dispatcher our cache; a plain function (NUMBA_DISABLE_JIT=1) needs none."""
    if isinstance(kernel, Dispatcher) and hasattr(kernel, "_cache"):
        kernel._cache = KernelCache(kernel)
