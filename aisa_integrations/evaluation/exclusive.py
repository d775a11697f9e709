"""A file for one process at a time, by the operating system's own lock: it ends with its holder, however that ends."""

from __future__ import annotations

import sys

# Far behind any content: what is locked on Windows can't be read by others.
_FAR = 1 << 62


class Busy(Exception):
    """Tell that somebody else holds the file."""


if sys.platform == "win32":
    import msvcrt
    import os

    def hold(fd: int) -> None:
        """Hold an open file until it is closed.

        Raises:
            Busy: somebody else holds it.
        """
        os.lseek(fd, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise Busy from None
else:
    import fcntl

    def hold(fd: int) -> None:
        """Hold an open file until it is closed.

        Raises:
            Busy: somebody else holds it.
        """
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy from None
