from __future__ import annotations

import email
import email.policy

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.delivery.traceheaders import (
    deliveredToField,
    headerFacts,
    missingFields,
    receivedField,
    returnPath,
)
from osxmail.mail.address import Address
from osxmail.mail.envelope import OURSELVES, Client

ANN = Address.parse("ann@example.test")


class FactsTests(SynchronousTestCase):
    def test_none(self) -> None:
        for header in (
            b"",
            b"\r\n",
            b"Subject: Date: x\r\n\r\n",
            b"X-Date: x\r\nSubject: a\r\n message-id: <x>\r\n\r\n",
        ):
            facts = headerFacts(header)
            self.assertEqual((facts.received, facts.hasDate, facts.hasMessageId), (0, False, False), header)
            self.assertEqual((facts.messageId, facts.deliveredTo), ("", frozenset()))

    def test_all(self) -> None:
        facts = headerFacts(
            b"RECEIVED: from a\r\n by b\r\nreceived: from c\r\nDelivered-To: Ann@Example.test\r\n"
            b"delivered-to: <bob@example.test>\r\nDate: x\r\nMessage-ID: <a@b>\r\n\r\n"
        )
        self.assertEqual(facts.received, 2)
        self.assertEqual(facts.deliveredTo, {"ann@example.test", "bob@example.test"})
        self.assertTrue(facts.hasDate)
        self.assertEqual(facts.messageId, "a@b")

    def test_messageIds(self) -> None:
        for value, expected in (
            (b" <a@b>\r\n", "a@b"),
            (b"\r\n <a@b>\r\nTo: x\r\n", "a@b"),
            (b" a@b (no brackets)\r\n", "a@b(nobrackets)"),
            (b" <A@\xff\x00b\r\n", "A@b"),
            (b"", ""),
            (b" <" + b"x" * 5000 + b">\r\n", "x" * 998),
        ):
            self.assertEqual(headerFacts(b"To: x\r\nMessage-Id:" + value).messageId, expected)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from([b"Received:", b"\r\n", b"\n", b"message-id:", b"delivered-to:", b" ", b"<", b"\xff", b"a"])
        )
    )
    def test_neverFails(self, parts) -> None:
        facts = headerFacts(b"".join(parts))
        self.assertTrue(facts.messageId.isascii())
        self.assertFalse(set(facts.messageId) & set(" \r\n\x00"))


class FieldTests(SynchronousTestCase):
    def test_received(self) -> None:
        client = Client("192.0.2.1", helo="client.test", protocol="ESMTPS", tls="TLSv1.3 TLS_AES_256_GCM_SHA384")
        self.assertEqual(
            receivedField(client, "mail.test", "Q1", ANN, 0),
            b"Received: from client.test ([192.0.2.1])\r\n\tby mail.test with ESMTPS\r\n"
            b"\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tid Q1\r\n\tfor <ann@example.test>;\r\n"
            b"\tThu, 1 Jan 1970 00:00:00 +0000\r\n",
        )

    def test_receivedIPv6WithoutTLS(self) -> None:
        client = Client("2001:db8::1", helo="[IPv6:2001:db8::1]", protocol="LMTP", service="lmtp")
        field = receivedField(client, "mail.test", "Q1", None, 0)
        self.assertTrue(field.startswith(b"Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])\r\n"), field)
        self.assertNotIn(b"for", field)

    def test_ourselves(self) -> None:
        self.assertEqual(
            receivedField(OURSELVES, "mail.test", "Q1", ANN, 0),
            b"Received: by mail.test id Q1\r\n\tfor <ann@example.test>;\r\n\tThu, 1 Jan 1970 00:00:00 +0000\r\n",
        )

    @settings(deadline=None, max_examples=200)
    @given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=40), st.text(max_size=80))
    def test_aPeerCannotWriteFields(self, helo, tls, protocol, host) -> None:
        field = receivedField(Client(host, helo=helo, protocol=protocol, tls=tls), "mail.test", "Q1", None, 0)
        parsed = email.message_from_bytes(field + b"\r\n", policy=email.policy.compat32)
        self.assertEqual(parsed.keys(), ["Received"])
        self.assertEqual(parsed.defects, [])
        self.assertNotIn(b"\n", field.replace(b"\r\n", b""))
        self.assertTrue(all(len(line) < 998 for line in field.split(b"\r\n")))

    def test_missing(self) -> None:
        self.assertEqual(missingFields(headerFacts(b"Date: x\r\nMessage-ID: <x>\r\n"), "m.test", "Q1", 0), b"")
        self.assertEqual(
            missingFields(headerFacts(b"Subject: x\r\n"), "m.test", "Q1", 0),
            b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nMessage-ID: <Q1@m.test>\r\n",
        )

    def test_returnPath(self) -> None:
        self.assertEqual(returnPath(None), b"Return-Path: <>\r\n")
        self.assertEqual(returnPath(ANN), b"Return-Path: <ann@example.test>\r\n")
        self.assertEqual(deliveredToField(Address.parse('"a b"@x.test')), b'Delivered-To: "a b"@x.test\r\n')
