"""Loops of a scalar kernel over contiguous 1-d arrays into `out`: the middle tier between scalars and array functions.

Each loop is compiled for its scalar, which LLVM inlines and vectorises.
"""

import functools

from fastperceptron.kernels.jit import jit


@functools.cache
def loop_over_one(scalar):
    """Return the kernel loop(x, out) that writes scalar(x[i]) to out[i]."""

    @jit
    def loop(x, out):
        for i in range(x.size):
            out[i] = scalar(x[i])

    return loop


@functools.cache
def loop_over_two(scalar):
    """Return the kernel loop(x, y, out) that writes scalar(x[i], y[i]) to out[i]."""

    @jit
    def loop(x, y, out):
        for i in range(x.size):
            out[i] = scalar(x[i], y[i])

    return loop
