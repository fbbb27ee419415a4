# -*- test-case-name: tests.unit.app.test_memory -*-
"""
How the C library keeps memory.
"""

from __future__ import annotations

import ctypes

_M_ARENA_MAX = -8  # of <malloc.h>
ARENAS = 2


def shareArenas() -> None:
    """
    The threads of the store share two heaps.  glibc gives every thread its own, up to eight for a core, and none gives
    back what it had at its most: a fifth of the server's memory.  Elsewhere than with glibc: nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_M_ARENA_MAX, ARENAS)
