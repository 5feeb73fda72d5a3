"""Planted violations of the laws of data and checkpoints, for test_violations.py: the fields of a `Violation` each."""

VIOLATIONS = [
    (
        "rows that depend on where reading began",
        "data/generated.py",
        "begin = places.start * width - first * piece",
        "begin = 0",
        "data/test_synthetic.py::test_rows_are_the_same_for_any_chunking",
    ),
    (
        "classes in the order in which they came",
        "data/running_labels.py",
        "return classes, places.astype(np.uint8), counts",
        "return classes, np.arange(classes.size, dtype=np.uint8), counts",
        "data/test_holdout.py::test_classes_are_sorted_whatever_came_first",
    ),
    (
        "a part that counts rows anew in each block",
        "data/holdout.py",
        "            first += len(block.X)\n",
        "",
        "data/test_holdout.py::test_parts_are_the_same_for_any_chunking_and_together_all_rows",
    ),
    (
        "a changed file read on",
        "data/readers.py",
        "if before != now:",
        "if before is None:",
        "data/test_bad_sources.py::test_a_file_that_changes_is_noticed",
    ),
    (
        "nulls read as numbers",
        "data/columns.py",
        "if column.null_count:",
        "if column.null_count < 0:",
        "data/test_bad_sources.py::test_what_is_wrong_is_said_and_nothing_is_left[null label]",
    ),
    (
        "incomplete sums begun anew",
        "training/reads.py",
        '    total[:], moments[:] = answer["total"], answer["moments"]\n',
        "",
        "training/test_checkpoint.py::test_a_fit_that_is_interrupted_goes_on_without_reading_again[1-options0]",
        True,
    ),
]
