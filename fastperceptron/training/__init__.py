"""Policy: which rows come when, how far to go, what to record. The arithmetic is in kernels/."""
