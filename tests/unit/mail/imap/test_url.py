"""
L{osxmail.mail.imap.url}.
"""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.imap.url import MAX_URL_OCTETS, UrlAuth, parseImapUrl

TOKEN = b"91354a473744909de610943775f92038"


class UrlTests(SynchronousTestCase):
    def test_relative(self) -> None:
        """
        The examples of RFC 4469, appendix A.
        """
        url = parseImapUrl(b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME")
        self.assertEqual((url.host, url.user, url.mailbox, url.uidvalidity, url.uid), ("", "", "Drafts", 385759045, 20))
        self.assertEqual((url.section.part, url.section.what), ((1,), "MIME"))
        url = parseImapUrl(b"/Drafts/;UID=3002")
        self.assertEqual((url.mailbox, url.uidvalidity, url.uid), ("Drafts", 0, 3002))
        self.assertEqual((url.section.label, url.section.part, url.section.what), (b"BODY[]", (), ""))

    def test_base(self) -> None:
        """
        RFC 4469 3, RFC 3986 5.3: the selected mailbox is where relative paths begin.
        """
        for raw, base, mailbox in [
            (b";UID=1", "A/B", "A/B"),
            (b"/;UID=1", "A/B", "A/B"),
            (b"C/;UID=1", "A/B", "A/C"),
            (b"C/;UID=1", "A", "C"),
            (b"/C/;UID=1", "A/B", "C"),
            (b"/inbox/;UID=1", "A/B", "INBOX"),
            (b";UID=1", "", ""),
        ]:
            with self.subTest(raw=raw):
                self.assertEqual(parseImapUrl(raw, base).mailbox, mailbox)

    def test_absolute(self) -> None:
        """
        RFC 5092 9.
        """
        url = parseImapUrl(b"imap://minbari.example.org/gray-council;UIDVALIDITY=385759045/;UID=20/;PARTIAL=0.1024")
        self.assertEqual((url.host, url.port, url.mailbox), ("minbari.example.org", 143, "gray-council"))
        self.assertEqual((url.section.origin, url.section.length), (0, 1024))
        url = parseImapUrl(b"IMAP://psicorp.example.org/~peter/%E6%97%A5%E6%9C%AC%E8%AA%9E/;UID=7/;PARTIAL=10")
        self.assertEqual((url.mailbox, url.section.origin, url.section.length), ("~peter/日本語", 10, None))
        url = parseImapUrl(b"imap://anna%40a.test;AUTH=*@[::1]:1143/a%3Bb/;uid=1/;section=HEADER.FIELDS%20(To%20X-Y)")
        self.assertEqual((url.user, url.host, url.port, url.mailbox), ("anna@a.test", "[::1]", 1143, "a;b"))
        self.assertEqual((url.section.what, url.section.fields), ("HEADER.FIELDS", frozenset({b"to", b"x-y"})))

    def test_authorised(self) -> None:
        """
        RFC 4467 5.
        """
        raw = b"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:" + TOKEN
        url = parseImapUrl(raw)
        self.assertEqual(
            url.auth,
            UrlAuth(None, "submit+", "fred", "INTERNAL", bytes.fromhex(TOKEN.decode()), raw[: raw.index(b":internal")]),
        )
        self.assertEqual(url.section.part, (1, 2))
        url = parseImapUrl(b"imap://joe@example.com/INBOX/;uid=20;expire=2005-11-11T12:00:01.5+01:00;urlauth=anonymous")
        assert url.auth is not None
        self.assertEqual((url.auth.expiresAt, url.auth.access, url.auth.mechanism), (1131706801.0, "anonymous", ""))
        url = parseImapUrl(b"imap://joe@example.com/INBOX/;uid=20;urlauth=user%2Bfred%40a.test")
        assert url.auth is not None
        self.assertEqual((url.auth.access, url.auth.user), ("user+", "fred@a.test"))

    def test_refused(self) -> None:
        for raw in [
            b"",
            b"/Drafts",
            b"imap://example.com",
            b"imap://example.com/",
            b"imap://example.com/INBOX",
            b"http://example.com/INBOX/;UID=1",
            b"/Drafts/;UID=0",
            b"/Drafts/;UID=4294967296",
            b"/Drafts;UIDVALIDITY=0/;UID=1",
            b"/Drafts/;UID=1/;SECTION=",
            b"/Drafts/;UID=1/;SECTION=X",
            b"/Drafts/;UID=1/;SECTION=0",
            b"/Drafts/;UID=1/;SECTION=1]%20FLAGS",
            b"/Drafts/;UID=1/;SECTION=1]<0.1>",
            b"/Drafts/;UID=1/;PARTIAL=1.0",
            b"/Drafts/;UID=1/;PARTIAL=9999999999999999999",
            b"/Dr%afts/;UID=1",
            b"/Dr%zzfts/;UID=1",
            b"/Drafts%/;UID=1",
            b"/Dr%00afts/;UID=1",
            b"/a//b/;UID=1",
            b"/Dr afts/;UID=1",
            b"/Dr\xc3\xa4fts/;UID=1",
            b"/" + b"a" * MAX_URL_OCTETS + b"/;UID=1",
            b"/" + b"a" * 2000 + b"/;UID=1",
            b"/a/;UID=1?x",
            b"/a/;UID=1;URLAUTH=nobody",
            b"/a/;UID=1;URLAUTH=user+",
            b"/a/;UID=1;URLAUTH=anonymous:INTERNAL:12",
            b"/a/;UID=1;EXPIRE=2005-13-11T12:00:00Z;URLAUTH=anonymous",
            b"/a/;UID=1;EXPIRE=now;URLAUTH=anonymous",
            b"/a/;UID=1;EXPIRE=2005-11-11T12:00:00Z",
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(ParseError, parseImapUrl, raw)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                [b"imap://", b"a", b"@", b"/", b";UID=", b"1", b"20", b";UIDVALIDITY=", b"/;SECTION=", b"HEADER", b".",
                 b"%20", b"%", b"(", b")", b";PARTIAL=", b";URLAUTH=", b"anonymous", b"user+", b":INTERNAL:", TOKEN,
                 b";EXPIRE=", b"2005-11-11T12:00:00Z", b":", b"?", b"]"]
            )
        )
    )  # fmt: skip
    @example([b"/", b"a", b";UID=", b"1", b"/;SECTION=", b"HEADER", b"%"])
    def test_anything(self, words: list[bytes]) -> None:
        """
        It parses, or says that it does not.
        """
        try:
            parseImapUrl(b"".join(words))
        except ParseError:
            pass
