"""
Tests for L{osxmail.mail.dsn}.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.address import Address
from osxmail.mail.decision import Action, DeliveryStatus
from osxmail.mail.dsn import (
    MAX_RETURNED_HEADER_OCTETS,
    MAX_RETURNED_OCTETS,
    ReportedMessage,
    ReportedRecipient,
    ReportKind,
    buildReport,
)
from osxmail.mail.smtpreply import Reply

ANN = Address.parse("ann@example.test")
BOB = Address.parse("bob@other.test")
ORIGINAL = b"From: ann@example.test\r\nMessage-ID: <1@example.test>\r\nSubject: Hi\r\n\r\nHow are you?\r\n"


def failed(
    address: Address = BOB, reply: Reply | None = None, host: str = "mx.other.test [192.0.2.1]:25"
) -> ReportedRecipient:
    reply = reply or Reply(550, "5.1.1", ("No such user",))
    return ReportedRecipient(DeliveryStatus(address, Action.REFUSE, reply, host), f"rfc822;{address}")


def report(
    kind: ReportKind = ReportKind.FAILED,
    recipients: tuple[ReportedRecipient, ...] = (),
    octets: bytes = ORIGINAL,
    isWhole: bool = False,
    sender: Address = ANN,
    boundary: str = "boundary123",
    retryUntil: float | None = None,
    envelopeId: str = "",
) -> bytes:
    return buildReport(
        kind,
        ReportedMessage(sender, "Q1", 1_704_106_800.0, octets, isWhole, envelopeId),
        recipients or (failed(),),
        hostname="mail.example.test",
        postmaster=Address.parse("postmaster@example.test"),
        identifier="Q2@mail.example.test",
        boundary=boundary,
        now=1_704_110_400.0,
        retryUntil=retryUntil,
    )


def read(octets: bytes) -> EmailMessage:
    return message_from_bytes(octets, policy=policy.default)


class ReportTests(SynchronousTestCase):
    """
    What a report says, as another program reads it.
    """

    def status(self, octets: bytes) -> list[Message]:
        _, status, _ = read(octets).iter_parts()
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        return status.get_payload()

    def test_failure(self) -> None:
        octets = report(envelopeId="env 1")
        message = read(octets)
        self.assertEqual(message.get_content_type(), "multipart/report")
        self.assertEqual(message.get_param("report-type"), "delivery-status")
        self.assertEqual(message["To"], "ann@example.test")
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(message["In-Reply-To"], "<1@example.test>")
        self.assertEqual(message["Message-ID"], "<Q2@mail.example.test>")
        self.assertEqual(message["Date"], "Mon, 01 Jan 2024 12:00:00 +0000")
        text, status, returned = message.iter_parts()
        self.assertIn("mx.other.test [192.0.2.1]:25 said: 550 5.1.1 No such user", text.get_content())
        self.assertIn("Q1", text.get_content())
        about, bob = status.get_payload()
        self.assertEqual(about["Reporting-MTA"], "dns; mail.example.test")
        self.assertEqual(about["Original-Envelope-Id"], "env 1")
        self.assertEqual(about["Arrival-Date"], "Mon, 1 Jan 2024 11:00:00 +0000")
        self.assertEqual(bob["Original-Recipient"], "rfc822;bob@other.test")
        self.assertEqual(bob["Final-Recipient"], "rfc822; bob@other.test")
        self.assertEqual(bob["Action"], "failed")
        self.assertEqual(bob["Status"], "5.1.1")
        self.assertEqual(bob["Remote-MTA"], "dns; mx.other.test")
        self.assertEqual(bob["Diagnostic-Code"], "smtp; 550 5.1.1 No such user")
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertIn("Subject: Hi", returned.get_content())
        self.assertNotIn("How are you", returned.get_content())

    def test_delay(self) -> None:
        recipient = failed(reply=Reply(421, "", ("Busy",)), host="")
        octets = report(ReportKind.DELAYED, (recipient,), retryUntil=1_704_500_000.0)
        _, bob = self.status(octets)
        self.assertEqual((bob["Action"], bob["Status"]), ("delayed", "4.0.0"))
        self.assertEqual(bob["Will-Retry-Until"], "Sat, 6 Jan 2024 00:13:20 +0000")
        self.assertEqual(bob["Diagnostic-Code"], "x-osxmail; 421 Busy")
        self.assertIsNone(bob["Remote-MTA"])

    def test_success(self) -> None:
        for kind in (ReportKind.DELIVERED, ReportKind.RELAYED):
            octets = report(kind, (failed(reply=Reply(250, "2.1.5", ("Ok",))),))
            _, bob = self.status(octets)
            self.assertEqual((bob["Action"], bob["Status"]), (kind.value, "2.1.5"))

    def test_statusWithoutEnhanced(self) -> None:
        for reply, code in ((Reply(550, "", ("x",)), "5.0.0"), (Reply(450, "", ("x",)), "4.4.7")):
            _, bob = self.status(report(recipients=(failed(reply=reply),)))
            self.assertEqual(bob["Status"], code)

    def test_several(self) -> None:
        self.assertEqual(len(self.status(report(recipients=(failed(), failed(ANN))))), 3)

    def test_whole(self) -> None:
        *_, returned = read(report(isWhole=True)).iter_parts()
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertEqual(returned.get_content()["Subject"], "Hi")
        self.assertIn("How are you", returned.get_content().get_content())

    def test_notWhole(self) -> None:
        """
        A message that is large, or has 8-bit octets or overlong lines, does not come back whole.
        """
        header = b"Subject: Hi\r\n\r\n"
        for octets in (
            header + b"x\r\n" * (MAX_RETURNED_OCTETS // 3),
            header + b"\xff\r\n",
            header + b"x" * 999,
            header + b"a\rb\nc",
        ):
            written = report(octets=octets, isWhole=True)
            *_, returned = read(written).iter_parts()
            self.assertEqual(returned.get_content_type(), "text/rfc822-headers")

    def test_oddHeader(self) -> None:
        octets = "Subject: Grüße\r\n".encode() + b"X: " + b"y" * 2000 + b"\r\nZ: a\rb\r\n\r\n"
        *_, returned = read(report(octets=octets)).iter_parts()
        self.assertIn("Subject: Grüße", returned.get_content())
        self.assertIn("y" * 2000, returned.get_content())

    def test_headerLimit(self) -> None:
        octets = b"X: y\r\n" * MAX_RETURNED_HEADER_OCTETS
        self.assertLess(len(report(octets=octets)), MAX_RETURNED_HEADER_OCTETS + 10_000)

    def test_boundary(self) -> None:
        """
        A boundary that stands in the message is not used as it is.
        """
        octets = report(octets=b"Subject: --boundary123\r\n\r\n", boundary="boundary123")
        self.assertEqual(len(list(read(octets).iter_parts())), 3)
        self.assertEqual(read(octets).get_boundary(), "boundary1230")

    def test_utf8(self) -> None:
        address = Address("jörg", "xn--mller-kva.test")
        octets = report(recipients=(failed(address),), sender=Address("anné", "example.test"))
        self.assertTrue(octets.isascii())
        _, jorg = self.status(octets)
        self.assertEqual(jorg["Final-Recipient"], "utf-8; j\\x{F6}rg@xn--mller-kva.test")
        text, *_ = read(octets).iter_parts()
        self.assertIn("jörg@xn--mller-kva.test", text.get_content())

    def test_injection(self) -> None:
        """
        What a peer has said makes no fields and no parts.
        """
        reply = Reply(550, "5.0.0", ("x\r\nAction: delivered\r\n\r\n--boundary123--\r\n",))
        octets = report(recipients=(failed(reply=reply, host="mx\r\nStatus: 2.0.0"),), envelopeId="a\r\nb: c")
        self.assertNotIn(b"\r\nAction: delivered", octets)
        self.assertNotIn(b"\r\nStatus: 2.0.0", octets)
        self.assertEqual(len(list(read(octets).iter_parts())), 3)
        self.assertEqual(len(self.status(octets)), 2)

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=3000), st.text(max_size=300), st.binary(max_size=300), st.booleans())
    def test_alwaysSevenBit(self, said: str, host: str, octets: bytes, isWhole: bool) -> None:
        """
        Whatever was said by whom about what: ASCII, CRLF, short lines, three parts.
        """
        recipient = failed(reply=Reply(550, "", (said,)), host=host)
        written = report(recipients=(recipient,), octets=octets, isWhole=isWhole)
        self.assertTrue(written.isascii())
        rest = written.replace(b"\r\n", b"")
        self.assertFalse(b"\r" in rest or b"\n" in rest or b"\0" in rest)
        self.assertLessEqual(max(map(len, written.split(b"\r\n"))), 998)
        self.assertEqual(len(list(read(written).iter_parts())), 3)
