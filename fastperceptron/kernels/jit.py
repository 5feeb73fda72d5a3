"""The one definition of how kernels are compiled: strictly, without the GIL, and kept on disk by our own cache.

Under NUMBA_DISABLE_JIT=1 kernels and intrinsics run as plain Python, which is how their coverage is measured.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit
from numba.core import config
from numba.core.cpu import CPUTargetOptions
from numba.extending import intrinsic as numba_intrinsic

from fastperceptron.kernels.cache import attach_cache, name_by_closure

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def jit(function: Kernel) -> Kernel:
    """Compile a kernel at its first call, or load what an earlier process compiled.

    No fastmath flag: each lets LLVM choose the rounding by CPU ('contract') or undo exact steps ('reassoc').
    error_model="numpy" because Python's keeps every division scalar: 4.2 against 0.9 ns per sigmoid.
    _nrt=False because kernels allocate nothing, and so need no reference counts, which are atomic and change with every
    view: batches of 10 rows of 20 values took 22 instead of 49 ns per row. Array expressions do not compile with it.
    no_cfunc_wrapper=True because kernels are not called from C: compiling takes a tenth less time.
    """
    return _compiled(function, "never")


def inlined(function: Kernel) -> Kernel:
    """Make a function part of the kernels that call it, before they are compiled: for those that one or two call.

    With `jit`, Numba would compile it by itself as well, with its own wrapper for Python.
    """
    return _compiled(function, "always")


def _compiled(function: Kernel, inline: str) -> Kernel:
    name_by_closure(function)
    # Two of them are not in Numba's documentation: without them, kernels are only slower and slower to compile.
    private = {"_nrt": False, "no_cfunc_wrapper": True}
    known = {name: value for name, value in private.items() if hasattr(CPUTargetOptions, name)}
    options: dict[str, Any] = {"inline": inline, **known}
    kernel: Kernel = njit(nogil=True, error_model="numpy", **options)(function)
    attach_cache(kernel)
    return kernel


def intrinsic(python_body: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a generator of LLVM code callable from kernels, with the Python function that stands in for it.

    Numba's own way to have both, `overload`, compiles a wrapper for each use: it took half of all compile time.
    """

    def decorate(typing_function: Callable[..., Any]) -> Callable[..., Any]:
        is_disabled = bool(getattr(config, "DISABLE_JIT", False))  # set by Numba when it reads the environment
        return python_body if is_disabled else numba_intrinsic(typing_function)

    return decorate
