"""
Tests for L{osxmail.mail.addresslist}.
"""

from __future__ import annotations

import time
from email.headerregistry import HeaderRegistry

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.address import Address
from osxmail.mail.addresslist import GROUP_END, MAX_ADDRESSES, MAX_COMMENT_DEPTH, Entry, entries, mailboxes


def entry(mailbox: bytes | None, host: bytes | None, name: bytes | None = None, route: bytes | None = None) -> Entry:
    return Entry(name, route, mailbox, host)


class EntriesTests(SynchronousTestCase):
    """
    What an address list says.
    """

    def check(self, value: bytes, *expected: Entry) -> None:
        self.assertEqual(entries(value), list(expected), value)

    def test_plain(self) -> None:
        self.check(b"a@b.c", entry(b"a", b"b.c"))
        self.check(b" a@b.c , d@e ", entry(b"a", b"b.c"), entry(b"d", b"e"))
        self.check(b"Joe Q. Public <joe@b.c>", entry(b"joe", b"b.c", b"Joe Q. Public"))
        self.check(b'"Public, Joe" <joe@b.c>,x@y', entry(b"joe", b"b.c", b"Public, Joe"), entry(b"x", b"y"))
        self.check(b"<joe@b.c>", entry(b"joe", b"b.c"))
        self.check(b'"" <joe@b.c>', entry(b"joe", b"b.c"))
        self.check(b"=?utf-8?Q?J=C3=B6?= <joe@b.c>", entry(b"joe", b"b.c", b"=?utf-8?Q?J=C3=B6?="))

    def test_standard(self) -> None:
        """
        The examples of RFC 5322, appendix A.
        """
        self.check(
            b'"Giant; \\"Big\\" Box" <sysservices@example.net>',
            entry(b"sysservices", b"example.net", b'Giant; "Big" Box'),
        )
        self.check(
            b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", entry(b"pete", b"silly.test", b"Pete")
        )
        self.check(
            b"A Group(Some people)     :Chris Jones <c@(Chris's host.)public.example>, joe@example.org,"
            b"  John <jdoe@one.test> (my dear friend); (the end of the group)",
            entry(b"A Group", None),
            entry(b"c", b"public.example", b"Chris Jones"),
            entry(b"joe", b"example.org"),
            entry(b"jdoe", b"one.test", b"John"),
            GROUP_END,
        )
        self.check(
            b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
            entry(b"mary", b"example.net", b"Mary Smith", b"@node.test"),
            entry(b"jdoe", b"test.example"),
        )

    def test_blanksAroundDots(self) -> None:
        """
        RFC 5322 4.4: obs-local-part.
        """
        self.check(b"d . e @ x . y", entry(b"d.e", b"x.y"))
        self.check(b"Name d . e . f@b", entry(b"d.e.f", b"b", b"Name"))
        self.check(b"Dr. d@b", entry(b"d", b"b", b"Dr."))
        self.check(b" . @b", entry(b".", b"b"))

    def test_groups(self) -> None:
        self.check(b"undisclosed-recipients:;", entry(b"undisclosed-recipients", None), GROUP_END)
        self.check(b"g: a@b; c@d", entry(b"g", None), entry(b"a", b"b"), GROUP_END, entry(b"c", b"d"))
        self.check(b"g: a@b", entry(b"g", None), entry(b"a", b"b"), GROUP_END)

    def test_comments(self) -> None:
        self.check(b"a@b (Joe (the) boss)", entry(b"a", b"b", b"Joe (the) boss"))
        self.check(b"(Joe) a@b", entry(b"a", b"b", b"Joe"))

    def test_odd(self) -> None:
        """
        What is wrong still shows as much as it says, and never looks like a group.
        """
        self.check(b"")
        self.check(b" , ,, ")
        self.check(b"John Doe", entry(b"John Doe", b"MISSING_DOMAIN"))
        self.check(b"John <>", entry(b"MISSING_MAILBOX", b"MISSING_DOMAIN", b"John"))
        self.check(b"<@b>", entry(b"MISSING_MAILBOX", b"b"))
        self.check(b"John a@b", entry(b"a", b"b", b"John"))
        self.check(b"<a@b", entry(b"a", b"b"))
        self.check(b"<a@b, c@d>", entry(b"a", b"b"), entry(b"c", b"d"))
        self.check(b"x@y <a@b>", entry(b"a", b"b", b"x@y"))
        self.check(b'"open <a@b>', entry(b"open <a@b>", b"MISSING_DOMAIN"))
        self.check(b"(open a@b")
        self.check(b"a@b c@d e", entry(b"a", b"b"), entry(b"c", b"d"), entry(b"e", b"MISSING_DOMAIN"))
        self.check(b"\xff <a@b>", entry(b"a", b"b", b"\xff"))
        self.check(b'"a b"@c', entry(b"a b", b"c"))
        self.check(b"a@[192.0.2.1]", entry(b"a", b"[192.0.2.1]"))

    def test_limits(self) -> None:
        many = b",".join([b"a@b"] * (MAX_ADDRESSES + 10))
        self.assertEqual(len(entries(many)), MAX_ADDRESSES)
        self.assertEqual(len(entries(many.replace(b"a@b", b"a @b", 1))), MAX_ADDRESSES)
        self.assertEqual(len(entries(b"a@b " + b"(" * (MAX_COMMENT_DEPTH + 1) + b", c@d")), 1)

    def test_time(self) -> None:
        """
        Long nonsense takes time in proportion to its length.
        """
        for piece in (
            b"<",
            b"(",
            b'"',
            b"@",
            b":",
            b";",
            b",",
            b"a ",
            b"\\",
            b"[",
            b"a@b ",
            b"a@b:",
            b"(\\",
            b'""',
            b"a.",
        ):
            entries(piece * 100_000)
        entries(b"a " * 20_000 + b"@" + b": " * 20_000)

    def test_stringsThatDoNotEnd(self) -> None:
        """
        Each quote was tried as the beginning of a string: 25 seconds for the first of these.
        """
        for value in (b'"\\' * 50_000, b'a@b, \\"' + b'\\"' * 50_000 + b"\\", b'"\\' * 50_000 + b"("):
            started = time.thread_time()
            self.assertLessEqual(len(entries(value)), 2)
            self.assertLess(time.thread_time() - started, 2.0)
        self.assertEqual(entries(b'"a@b\\'), [Entry(None, None, b"a@b\\", b"MISSING_DOMAIN")])

    def test_mailboxes(self) -> None:
        self.assertEqual(
            mailboxes('g: Ann <ann@example.test>, jörg@müller.test;, nobody, "a b"@c, x@[192.0.2.1], y@-z'.encode()),
            [
                Address.parse("ann@example.test"),
                Address.parse("jörg@müller.test"),
                Address.parse('"a b"@c'),
                Address.parse("x@[192.0.2.1]"),
            ],
        )

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["", "Ann", "Ann B. Cee", '"Cee, Ann"', '"q \\" uote"', "=?utf-8?Q?x?="]),
                st.sampled_from(["a", "a.b", "a+b", '"q r"', "o'neil"]),
                st.sampled_from(["b.test", "x", "[192.0.2.1]"]),
            ),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from([", ", ",", " ,\t"]),
    )
    def test_asOthersDo(self, people: list[tuple[str, str, str]], comma: str) -> None:
        """
        Where an address list is right, Python's parser says the same.
        """
        text = comma.join(
            f"{name} <{local}@{domain}>" if name else f"{local}@{domain}" for name, local, domain in people
        )
        expected = HeaderRegistry()("to", text).addresses
        got = entries(text.encode())
        self.assertEqual([(e.mailbox or b"").decode() for e in got], [a.username for a in expected])
        self.assertEqual([(e.host or b"").decode() for e in got], [a.domain for a in expected])
        names = [(e.name or b"").decode() for e in got]
        self.assertEqual(
            names, [n if n == "=?utf-8?Q?x?=" else a.display_name for n, a in zip(names, expected, strict=True)]
        )

    @settings(deadline=None, max_examples=400)
    @given(
        st.one_of(
            st.binary(max_size=80),
            st.lists(
                st.sampled_from([b"<", b">", b"@", b"(", b")", b'"', b"\\", b",", b";", b":", b"[", b"]", b"a", b" "]),
                max_size=40,
            ).map(b"".join),
        )
    )
    def test_garbage(self, value: bytes) -> None:
        """
        Anything gives entries, and groups are balanced.
        """
        depth = 0
        for each in entries(value):
            if each.host is None:
                depth += 1 if each.mailbox is not None else -1
                self.assertIn(depth, (0, 1))
            else:
                self.assertIsNotNone(each.mailbox)
        self.assertEqual(depth, 0)
        mailboxes(value)
