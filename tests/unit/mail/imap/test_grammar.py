"""
Tests of L{osxmail.mail.imap.grammar}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap import command as c
from osxmail.mail.imap.fetchattributes import FetchItems
from osxmail.mail.imap.grammar import _GRAMMAR, MAX_ID_PAIRS, MAX_OPTIONS, parseCommand
from osxmail.mail.imap.listgrammar import MAX_PATTERNS
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor
from osxmail.mail.sequenceset import SequenceSet

ONE = SequenceSet(((1, 1),))


def parse(name: str, *pieces: bytes) -> c.Command:
    return parseCommand(name, Cursor(pieces))


class CommandTests(SynchronousTestCase):
    def test_everyCommand(self) -> None:
        for name, raw, expected in [
            ("NOOP", b"", c.Plain()),
            ("NOOP", b" ", c.Plain()),
            ("AUTHENTICATE", b"plain", c.Authenticate("PLAIN", None)),
            ("AUTHENTICATE", b"PLAIN =", c.Authenticate("PLAIN", b"=")),
            ("AUTHENTICATE", b"PLAIN AGE=", c.Authenticate("PLAIN", b"AGE=")),
            ("LOGIN", b'u "p w"', c.Login("u", c.Password("p w"))),
            ("SELECT", b"inbox", c.Select("INBOX", nameBefore="inbox")),
            ("SELECT", b"a (QRESYNC (7 9))", c.Select("a", False, c.Resync(7, 9))),
            ("SELECT", b"a (CONDSTORE QRESYNC (7 9 1))", c.Select("a", True, c.Resync(7, 9, ONE))),
            ("EXAMINE", b"a (QRESYNC (7 9 (1 1)))", c.Select("a", False, c.Resync(7, 9, None, ONE, ONE))),
            ("SELECT", b"a (QRESYNC (7 9 1 (1 1)))", c.Select("a", False, c.Resync(7, 9, ONE, ONE, ONE))),
            ("CREATE", b"INBOX/x", c.Create("INBOX/x")),
            ("CREATE", b"Inbox/x/", c.Create("INBOX/x", "", "Inbox/x")),
            ("EXAMINE", b"a (condstore)", c.Select("a", True)),
            ("CREATE", b"a/", c.Create("a")),
            ("CREATE", b"a (USE (\\drafts))", c.Create("a", "\\Drafts")),
            ("DELETE", b"a", c.Named("a")),
            ("RENAME", b"a b/c", c.Rename("a", "b/c")),
            ("LIST", b'"" *', c.ListMailboxes("", ("*",))),
            ("LIST", b'a/ "%"', c.ListMailboxes("a/", ("%",))),
            (
                "LIST",
                b'(SPECIAL-USE) "" ("a" %) RETURN (CHILDREN STATUS (UIDNEXT SIZE))',
                c.ListMailboxes(
                    "",
                    ("a", "%"),
                    frozenset({"SPECIAL-USE"}),
                    frozenset({"CHILDREN"}),
                    ("UIDNEXT", "SIZE"),
                    True,
                ),
            ),
            ("LIST", b'() "" a RETURN ()', c.ListMailboxes("", ("a",), isExtended=True)),
            ("LSUB", b'"" %', c.ListMailboxes("", ("%",))),
            ("STATUS", b"a (messages UNSEEN)", c.Status("a", ("MESSAGES", "UNSEEN"))),
            ("FETCH", b"1 UID", c.Fetch(ONE, FetchItems(("UID",)))),
            ("UID FETCH", b"1 (FLAGS) (CHANGEDSINCE 5)", c.Fetch(ONE, FetchItems(("FLAGS",)), 5, True)),
            ("UID FETCH", b"1 UID (VANISHED CHANGEDSINCE 5)", c.Fetch(ONE, FetchItems(("UID",)), 5, True, True)),
            ("STORE", b"1 +FLAGS (\\Deleted)", c.Store(ONE, "+", ("\\Deleted",))),
            ("STORE", b"1 -FLAGS.SILENT \\Seen a", c.Store(ONE, "-", ("\\Seen", "a"), True)),
            ("UID STORE", b"1 (UNCHANGEDSINCE 7) FLAGS ()", c.Store(ONE, "=", (), False, 7, True)),
            ("COPY", b"1 a", c.Transfer(ONE, "a")),
            ("UID MOVE", b"1 a", c.Transfer(ONE, "a", True)),
            ("EXPUNGE", b"", c.Expunge()),
            ("UID EXPUNGE", b"1", c.Expunge(ONE)),
            ("ENABLE", b"condstore X", c.Enable(("CONDSTORE", "X"))),
            ("ID", b"NIL", c.Identify(())),
            ("ID", b'("Name" "x" "version" NIL)', c.Identify((("name", "x"), ("version", "")))),
        ]:
            with self.subTest(name=name, raw=raw):
                self.assertEqual(parse(name, raw), expected)

    def test_literals(self) -> None:
        """
        RFC 3501 4.3: a literal is a string wherever one may stand.
        """
        self.assertEqual(parse("LOGIN", b"", b"u", b" ", b'p"w', b""), c.Login("u", c.Password('p"w')))
        self.assertEqual(parse("RENAME", b"", b"a", b" ", b"b", b""), c.Rename("a", "b"))

    def test_refused(self) -> None:
        for name, raw in [
            ("XYZZY", b""),
            ("NOOP", b"x"),
            ("LOGIN", b"u"),
            ("LOGIN", b"u p x"),
            ("LOGIN", b'"\xff" p'),
            ("SELECT", b""),
            ("SELECT", b"a (QRESYNC)"),
            ("SELECT", b"a b"),
            ("STATUS", b"a ()"),
            ("STATUS", b"a (X)"),
            ("LIST", b'""'),
            ("LIST", b'(X) "" a'),
            ("LIST", b'(RECURSIVEMATCH) "" a'),
            ("LIST", b'"" ()'),
            ("LIST", b'"" a RETURN (X)'),
            ("FETCH", b"1"),
            ("FETCH", b"0 UID"),
            ("FETCH", b"1 UID (VANISHED)"),
            ("STORE", b"1 FLAGS"),
            ("STORE", b"1 *FLAGS ()"),
            ("STORE", b"1 FLAGS (\\x)"),
            ("COPY", b"1"),
            ("ENABLE", b""),
            ("ID", b'("a")'),
            ("ID", b""),
            ("UID EXPUNGE", b""),
            ("LOGIN", b"u " + b"p" * 1025),
        ]:
            with self.subTest(name=name, raw=raw):
                self.assertRaises(BadCommand, parse, name, raw)

    def test_badNames(self) -> None:
        """
        The command is right, but the mailbox can never be.
        """
        for name, raw in [
            ("SELECT", b"a//b"),
            ("CREATE", b"/"),
            ("CREATE", b"a (USE (\\Foo))"),
            ("LIST", b'"" &'),
            ("DELETE", b'""'),
        ]:
            with self.subTest(name=name, raw=raw):
                self.assertRaises(BadName, parse, name, raw)

    def test_limits(self) -> None:
        parse("LIST", b'"" (' + b" ".join([b"a"] * MAX_PATTERNS) + b")")
        self.assertRaises(BadCommand, parse, "LIST", b'"" (' + b" ".join([b"a"] * (MAX_PATTERNS + 1)) + b")")
        for name, before, item in (
            ("STATUS", b"x (", b"SIZE"), ("SELECT", b"x (", b"CONDSTORE"), ("LIST", b"(", b"SUBSCRIBED"),
        ):  # fmt: skip
            after = b') "" *' if name == "LIST" else b")"
            parse(name, before + b" ".join([item] * MAX_OPTIONS) + after)
            self.assertRaises(BadCommand, parse, name, before + b" ".join([item] * (MAX_OPTIONS + 1)) + after)
        parse("ID", b"(" + b" ".join([b'"a" "b"'] * MAX_ID_PAIRS) + b")")
        self.assertRaises(BadCommand, parse, "ID", b"(" + b" ".join([b'"a" "b"'] * (MAX_ID_PAIRS + 1)) + b")")

    @settings(deadline=None, max_examples=500)
    @given(
        st.sampled_from(sorted(_GRAMMAR)),
        st.lists(
            st.sampled_from([b"a", b" ", b"(", b")", b'"', b"\\Seen", b"1:*", b"FLAGS", b"{", b"&", b"RETURN", b"*"])
            | st.binary(max_size=5),
            max_size=10,
        ).map(b"".join),
        st.lists(st.binary(max_size=6), max_size=4),
    )
    def test_parsesOrSaysNot(self, name: str, first: bytes, more: list[bytes]) -> None:
        pieces = [first, *more]
        if len(pieces) % 2 == 0:
            pieces.append(b"")
        try:
            parseCommand(name, Cursor(pieces))
        except BadCommand:
            pass
