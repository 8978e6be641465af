"""How long memory that is no longer used is kept before it is looked for, and before the machine has it back."""

from __future__ import annotations

import ctypes
import gc
import os
import sys

_OF_POLARS = "_RJEM_MALLOC_CONF"
"""What jemalloc, which Polars holds its columns with, is to be told when it is loaded."""
_SECONDS = 5
"""So long as a large day needs for a step. Polars' own half a second gives memory back that the next step has anew."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE = 32 << 20
"""The largest block that the C library may be told to take from what it keeps."""
_KEPT = 64 << 20


def keep_longer() -> None:
    """Have this process keep what it will soon use again; to be called before Polars is imported.

    Python looks for circles of dead objects by the ten thousand instead of by the hundred: what is imported stays, and
    to look through all of it again and again is a sixth of what importing costs. Polars keeps memory for some seconds,
    and gives it back beside the work; the C library keeps a little for good. To have it anew from the machine, page by
    page, took 5 to 9 % of the CPU seconds of a large day. Whoever set Polars' own variable is heard; processes that
    this one starts have it, too.
    """
    gc.set_threshold(50_000, 25, 50)
    if sys.platform != "linux":
        return
    os.environ.setdefault(_OF_POLARS, f"background_thread:true,dirty_decay_ms:{_SECONDS * 1000}")
    choose = getattr(ctypes.CDLL(None), "mallopt", None)
    if choose is not None:  # of the GNU library alone
        choose(_M_MMAP_THRESHOLD, _LARGE)
        choose(_M_TRIM_THRESHOLD, _KEPT)
