# -*- test-case-name: tests.unit.mail.test_envelope -*-
"""
Who sends, from where, to whom: the envelope of a message (RFC 5321 2.3.1), apart from its content.
"""

from __future__ import annotations

from attrs import frozen

from osxmail.mail.address import Address


@frozen
class Client:
    """
    The peer of one session, as the mail path's decisions see it.

    @ivar host: its IP address as text; C{"127.0.0.1"} for the Unix socket and for ourselves.
    @ivar port: its TCP port, 0 if it has none.
    @ivar helo: what it said in EHLO, HELO or LHLO, C{""} before.
    @ivar protocol: the word for the Received field's C{with}: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, LMTP …
        (RFC 3848, RFC 6531 4.3).
    @ivar service: the listener it came by: C{"smtp"}, C{"submission"}, C{"submissions"}, C{"lmtp"}, or
        C{"local"} for mail that osxmail itself makes.
    @ivar login: the primary address of the account that authenticated, or C{None}.
    @ivar accountId: that account's identifier in the store, or C{None}.
    @ivar tls: C{"TLSv1.3 TLS_AES_256_GCM_SHA384"}, or C{""} in clear text.
    @ivar sessionId: the identifier that the log has for this session.
    @ivar isHypothetical: nobody sends: somebody asks what would happen, and it is no event.
    """

    host: str
    port: int = 0
    helo: str = ""
    protocol: str = "SMTP"
    service: str = "smtp"
    login: Address | None = None
    accountId: str | None = None
    tls: str = ""
    sessionId: str = ""
    isHypothetical: bool = False


#: Ourselves, as the sender of bounces and notices.
OURSELVES = Client(host="127.0.0.1", protocol="local", service="local")


@frozen
class Recipient:
    """
    One RCPT TO of an envelope.

    @ivar address: where it goes.
    @ivar original: what ORCPT said (C{"rfc822;a@b"}, RFC 3461 4.2), or C{""}.
    @ivar notify: NOTIFY, a subset of C{NEVER SUCCESS FAILURE DELAY} in upper case; empty when not given.
    """

    address: Address
    original: str = ""
    notify: frozenset[str] = frozenset()


@frozen
class Envelope:
    """
    An envelope.

    @ivar sender: the reverse-path; C{None} is the null sender C{<>}.
    @ivar recipients: in the order in which they were given.
    @ivar body: C{"7BIT"} or C{"8BITMIME"} (RFC 6152).
    @ivar smtputf8: the message was sent with SMTPUTF8 (RFC 6531).
    @ivar envelopeId: ENVID (RFC 3461 4.4), or C{""}.
    @ivar returnContent: C{"FULL"}, C{"HDRS"} or C{""} (RFC 3461 4.3).
    """

    sender: Address | None
    recipients: tuple[Recipient, ...]
    body: str = "7BIT"
    smtputf8: bool = False
    envelopeId: str = ""
    returnContent: str = ""
