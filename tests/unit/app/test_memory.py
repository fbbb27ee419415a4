"""
Tests for L{osxmail.app.memory}.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from osxmail.app.memory import ARENAS

_THREADS = """
import ctypes, threading
from osxmail.app.memory import shareArenas
if {shared}:
    shareArenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
meeting = threading.Barrier(9)
def allocate():
    meeting.wait()
    for _ in range(200):
        libc.malloc(100_000)
    meeting.wait()
for _ in range(8):
    threading.Thread(target=allocate, daemon=True).start()
meeting.wait()
meeting.wait()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


class ArenaTests(SynchronousTestCase):
    if platform.libc_ver()[0] != "glibc":
        skip = "the C library is not glibc"

    def heaps(self, shared: bool) -> int:
        done = subprocess.run([sys.executable, "-c", _THREADS.format(shared=shared)], capture_output=True, check=True)
        return len(re.findall(rb"<heap nr=", done.stdout))

    def test_eightThreads(self) -> None:
        self.assertGreater(self.heaps(False), ARENAS)
        self.assertLessEqual(self.heaps(True), ARENAS)
