"""Compiled loops: no checks, no allocation of outputs, no policy.

Importing a module of this floor loads numba, so the package imports them only where they are used.
"""
