"""
Tests for L{osxmail.mail.smtpcommand}.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.address import Address
from osxmail.mail.smtpcommand import (
    MAX_AUTH_OCTETS,
    MAX_COMMAND_OCTETS,
    MAX_PARAMETERS,
    AuthCommand,
    BdatCommand,
    CommandError,
    MailCommand,
    Problem,
    RcptCommand,
    decodeXtext,
    encodeXtext,
    parseAuth,
    parseBdat,
    parseCommand,
    parseHello,
    parseMail,
    parseRcpt,
)

BOB = Address.parse("bob@example.test")


class CommandTests(SynchronousTestCase):
    """
    What the commands mean.
    """

    def refused(self, parse: Callable[..., object], *arguments: object) -> CommandError:
        return self.assertRaises(CommandError, parse, *arguments)

    def test_verbs(self) -> None:
        command = parseCommand(b"mail FROM:<a@b.c>  ")
        self.assertEqual((command.verb, command.argument), ("MAIL", b"FROM:<a@b.c>"))
        self.assertEqual(parseCommand(b"QUIT").argument, b"")
        self.assertNotIn("c2VjcmV0", repr(parseCommand(b"AUTH PLAIN c2VjcmV0")))
        for line in (b"", b" QUIT", b"\x00", b"a\x00b", b"QUIT\x00", b"MAIL FROM:<a\rb@c>", b"\xff\xfe", b"X" * 40):
            self.assertEqual(self.refused(parseCommand, line).reply.code, 500, line)

    def test_lineLimit(self) -> None:
        parseCommand(b"AUTH " + b"x" * (MAX_AUTH_OCTETS - 5))
        error = self.refused(parseCommand, b"AUTH " + b"x" * (MAX_AUTH_OCTETS - 4))
        self.assertEqual(error.problem, Problem.TOO_LONG)

    def test_hello(self) -> None:
        self.assertEqual(parseHello(b"[192.0.2.1]"), "[192.0.2.1]")
        self.assertEqual(parseHello(b"my_pc"), "my_pc")
        for argument in (b"", b"a b", b"x" * 256, b"m\xc3\xbcller"):
            self.assertEqual(self.refused(parseHello, argument).reply.code, 501)

    def test_mail(self) -> None:
        self.assertEqual(parseMail(b"FROM:<bob@example.test>"), MailCommand(BOB))
        self.assertEqual(parseMail(b"from: <bob@Example.Test.>"), MailCommand(BOB))
        self.assertEqual(parseMail(b"FROM:bob@example.test SIZE=5"), MailCommand(BOB, 5))
        self.assertEqual(parseMail(b"FROM:<>"), MailCommand(None))
        self.assertEqual(
            parseMail(b"FROM:<bob@example.test> SIZE=99 BODY=8bitmime SMTPUTF8 AUTH=<> RET=hdrs ENVID=a+2Bb"),
            MailCommand(BOB, 99, "8BITMIME", True, "", "HDRS", "a+b"),
        )
        self.assertEqual(parseMail(b"FROM:<> AUTH=e+3Dmc2@example.com").auth, "e=mc2@example.com")

    def test_sourceRoute(self) -> None:
        for route in (b"@one.test:", b"@one.test,@two.test:", b"@[192.0.2.1],@[IPv6:::1]:"):
            self.assertEqual(parseRcpt(b"TO:<" + route + b"bob@example.test>").address, BOB, route)
        self.refused(parseRcpt, b"TO:<@one.test:>")
        self.refused(parseRcpt, b"TO:<@one.test>")

    def test_postmaster(self) -> None:
        command = parseRcpt(b"TO:<PostMaster>")
        self.assertIsNone(command.address)
        self.assertEqual(command.completed("mail.example.test"), Address.parse("postmaster@mail.example.test"))
        named = parseRcpt(b"TO:<postmaster@example.test>")
        self.assertEqual(named.completed("mail.example.test"), Address.parse("postmaster@example.test"))

    def test_quoted(self) -> None:
        self.assertEqual(parseRcpt(b'TO:<"a > \\"b\\"@"@example.test>').address, Address('a > "b"@', "example.test"))
        self.refused(parseRcpt, b'TO:<"a@example.test>')

    def test_rcpt(self) -> None:
        self.assertEqual(
            parseRcpt(b"TO:<bob@example.test> NOTIFY=success,Delay ORCPT=rfc822;x+2By@old.test"),
            RcptCommand(BOB, "rfc822;x+y@old.test", frozenset({"SUCCESS", "DELAY"})),
        )
        self.assertEqual(parseRcpt(b"TO:<bob@example.test> NOTIFY=NEVER").notify, frozenset({"NEVER"}))
        self.assertEqual(
            parseRcpt(b"TO:<bob@example.test> ORCPT=utf-8;j\\x{F6}@old.test").original, "utf-8;j\u00f6@old.test"
        )

    def test_addressErrors(self) -> None:
        for argument, enhanced in ((b"FROM:<bob>", "5.1.7"), (b"FROM:<a b@c.d>", "5.1.7"), (b"FROM:<a@b", "5.1.7")):
            error = self.refused(parseMail, argument)
            self.assertEqual((error.problem, error.reply.code, error.reply.enhanced), (Problem.ADDRESS, 501, enhanced))
        for argument in (
            b"TO:<>",
            b"TO:<bob>",
            b"TO:<a@b@c>",
            b"TO:<a@b..c>",
            b"TO:<a@-b>",
            b"TO:<.a@b>",
            b"TO:<a@b>x",
        ):
            error = self.refused(parseRcpt, argument)
            self.assertEqual((error.reply.code, error.reply.enhanced), (501, "5.1.3"), argument)

    def test_syntaxErrors(self) -> None:
        for argument in (
            b"",
            b"TO:<a@b>",
            b"FROM:<a@b> SIZE",
            b"FROM:<a@b> SIZE=x",
            b"FROM:<a@b> SIZE=" + b"1" * 21,
            b"FROM:<a@b> SIZE=-1",
            b"FROM:<a@b> BODY=BINARYMIME",
            b"FROM:<a@b> BODY",
            b"FROM:<a@b> SMTPUTF8=1",
            b"FROM:<a@b> RET=ALL",
            b"FROM:<a@b> ENVID=",
            b"FROM:<a@b> ENVID=+0A",
            b"FROM:<a@b> ENVID=+zz",
            b"FROM:<a@b> ENVID=" + b"x" * 101,
            b"FROM:<a@b> =x",
            b"FROM:<a@b> SIZE=\xff",
        ):
            error = self.refused(parseMail, argument)
            self.assertEqual((error.problem, error.reply.code), (Problem.SYNTAX, 501), argument)
        for parameter in (b"NOTIFY=", b"NOTIFY=NEVER,DELAY", b"NOTIFY=DELAY,DELAY", b"ORCPT=x", b"ORCPT=rfc822;+0D"):
            error = self.refused(parseRcpt, b"TO:<a@b> " + parameter)
            self.assertEqual(error.problem, Problem.SYNTAX, parameter)

    def test_parameterErrors(self) -> None:
        error = self.refused(parseMail, b"FROM:<a@b> FOO=1")
        self.assertEqual((error.problem, error.reply.code), (Problem.UNKNOWN_PARAMETER, 555))
        error = self.refused(parseMail, b"FROM:<a@b> SIZE=1 size=2")
        self.assertEqual((error.problem, error.reply.code), (Problem.DUPLICATE_PARAMETER, 501))
        error = self.refused(parseMail, b"FROM:<a@b> RET=FULL", frozenset({"SIZE"}))
        self.assertEqual(error.problem, Problem.UNKNOWN_PARAMETER)
        many = b" ".join(b"X%d=1" % number for number in range(MAX_PARAMETERS + 1))
        self.assertEqual(self.refused(parseMail, b"FROM:<a@b> " + many).problem, Problem.SYNTAX)

    def test_utf8(self) -> None:
        raw = "TO:<jörg@müller.test>".encode()
        error = self.refused(parseRcpt, raw)
        self.assertEqual((error.problem, error.reply.code, error.reply.enhanced), (Problem.UTF8, 553, "5.6.7"))
        self.assertEqual(parseRcpt(raw, smtputf8=True).address, Address("jörg", "xn--mller-kva.test"))
        self.assertEqual(self.refused(parseMail, b"FROM:<j\xc3\xb6@b>").problem, Problem.UTF8)
        self.assertEqual(parseMail("FROM:<jö@b> SMTPUTF8".encode()).sender, Address("jö", "b"))
        self.assertEqual(self.refused(parseRcpt, b"TO:<j\xf6@b>", True).problem, Problem.SYNTAX)

    def test_limit(self) -> None:
        self.assertEqual(self.refused(parseMail, b"FROM:" + b"x" * MAX_COMMAND_OCTETS).problem, Problem.TOO_LONG)
        self.assertEqual(self.refused(parseRcpt, b"TO:<" + b"x" * 1500 + b"@b>").problem, Problem.ADDRESS)

    def test_bdat(self) -> None:
        self.assertEqual(parseBdat(b"100"), BdatCommand(100, False))
        self.assertEqual(parseBdat(b"0 last"), BdatCommand(0, True))
        for argument in (b"", b"LAST", b"1 2", b"-1", b"1 LAST x", b"1" * 21):
            self.refused(parseBdat, argument)

    def test_auth(self) -> None:
        self.assertEqual(parseAuth(b"plain AGEAYg=="), AuthCommand("PLAIN", b"AGEAYg=="))
        self.assertEqual(parseAuth(b"LOGIN"), AuthCommand("LOGIN", None))
        self.assertEqual(parseAuth(b"EXTERNAL ="), AuthCommand("EXTERNAL", b"="))
        self.assertNotIn("secret", repr(parseAuth(b"PLAIN c2VjcmV0")))
        for argument in (b"", b"PLAIN a b", b"PL*IN", b"PLAIN \xff"):
            self.refused(parseAuth, argument)

    @settings(deadline=None, max_examples=200)
    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
    def test_xtext(self, text: str) -> None:
        encoded = encodeXtext(text)
        self.assertNotIn("=", encoded)
        self.assertEqual(decodeXtext(encoded), text)


words = st.sampled_from(
    [
        b"<",
        b">",
        b"@",
        b":",
        b",",
        b'"',
        b"\\",
        b" ",
        b"=",
        b"a",
        b"b.c",
        b"[",
        b"]",
        b"+",
        b"\xc3\xb6",
        b"\xff",
        b"\x00",
    ]
    + [
        b"SIZE=1",
        b"BODY=7BIT",
        b"AUTH=",
        b"ENVID=",
        b"ORCPT=utf-8;",
        b"NOTIFY=",
        b"SMTPUTF8",
        b"\\x{110000}",
        b"\\x{D800}",
    ]
)
garbage = st.one_of(st.binary(max_size=100), st.lists(words, max_size=25).map(b"".join))


class GarbageTests(SynchronousTestCase):
    """
    Anything parses or is a L{CommandError}.
    """

    @settings(deadline=None, max_examples=400)
    @given(garbage, st.booleans())
    def test_neverElse(self, octets: bytes, utf8: bool) -> None:
        for parse in (parseCommand, parseHello, parseMail, parseBdat, parseAuth):
            for argument in (octets, b"FROM:<" + octets + b">", b"FROM:<a@b> " + octets):
                try:
                    parse(argument)
                except ParseError as error:
                    self.assertIsInstance(error, CommandError)
                    error.reply.render()
        for argument in (octets, b"TO:<" + octets + b">", b"TO:<a@b> " + octets):
            try:
                command = parseRcpt(argument, utf8)
            except CommandError:
                continue
            if command.address is not None:
                self.assertEqual(Address.parse(str(command.address)), command.address)
