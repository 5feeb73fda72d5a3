"""Minima of functions of a few values: damped Newton and L-BFGS. Nothing here knows where rows are stored."""
