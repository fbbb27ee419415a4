"""
Tests for L{bench.results} and L{bench.corpus}: a table that flatters is worse than none.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench import corpus
from bench.clients import Server
from bench.results import Bench, Line, asMarkdown, shown, write

OURS, THEIRS = Server("ours"), Server("theirs")


def benchOf(line: Line, ours: list[float], theirs: list[float]) -> Bench:
    bench = Bench((OURS, THEIRS), 3, (10,))
    for server, values in ((OURS, ours), (THEIRS, theirs)):
        for value in values:
            bench.record(line, server, value)
    return bench


class RowTests(SynchronousTestCase):
    def test_medianAndRatio(self) -> None:
        (row,) = benchOf(Line("a", "b", ratio=0.5), [9.0, 1.0, 2.0], [4.0, 4.0, 40.0]).rows()
        self.assertEqual((row.ours, row.theirs, row.ratio), (2.0, 4.0, 0.5))
        self.assertEqual(row.verdict(), "reached")

    def test_missed(self) -> None:
        (row,) = benchOf(Line("a", "b", ratio=0.5), [3.0], [4.0]).rows()
        self.assertEqual(row.verdict(), "**missed by 50 %**")

    def test_moreIsBetter(self) -> None:
        (row,) = benchOf(Line("a", "b", "/s", ratio=2, isMore=True), [100.0], [100.0]).rows()
        self.assertEqual((row.goalText(), row.verdict()), ("≥ 2 ×", "**missed by 100 %**"))
        (row,) = benchOf(Line("a", "b", "/s", ratio=2, isMore=True), [201.0], [100.0]).rows()
        self.assertEqual(row.verdict(), "reached")

    def test_goalOfOurs(self) -> None:
        (row,) = benchOf(Line("a", "b", goal=0.01), [0.02], [0.5]).rows()
        self.assertEqual((row.goalText(), row.verdict()), ("≤ 10 ms", "**missed by 100 %**"))

    def test_nothingToCompareWith(self) -> None:
        """
        A line that the other server does not know has no ratio, and no verdict.
        """
        (row,) = benchOf(Line("a", "b", ratio=0.5), [3.0], []).rows()
        self.assertEqual((row.ratio, row.verdict()), (None, ""))

    def test_sections(self) -> None:
        """
        A section is one table, whatever came in between; mailboxes come first.
        """
        bench = benchOf(Line("Sessions", "idle"), [1.0], [1.0])
        for section, name in (("A mailbox of 5 messages", "SELECT"), ("Sessions", "append")):
            bench.record(Line(section, name), OURS, 1.0)
        self.assertEqual([row.line.name for row in bench.rows()], ["SELECT", "idle", "append"])

    def test_shown(self) -> None:
        self.assertEqual(
            [shown(value, "s") for value in (0.0000123, 0.00123, 0.234, 2.5, None)],
            ["12.3 µs", "1.23 ms", "234 ms", "2.5 s", "–"],
        )


class DocumentTests(SynchronousTestCase):
    def test_write(self) -> None:
        path = Path(self.mktemp())
        path.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
        write(path, asMarkdown(benchOf(Line("Some", "FETCH", ratio=0.5), [1.0], [4.0]), "About.\n"))
        text = path.read_text()
        self.assertIn("| FETCH | 1 s | 4 s | 0.25 | ≤ 0.5 × | reached |", text)
        self.assertTrue(text.startswith("before\n") and text.endswith("after\n"))
        self.assertNotIn("old", text)

    def test_noMarks(self) -> None:
        path = Path(self.mktemp())
        path.write_text("nothing\n")
        self.assertRaises(ValueError, write, path, "x")


class CorpusTests(SynchronousTestCase):
    def test_soundMail(self) -> None:
        """
        Every message is one without defects; bare newlines, lines that are too long or start with a dot do not occur.
        """
        total = 0
        for number in range(400):
            data = corpus.mail(number)
            total += len(data)
            lines = data.split(b"\r\n")
            self.assertFalse([line for line in lines if b"\n" in line or line.startswith(b".") or len(line) > 998])
            parsed = message_from_bytes(data, policy=policy.default)
            self.assertEqual([part.defects for part in parsed.walk() if part.defects], [])
        self.assertTrue(4000 < total / 400 < 6000, total)

    def test_howOften(self) -> None:
        mails = [corpus.mail(number).decode().lower() for number in range(2000)]
        having = {
            word: sum(word in mail for mail in mails)
            for word in (
                corpus.RARE_PERSON,
                corpus.FREQUENT_PERSON,
                corpus.RARE_WORD,
                corpus.FREQUENT_WORD,
                corpus.ABSENT_WORD,
            )
        }
        self.assertEqual(list(having.values()), [2, 250, 2, 1000, 0])

    def test_sameAgain(self) -> None:
        self.assertEqual(corpus.mail(77), corpus.mail(77))
        self.assertNotEqual(corpus.mail(77), corpus.mail(78))
