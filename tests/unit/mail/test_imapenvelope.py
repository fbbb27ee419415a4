"""
Tests for L{osxmail.mail.imapenvelope}.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.header import firstFields
from osxmail.mail.imapenvelope import ENVELOPE_FIELDS, renderedEnvelope


def envelope(header: bytes) -> bytes:
    return renderedEnvelope(firstFields(header, ENVELOPE_FIELDS))[0]


class EnvelopeTests(SynchronousTestCase):
    """
    RFC 3501 7.4.2.
    """

    def test_full(self) -> None:
        self.assertEqual(
            envelope(
                b"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
                b"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
                b"From: Terry Gray <gray@cac.washington.edu>\r\n"
                b"To: imap@cac.washington.edu\r\n"
                b"Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
                b"Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n"
            ),
            # The example of RFC 3501 8.
            b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) '
            b'(("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) '
            b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
            b'"<B27397-0100000@cac.washington.edu>")',
        )

    def test_senderAndReplyTo(self) -> None:
        """
        As From where they are absent or empty.
        """
        ann, bob = b'((NIL NIL "ann" "x"))', b'((NIL NIL "bob" "y"))'
        nil = b" NIL" * 5 + b")"
        self.assertEqual(envelope(b"From: ann@x\r\n"), b"(NIL NIL " + b" ".join([ann] * 3) + nil)
        self.assertEqual(
            envelope(b"From: ann@x\r\nSender:\r\nReply-To: ,\r\n"), b"(NIL NIL " + b" ".join([ann] * 3) + nil
        )
        self.assertEqual(
            envelope(b"From: ann@x\r\nSender: bob@y\r\nReply-To: bob@y\r\n"),
            b"(NIL NIL " + b" ".join([ann, bob, bob]) + nil,
        )

    def test_empty(self) -> None:
        """
        An empty subject is "", no subject NIL.
        """
        self.assertTrue(envelope(b"Subject:\r\n").startswith(b'(NIL "" NIL '))
        self.assertTrue(envelope(b"X: y\r\n").startswith(b"(NIL NIL NIL "))

    def test_groupsAndRoutes(self) -> None:
        self.assertIn(
            b' ((NIL NIL "g" NIL)(NIL NIL "a" "b")(NIL NIL NIL NIL)("N" "@r,@s" "c" "d")) ',
            envelope(b"To: g: a@b; N <@r,@s:c@d>\r\n"),
        )

    def test_notASCII(self) -> None:
        """
        Raw UTF-8 becomes encoded words, and A-labels in domains; an address that cannot be told is none (RFC 6858 2.1).
        """
        rendered = envelope(
            "Subject: Grüße\r\nFrom: Jörg <jorg@müller.test>\r\nTo: x@\udcff, Jörg <jörg@müller.test>\r\n"
            "Cc: jörg@müller.test, Ä: a@b;\r\n".encode("utf-8", "surrogateescape")
        )
        self.assertTrue(rendered.isascii())
        self.assertIn(b'"=?utf-8?B?R3LDvMOfZQ==?="', rendered)
        self.assertIn(b'(("=?utf-8?B?SsO2cmc=?=" NIL "jorg" "xn--mller-kva.test"))', rendered)
        invalid = b'NIL "invalid" "internationalized-address.invalid")'
        self.assertIn(b'("=?utf-8?B?SsO2cmcgPGrDtnJnQG3DvGxsZXIudGVzdD4=?=" ' + invalid, rendered)
        self.assertIn(b'(("=?utf-8?B?PGrDtnJnQG3DvGxsZXIudGVzdD4=?=" ' + invalid, rendered)
        self.assertIn(b'(NIL NIL "=?utf-8?B?w4Q=?=" NIL)', rendered)

    def test_keys(self) -> None:
        _, mailboxes = renderedEnvelope({b"from": b"Ann <a@b>, c@d", b"to": b"g:;"})
        self.assertEqual(mailboxes, (b"a", b"g", b""))
