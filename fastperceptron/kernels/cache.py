"""Compiled kernels kept on disk: one checksummed file per kernel, signature, CPU and options.

Numba's cache=True misses edits in another file and changed flags, mixes entries when two processes compile at once
(numba #4807), raises on a truncated file (#10434) and where no directory is writable. Here the directory is named by
a hash of all kernel sources and versions, files are replaced atomically, and any failure means: compile.
The hook (`Dispatcher._cache`) is private to Numba, so it is guarded: without it, kernels compile in each process.
"""

import functools
import hashlib
import os
import pickle
import sys
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
    return cache_root() / _generation()


def cache_root() -> Path:
    """Return the directory for files kept on disk: $FASTPERCEPTRON_CACHE_DIR, or one in the user's cache directory."""
    chosen = os.environ.get("FASTPERCEPTRON_CACHE_DIR")
    return Path(chosen or _user_cache_directory() / "fastperceptron")


def _user_cache_directory() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@functools.cache
def _generation() -> str:
    versions = sys.version, __version__, numba.__version__, llvmlite.__version__, np.__version__
    digest, kernels = hashlib.sha256(repr(versions).encode()), Path(__file__).parent
    for source in sorted(kernels.rglob("*.py")):
        digest.update(source.relative_to(kernels).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()[:20]


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
        """The directory, as Numba's own caches name it."""
        return str(cache_directory())

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
            content = self._path(sig, target_context.codegen()).read_bytes()
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
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(path, hashlib.sha256(payload).digest() + payload)
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
