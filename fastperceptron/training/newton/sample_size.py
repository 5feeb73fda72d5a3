"""How many rows the sample has, and whether its Hessian is worth its price: functions of the sizes alone."""

# Multiply-adds of a Hessian of all rows that are cheaper than sampling, and what else a row costs, in multiply-adds.
SMALL_WORK, WORK_PER_ROW = 1 << 23, 350
# Parameters beyond which a sample's Hessian costs more than more rows gain; twice as many, until there are plenty of
# rows per parameter: with 48, reads gained too little on tables of rare columns (12 reads instead of 8).
WIDE, PLENTY_PER_PARAMETER = 32, 60
# Sampled rows per square root of (rows times parameters). With 4, easy tables of a million rows took 0.96 to 0.99 of
# the time, heavy-tailed, rare-class and correlated ones 1.2 to 2 times as long (4 and 6 reads instead of 3 and 4).
SHARE_OF_ROOT = 5
# Elements of a sample at most: 32 MB standardised, unless 20 rows per parameter are more.
MAXIMUM_ELEMENTS = 1 << 22
# Multiply-adds of a Hessian that are always affordable: 10 ms.
SMALL_HESSIAN = 1 << 27
# A Hessian of m rows takes as long as a read of n rows where m * d = 13 n (measured).
HESSIAN_PRICE = 13
FEWEST_ROWS_PER_PARAMETER = 4
# Rows per column of a softmax layer's sample, where that is made use of by the matrix of columns alone.
KRONECKER_ROWS = 8
# Parameters of a softmax layer beyond which its Hessian takes too much time and memory (18 MB).
MOST_PARAMETERS = 1500
CHEAPEST_READS = 2


def sample_size(n_rows: int, n_features: int, n_vectors: int = 1) -> int:
    """Return how many rows to sample: enough that the Hessian is right to a few percent, at the price of half a read.

    Where Newton's method on all rows takes a few milliseconds, it is all rows.

    Examples
    --------
    >>> sample_size(1_000_000, 20), sample_size(150, 4)
    (22910, 150)
    """
    n_parameters = n_features + 1
    if n_rows * (WORK_PER_ROW * n_vectors + pairs_of(n_vectors) * n_parameters**2) <= SMALL_WORK:
        return n_rows
    roots = (int((n_rows * min(n_parameters, wide)) ** 0.5) for wide in (WIDE, 2 * WIDE))
    usual, twice_as_wide = (SHARE_OF_ROOT * root for root in roots)
    wanted = max(20 * n_parameters, usual, min(twice_as_wide, PLENTY_PER_PARAMETER * n_parameters))
    return min(n_rows, wanted, max(MAXIMUM_ELEMENTS // n_parameters, 20 * n_parameters))


def hessian_rows(n_rows: int, n_features: int, n_vectors: int = 1, read_width: float | None = None) -> int:
    """Return how many rows to take the first Hessian of, or 0 where the exact diagonal has to do.

    As many as `sample_size` returns, unless they cost more than two reads of all rows. Then as many as that buys, if
    they are four per parameter: fewer say too little about too many directions, and L-BFGS does better from the
    diagonal. `read_width` is how many columns a dense row would have that takes as long to read: `n_features`, or
    fewer, of sparse rows.

    Examples
    --------
    >>> hessian_rows(200_000, 100), hessian_rows(100_000, 500), hessian_rows(20_000, 2000)
    (12645, 5189, 0)
    >>> hessian_rows(100_000, 500, read_width=30.0)
    0
    """
    wanted, n_parameters = sample_size(n_rows, n_features, n_vectors), n_features + 1
    if n_vectors > 1 and n_vectors * n_parameters > MOST_PARAMETERS:
        return 0
    work = pairs_of(n_vectors) * wanted * n_parameters**2 // 2 + (n_vectors * n_parameters) ** 3 // 6
    if work <= SMALL_HESSIAN * n_vectors:
        return wanted
    read_share = 1.0 if read_width is None else read_width / n_features
    affordable = int(HESSIAN_PRICE * CHEAPEST_READS * n_rows * read_share)
    allowed = min(wanted, affordable * n_vectors // (pairs_of(n_vectors) * n_parameters))
    return allowed if allowed >= FEWEST_ROWS_PER_PARAMETER * n_parameters else 0


def pairs_of(n_vectors: int) -> int:
    """Return how many blocks of columns a Hessian of a softmax layer has; 1 for one neuron."""
    return n_vectors * (n_vectors + 1) // 2


def gradient_rows(n_rows: int, n_features: int, n_vectors: int = 1) -> int:
    """Return how many rows to sample where no Hessian is taken: only gradients, which few rows are enough for."""
    return min(sample_size(n_rows, n_features), (4 if n_vectors == 1 else KRONECKER_ROWS) * n_features)
