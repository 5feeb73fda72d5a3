"""The benchmarks: `python -m bench` races fastperceptron against others, `pytest bench` times its parts."""
