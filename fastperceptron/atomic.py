"""Files that are whole at every instant: the old content or the new, never a part of either."""

import contextlib
import os
import secrets
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the file at `path` by `content`, or leave the old one untouched and raise OSError.

    Written to a temporary file beside it, flushed to the disk, then renamed over it (POSIX rename is atomic).
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        # Not tempfile: its files are for the owner's eyes only, and a saved model has the usual permissions.
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
