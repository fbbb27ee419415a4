"""
Tests for L{osxmail.mail.threading}.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.threading import ALGORITHMS, RENDERED_AT_ONCE, ThreadKeys, Threads, rendered, threads

#: Message-ID, references, base subject, is it a reply, date.
Message = tuple[str, Sequence[str], str, bool, int]


def keysOf(messages: Sequence[Message]) -> ThreadKeys:
    return ThreadKeys(
        list(range(1, len(messages) + 1)),
        [each[4] for each in messages],
        [each[2] for each in messages],
        [each[3] for each in messages],
        [each[0] for each in messages],
        {index: each[1] for index, each in enumerate(messages) if each[1]},
    )


def written(found: Threads) -> str:
    return b"".join(rendered(found)).decode()


def shown(messages: Sequence[Message], algorithm: str = "REFERENCES") -> str:
    return written(threads(keysOf(messages), algorithm))


class OrderedSubjectTests(SynchronousTestCase):
    def test_orderedSubject(self) -> None:
        """
        RFC 5256 3: there are no grandchildren.
        """
        messages: list[Message] = [
            ("", (), "b", False, 50),
            ("", (), "a", False, 10),
            ("", (), "a", True, 30),
            ("", (), "b", True, 60),
            ("", (), "a", True, 20),
            ("", (), "", False, 70),
            ("", (), "", False, 65),
        ]
        self.assertEqual(shown(messages, "ORDEREDSUBJECT"), "(2 (5)(3))(1 4)(7 6)")
        self.assertEqual(shown([], "ORDEREDSUBJECT"), "")


class ReferencesTests(SynchronousTestCase):
    """
    RFC 5256 3, step by step.
    """

    def test_chain(self) -> None:
        self.assertEqual(
            shown([("a", (), "x", False, 1), ("b", ("a",), "x", True, 2), ("c", ("a", "b"), "x", True, 3)]), "(1 2 3)"
        )

    def test_fork(self) -> None:
        """
        RFC 5256 4: C{(3 6 (4 23)(44 7 96))}.
        """
        messages: list[Message] = [
            ("r", (), "x", False, 1),
            ("s", ("r",), "x", True, 2),
            ("a", ("r", "s"), "x", True, 3),
            ("b", ("r", "s"), "x", True, 4),
            ("aa", ("r", "s", "a"), "x", True, 5),
            ("bb", ("r", "s", "b"), "x", True, 6),
        ]
        self.assertEqual(shown(messages), "(1 2 (3 5)(4 6))")

    def test_missing(self) -> None:
        """
        Step 3: one that is missing is left out, unless it would leave several roots.
        """
        self.assertEqual(shown([("b", ("a",), "x", True, 1)]), "(1)")
        self.assertEqual(shown([("b", ("a",), "x", True, 2), ("c", ("a",), "x", True, 1)]), "((2)(1))")
        self.assertEqual(shown([("a", (), "x", False, 1), ("d", ("a", "b", "c"), "x", True, 2)]), "(1 2)")
        self.assertEqual(
            shown([("c", ("a", "b"), "x", True, 1), ("d", ("a", "b"), "x", True, 2), ("e", ("a",), "x", True, 3)]),
            "((1)(2)(3))",
        )

    def test_ownReferencesCount(self) -> None:
        """
        Step 1 B: what a message says about itself wins over what others say about it.
        """
        messages: list[Message] = [
            ("a", (), "x", False, 1),
            ("b", (), "y", False, 2),
            ("d", ("b", "c"), "x", True, 3),
            ("c", ("a",), "x", True, 4),
        ]
        self.assertEqual(shown(messages, "REFS"), "(2)(1 4 3)")

    def test_othersReferences(self) -> None:
        """
        Step 1 A: who says nothing is put where a later one says.
        """
        self.assertEqual(
            shown([("a", (), "", False, 1), ("b", (), "", False, 2), ("c", ("a", "b"), "", False, 3)]), "(1 2 3)"
        )
        self.assertEqual(
            shown([("a", (), "", False, 1), ("c", ("a", "b"), "", False, 3), ("b", (), "", False, 2)]), "(1)(3 2)"
        )

    def test_loops(self) -> None:
        self.assertEqual(shown([("a", ("a",), "", False, 1)]), "(1)")
        self.assertEqual(shown([("a", ("b",), "", False, 1), ("b", ("a",), "", False, 2)]), "(2 1)")
        self.assertEqual(shown([("a", ("b", "a", "b"), "", False, 1)]), "(1)")

    def test_sameIdentifier(self) -> None:
        self.assertEqual(
            shown([("a", (), "", False, 1), ("a", (), "", False, 2), ("b", ("a",), "", False, 3)]), "(1 3)(2)"
        )

    def test_dates(self) -> None:
        """
        Steps 4 and 6: siblings by date, then by sequence number; a missing root by its first child.
        """
        messages: list[Message] = [
            ("a", (), "", False, 9),
            ("b", (), "", False, 5),
            ("c", ("x",), "", False, 8),
            ("d", ("x",), "", False, 1),
            ("e", ("b",), "", False, 7),
            ("f", ("b",), "", False, 6),
            ("g", (), "", False, 5),
        ]
        self.assertEqual(shown(messages), "((4)(3))(2 (6)(5))(7)(1)")

    def test_subjects(self) -> None:
        """
        Step 5.
        """
        # A reply without references goes under the one that is no reply, whichever comes first.
        self.assertEqual(shown([("a", (), "x", False, 1), ("b", (), "x", True, 2)]), "(1 2)")
        self.assertEqual(shown([("b", (), "x", True, 1), ("a", (), "x", False, 2)]), "(2 1)")
        # Two that are no replies are siblings.
        self.assertEqual(
            shown([("a", (), "x", False, 1), ("b", (), "x", False, 2), ("c", (), "x", False, 3)]), "((1)(2)(3))"
        )
        self.assertEqual(shown([("a", (), "x", True, 2), ("b", (), "x", True, 1)]), "((2)(1))")
        # A missing root is preferred, and takes all others.
        messages: list[Message] = [
            ("a", (), "x", False, 1),
            ("b", ("q",), "x", True, 2),
            ("c", ("q",), "x", True, 3),
            ("d", ("r",), "x", True, 4),
            ("e", ("r",), "x", True, 5),
        ]
        self.assertEqual(shown(messages), "((1)(2)(3)(4)(5))")
        # No subject joins nothing, nor does REFS.
        self.assertEqual(shown([("a", (), "", False, 1), ("b", (), "", True, 2)]), "(1)(2)")
        self.assertEqual(shown([("a", (), "x", False, 1), ("b", (), "x", True, 2)], "REFS"), "(1)(2)")

    def test_latest(self) -> None:
        """
        REFS: the thread with the most recent message is the last.
        """
        messages: list[Message] = [
            ("a", (), "", False, 1),
            ("b", (), "", False, 2),
            ("c", ("b",), "", False, 3),
            ("d", ("a",), "", False, 9),
            ("e", ("x",), "", False, 4),
            ("f", ("x",), "", False, 5),
        ]
        self.assertEqual(shown(messages, "REFS"), "(2 3)((5)(6))(1 4)")

    def test_deep(self) -> None:
        """
        No recursion, and no time in the square of the depth.
        """
        count = 30_000
        messages: list[Message] = [("0", (), "x", False, 0)]
        messages += [(str(n), (str(n - 1),), "x", True, n) for n in range(1, count)]
        for algorithm in ("REFERENCES", "REFS"):
            found = threads(keysOf(messages), algorithm)
            self.assertEqual(list(found.depths), list(range(count)))
            self.assertEqual(len([piece for piece in rendered(found) if piece]), count // RENDERED_AT_ONCE + 1)
        # Answers before what they answer: there may be loops, and that is looked for so far and no farther.
        messages.reverse()
        found = threads(keysOf(messages), "REFS")
        self.assertEqual(sorted(found.uids), list(range(1, count + 1)))


class RenderedTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        found = threads(keysOf([("a", (), "x", False, 1), ("b", ("a",), "x", True, 2)]), "REFS")
        self.assertEqual(b"".join(rendered(found, lambda uid: uid * 10)), b"(10 20)")

    def test_pieces(self) -> None:
        """
        Many threads come in pieces too.
        """
        count = 5 * RENDERED_AT_ONCE
        messages: list[Message] = [(str(number), (), "", False, number) for number in range(count)]
        found = threads(keysOf(messages), "REFS")
        pieces = [piece for piece in rendered(found) if piece]
        self.assertEqual(len(pieces), 5)
        self.assertEqual(b"".join(pieces), b"".join(b"(%d)" % (number + 1) for number in range(count)))
        forked = Threads(array("I", [1, 2, 3] * 1_000), array("I", [0, 1, 1] * 1_000))
        pieces = [piece for piece in rendered(forked) if piece]
        self.assertLessEqual(len(pieces), 4)
        self.assertEqual(b"".join(pieces), b"(1 (2)(3))" * 1_000)

    def test_unknown(self) -> None:
        self.assertRaises(ValueError, threads, keysOf([]), "GUESS")


NAMES = st.sampled_from("abcdef")
MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["", *"abcdef"]),
        st.lists(NAMES, max_size=4),
        st.sampled_from(["", "x", "y"]),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=12,
)


class AnyTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=500)
    @given(MESSAGES)
    def test_any(self, messages: list[Message]) -> None:
        """
        Every message is in exactly one thread, depths grow by one, and what is written can be read.
        """
        for algorithm in ALGORITHMS:
            found = threads(keysOf(messages), algorithm)
            self.assertEqual(sorted(uid for uid in found.uids if uid), list(range(1, len(messages) + 1)))
            above = -1
            for uid, depth in zip(found.uids, found.depths, strict=True):
                self.assertLessEqual(depth, above + 1)
                self.assertTrue(uid or not depth)
                above = depth
            self.assertEqual(parsed(written(found)), list(zip(found.uids, found.depths, strict=True)))


def parsed(text: str) -> list[tuple[int, int]]:
    """
    RFC 5256 5: thread-list, back to messages and depths.
    """
    out: list[tuple[int, int]] = []
    at = 0

    def thread(depth: int) -> None:
        nonlocal at
        assert text[at] == "("
        at += 1
        if text[at] == "(":
            # A nested thread has two parts at least.
            out.append((0, depth))
            assert nested(depth + 1) > 1
        else:
            while True:
                start = at
                while text[at].isdigit():
                    at += 1
                out.append((int(text[start:at]), depth))
                depth += 1
                if text[at] == ")":
                    break
                assert text[at] == " "
                at += 1
                if text[at] == "(":
                    assert nested(depth) > 1
                    break
        assert text[at] == ")"
        at += 1

    def nested(depth: int) -> int:
        count = 0
        while text[at] == "(":
            thread(depth)
            count += 1
        return count

    while at < len(text):
        thread(0)
    return out
