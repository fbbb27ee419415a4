"""
What a server's processes cost: CPU time and memory of whole trees, from C{/proc}.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")


def tree(roots: Iterable[int]) -> set[int]:
    """
    These processes and all below them.
    """
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    seen: set[int] = set()
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in seen and (_PROC / str(pid)).exists():
            seen.add(pid)
            todo += children.get(pid, [])
    return seen


def cpuSeconds(roots: Iterable[int]) -> float:
    """
    CPU time of all threads of the trees, to the nanosecond; what ended processes had is not in it.
    """
    total = 0
    for pid in tree(roots):
        for task in (_PROC / str(pid) / "task").glob("*"):
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (OSError, IndexError):
                continue
    return total / 1e9


def memoryOctets(roots: Iterable[int], kind: str = "Pss") -> int:
    """
    Proportional set size (or C{Rss}, C{Private_Dirty} …) of the trees.
    """
    total = 0
    for pid in tree(roots):
        try:
            lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(kind + ":"))
    return total


def settle(roots: Iterable[int], quietSeconds: float = 0.3, atMostSeconds: float = 300) -> None:
    """
    Wait until the trees have had next to nothing to do for a while: what runs in the background after one measure is
    not to burden the next one.
    """
    deadline = time.monotonic() + atMostSeconds
    quiet = 0
    before = cpuSeconds(roots)
    while quiet < quietSeconds * 10 and time.monotonic() < deadline:
        time.sleep(0.1)
        after = cpuSeconds(roots)
        quiet = quiet + 1 if after - before < 0.01 else 0
        before = after


def settledMemory(roots: Iterable[int], leastSeconds: float) -> int:
    """
    Memory, once it has stayed within 1 % for two seconds.
    """
    time.sleep(leastSeconds)
    before = memoryOctets(roots)
    for _ in range(20):
        time.sleep(2)
        after = memoryOctets(roots)
        if abs(after - before) < before / 100:
            break
        before = after
    return after
