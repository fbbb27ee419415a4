"""
What was measured: lines with their goals, samples of one server or of two, and the tables made of them.
"""

from __future__ import annotations

import json
import multiprocessing
import re
import statistics
from pathlib import Path

from attrs import define, field, frozen

from bench.clients import Server


@frozen
class Line:
    """
    One line of a table.

    @ivar unit: C{"s"} is shown as s, ms or µs.
    @ivar ratio: the goal for ours divided by theirs; the most, or the least where C{isMore}.
    @ivar goal: the goal for ours alone, in the unit.
    @ivar isMore: more is better.
    """

    section: str
    name: str
    unit: str = "s"
    ratio: float | None = None
    goal: float | None = None
    isMore: bool = False


@define
class Samples:
    values: dict[str, list[float]] = field(factory=dict)
    cpu: dict[str, list[float]] = field(factory=dict)


@frozen
class Bench:
    """
    The servers under test, the first of them ours, and what was measured on them.

    @ivar rounds: how often each line is measured.
    @ivar sizes: mailboxes of so many messages.
    """

    servers: tuple[Server, ...]
    rounds: int
    sizes: tuple[int, ...]
    lines: dict[Line, Samples] = field(factory=dict)

    def record(self, line: Line, server: Server, value: float, cpuSeconds: float | None = None) -> None:
        samples = self.lines.setdefault(line, Samples())
        samples.values.setdefault(server.name, []).append(value)
        if cpuSeconds is not None and server.pids:
            samples.cpu.setdefault(server.name, []).append(cpuSeconds)

    def rows(self) -> list[Row]:
        """
        A row for each line, by section: mailboxes first, else in the order in which they were measured.
        """
        first, last = self.servers[0].name, self.servers[-1].name
        isPair = len(self.servers) > 1
        rows = []
        sections = sorted(dict.fromkeys(line.section for line in self.lines), key=lambda each: "mailbox of" not in each)
        ordered = sorted(self.lines, key=lambda line: sections.index(line.section))
        for line in ordered:
            samples = self.lines[line]
            theirs = (_median(samples.values.get(last)), _median(samples.cpu.get(last))) if isPair else (None, None)
            rows.append(
                Row(line, _median(samples.values.get(first)), theirs[0], _median(samples.cpu.get(first)), theirs[1])
            )
        return rows


def _median(values: list[float] | None) -> float | None:
    return statistics.median(values) if values else None


@frozen
class Row:
    """
    A line's medians: of ours and, C{None} where there is none, of theirs.
    """

    line: Line
    ours: float | None
    theirs: float | None
    oursCPU: float | None
    theirsCPU: float | None

    @property
    def ratio(self) -> float | None:
        if self.ours is None or not self.theirs:
            return None
        return self.ours / self.theirs

    def goalText(self) -> str:
        sign = "≥" if self.line.isMore else "≤"
        if self.line.ratio is not None:
            return f"{sign} {self.line.ratio:g} ×"
        if self.line.goal is not None:
            return f"{sign} {shown(self.line.goal, self.line.unit)}"
        return ""

    def verdict(self) -> str:
        """
        C{"reached"}, C{"missed by 12 %"}, or nothing where there is no goal, or nothing to compare with.
        """
        for value, goal in ((self.ratio, self.line.ratio), (self.ours, self.line.goal)):
            if value is not None and goal is not None:
                by = goal / value - 1 if self.line.isMore else value / goal - 1
                return "reached" if by <= 0 else f"**missed by {by * 100:.0f} %**"
        return ""


def shown(value: float | None, unit: str) -> str:
    """
    A number as people read it.
    """
    if value is None:
        return "–"
    if unit == "s":
        for limit, factor, name in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
            if value < limit:
                return f"{value * factor:.3g} {name}" if value * factor < 100 else f"{value * factor:.0f} {name}"
    return f"{value:.3g} {unit}" if value < 100 else f"{value:,.0f} {unit}"


def machine() -> str:
    """
    What these numbers were measured on.
    """
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', Path("/etc/os-release").read_text())
    return (
        f"{multiprocessing.cpu_count()} cores ({model.group(1) if model else 'unknown'}), "
        f"{int(memory.group(1)) / 2**20 if memory else 0:.0f} GB of memory, {system.group(1) if system else 'Linux'}"
    )


def asJSON(bench: Bench) -> str:
    rows = [
        {
            "section": row.line.section, "name": row.line.name, "unit": row.line.unit, "ours": row.ours,
            "theirs": row.theirs, "ratio": row.ratio, "goal": row.goalText(), "verdict": row.verdict(),
            "cpu": [row.oursCPU, row.theirsCPU], "samples": bench.lines[row.line].values,
        }
        for row in bench.rows()
    ]  # fmt: skip
    return json.dumps(rows, indent=2, ensure_ascii=False)


def asMarkdown(bench: Bench, about: str) -> str:
    """
    Tables, one for each section.

    @param about: what is said before them.
    """
    ours, theirs = (server.name for server in bench.servers)
    parts = [about]
    section = ""
    for row in bench.rows():
        if row.line.section != section:
            section = row.line.section
            parts.append(f"\n### {section}\n\n| | {ours} | {theirs} | ratio | goal | |\n|---|--:|--:|--:|--:|---|")
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}" if row.ratio >= 0.095 else f"{row.ratio:.3f}"
        name = row.line.name.replace("|", "\\|")
        parts.append(
            f"| {name} | {shown(row.ours, row.line.unit)} | {shown(row.theirs, row.line.unit)} | {ratio} "
            f"| {row.goalText()} | {row.verdict()} |"
        )
    return "\n".join(parts) + "\n"


BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write(path: Path, text: str) -> None:
    """
    Put C{text} between the marks of a document.

    @raise ValueError: it has no marks.
    """
    document = path.read_text()
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no marks")
    path.write_text(f"{head}{BEGIN}\n{text}{END}{tail}")
