"""
The grammar of LIST, LSUB and STATUS.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.command import ListMailboxes, Status
from osxmail.mail.imap.grammar import parseCommand
from osxmail.mail.imap.listgrammar import MAX_PATTERNS
from osxmail.mail.imap.reader import BadCommand, BadName, Cursor


def parsed(text: bytes, name: str = "LIST") -> object:
    return parseCommand(name, Cursor([text]))


class ListGrammarTests(SynchronousTestCase):
    def test_plain(self) -> None:
        self.assertEqual(parsed(b'"" *'), ListMailboxes("", ("*",)))
        self.assertEqual(parsed(b'a/ "b c%"'), ListMailboxes("a/", ("b c%",)))
        self.assertEqual(parsed(b'"" a%', "LSUB"), ListMailboxes("", ("a%",)))

    def test_extended(self) -> None:
        self.assertEqual(
            parsed(b'(subscribed REMOTE RECURSIVEMATCH) "" (a* "b") RETURN (CHILDREN SUBSCRIBED SPECIAL-USE MYRIGHTS)'),
            ListMailboxes(
                "",
                ("a*", "b"),
                frozenset({"SUBSCRIBED", "REMOTE", "RECURSIVEMATCH"}),
                frozenset({"CHILDREN", "SUBSCRIBED", "SPECIAL-USE", "MYRIGHTS"}),
                isExtended=True,
            ),
        )
        self.assertEqual(
            parsed(b'"" % RETURN (STATUS (MESSAGES SIZE DELETED-STORAGE MESSAGES) METADATA (/shared/Comment))'),
            ListMailboxes(
                "",
                ("%",),
                statusItems=("MESSAGES", "SIZE", "DELETED-STORAGE"),
                isExtended=True,
                entries=("/shared/comment",),
            ),
        )
        self.assertEqual(parsed(b'() "" % RETURN ()'), ListMailboxes("", ("%",), isExtended=True))

    def test_status(self) -> None:
        self.assertEqual(parsed(b"inbox (UNSEEN)", "STATUS"), Status("INBOX", ("UNSEEN",)))
        for text in (b"inbox", b"inbox ()", b"inbox (ALL)", b"inbox UNSEEN"):
            self.assertRaises(BadCommand, parsed, text, "STATUS")

    def test_bad(self) -> None:
        for text in (
            b"", b'""', b'(RECURSIVEMATCH) "" *', b'(RECURSIVEMATCH REMOTE) "" *', b'(LATER) "" *', b'"" ()',
            b'"" * RETURN (LATER)', b'"" * RETURN (STATUS)', b'"" * RETURN (METADATA)', b'"" * RETURN (METADATA ())',
            b'"" * RETURN', b'"" * x', b'"" * RETURN (METADATA (comment))',
        ):  # fmt: skip
            self.assertRaises(BadCommand, parsed, text)
        parsed(b'"" (' + b" ".join([b"a"] * MAX_PATTERNS) + b")")
        self.assertRaises(BadCommand, parsed, b'"" (' + b" ".join([b"a"] * (MAX_PATTERNS + 1)) + b")")
        self.assertRaises(BadName, parsed, b'"" ' + b"%a" * 51)

    @given(
        st.sampled_from(["LIST", "LSUB", "STATUS"]),
        st.one_of(
            st.binary(max_size=40).map(lambda octets: octets.translate(None, b"\r\n")),
            st.lists(
                st.sampled_from(
                    [b"(", b")", b" ", b'""', b"*", b"%", b"a", b"RETURN", b" RETURN (", b"STATUS", b"METADATA",
                     b"/shared/x", b"SUBSCRIBED", b"RECURSIVEMATCH", b"MESSAGES"]
                ),
                max_size=14,
            ).map(b"".join),
        ),
    )  # fmt: skip
    @settings(deadline=None, max_examples=300)
    def test_anything(self, name: str, text: bytes) -> None:
        try:
            parsed(text, name)
        except BadCommand:
            pass
