"""
Tests of L{osxmail.mail.imap.watchgrammar}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.imap.reader import BadCharset, BadCommand, Cursor
from osxmail.mail.imap.resultoptions import ResultOptions
from osxmail.mail.imap.searchcommand import EventGroup, MailboxFilter, MultiSearch, Notify
from osxmail.mail.imap.watchgrammar import MAX_EVENTS, MAX_FILTERS, MAX_NAMES, parseMultiSearch, parseNotify
from osxmail.mail.searchkeys import All, Text

BOTH = frozenset({"MESSAGENEW", "MESSAGEEXPUNGE"})


def multi(raw: bytes) -> MultiSearch:
    cursor = Cursor([raw])
    command = parseMultiSearch(cursor)
    cursor.end()
    return command


def notify(raw: bytes) -> Notify:
    cursor = Cursor([raw])
    command = parseNotify(cursor)
    cursor.end()
    return command


class MultiSearchTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        """
        RFC 7377 4.
        """
        selected = (MailboxFilter("SELECTED"),)
        for raw, expected in [
            (b"ALL", MultiSearch(selected, All(), ResultOptions())),
            (b"IN (selected) RETURN (MIN) ALL", MultiSearch(selected, All(), ResultOptions(frozenset({"MIN"})))),
            (
                b'IN (mailboxes "folder1" subtree-one (a b) personal) CHARSET UTF-8 TEXT x',
                MultiSearch(
                    (
                        MailboxFilter("MAILBOXES", ("folder1",)),
                        MailboxFilter("SUBTREE-ONE", ("a", "b")),
                        MailboxFilter("PERSONAL"),
                    ),
                    Text("x"),
                    ResultOptions(),
                    True,
                ),
            ),
            (b"in (Inboxes Subscribed subtree inbox) all", None),
        ]:
            with self.subTest(raw=raw):
                command = multi(raw)
                if expected is not None:
                    self.assertEqual(command, expected)

    def test_impossibleNames(self) -> None:
        """
        RFC 5465 3.1: what cannot exist is passed over like what does not.
        """
        self.assertEqual(
            multi(b'IN (mailboxes ("" a//b INBOX)) ALL').sources, (MailboxFilter("MAILBOXES", ("INBOX",)),)
        )

    def test_refused(self) -> None:
        for raw in [
            b"",
            b"IN (selected)",
            b"IN () ALL",
            b"IN selected ALL",
            b"IN (selected-delayed) ALL",
            b"IN (mailboxes) ALL",
            b"IN (mailboxes ()) ALL",
            b"IN (everybody) ALL",
            b"RETURN (MIN) IN (personal) ALL",
            b"IN (%b) ALL" % b" ".join([b"personal"] * (MAX_FILTERS + 1)),
            b"IN (mailboxes (%b)) ALL" % b" ".join([b"a"] * (MAX_NAMES + 1)),
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, multi, raw)
        multi(b"IN (%b) ALL" % b" ".join([b"personal"] * MAX_FILTERS))
        multi(b"IN (mailboxes (%b)) ALL" % b" ".join([b"a"] * MAX_NAMES))
        self.assertRaises(BadCharset, multi, b"CHARSET X-NONE ALL")


class NotifyTests(SynchronousTestCase):
    def test_everyForm(self) -> None:
        """
        RFC 5465 8.
        """
        self.assertEqual(notify(b"none"), Notify(None))
        command = notify(
            b"set status (selected (MessageNew (uid body.peek[header.fields (from)]) MessageExpunge))"
            b" (subtree Lists (MessageNew MessageExpunge FlagChange))"
        )
        assert command.groups is not None
        first, second = command.groups
        self.assertTrue(command.isStatus)
        self.assertEqual((first.mailboxes, first.events), (MailboxFilter("SELECTED"), BOTH))
        assert first.newItems is not None
        self.assertEqual(first.newItems.simple, ("UID",))
        self.assertEqual(second, EventGroup(MailboxFilter("SUBTREE", ("Lists",)), BOTH | {"FLAGCHANGE"}))
        self.assertEqual(
            notify(b"SET (personal NONE) (mailboxes (INBOX x) (MailboxName SubscriptionChange))"),
            Notify(
                (
                    EventGroup(MailboxFilter("PERSONAL"), frozenset()),
                    EventGroup(
                        MailboxFilter("MAILBOXES", ("INBOX", "x")), frozenset({"MAILBOXNAME", "SUBSCRIPTIONCHANGE"})
                    ),
                )
            ),
        )

    def test_unknownEvents(self) -> None:
        """
        They are a NO, not a BAD (RFC 5465 3.1).
        """
        command = notify(b"SET (personal (Earthquake))")
        self.assertEqual(command.groups, (EventGroup(MailboxFilter("PERSONAL"), frozenset({"EARTHQUAKE"})),))

    def test_refused(self) -> None:
        group = b" (personal NONE)"
        for raw in [
            b"",
            b"SET",
            b"SET STATUS",
            b"RESET (personal NONE)",
            b"NONE (personal NONE)",
            b"SET (personal)",
            b"SET (personal ())",
            b"SET (personal (MessageNew))",
            b"SET (personal (MessageExpunge))",
            b"SET (personal (FlagChange))",
            b"SET (personal (FlagChange MessageNew))",
            b"SET (selected (MailboxName))",
            b"SET (selected (Earthquake))",
            b"SET (selected NONE) (selected-delayed NONE)",
            b"SET (personal (MessageNew (UID) MessageExpunge))",
            b"SET (selected (MessageNew (NOTHING) MessageExpunge))",
            b"SET (subtree-one x NONE)",
            b"SET" + group * (MAX_FILTERS + 1),
            b"SET (personal (%b))" % b" ".join([b"MailboxName"] * (MAX_EVENTS + 1)),
        ]:
            with self.subTest(raw=raw):
                self.assertRaises(BadCommand, notify, raw)
        notify(b"SET" + group * MAX_FILTERS)
        notify(b"SET (personal (%b))" % b" ".join([b"MailboxName"] * MAX_EVENTS))

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(
                b"SET|STATUS|NONE|(|)|(selected|(personal|mailboxes|subtree|INBOX|(MessageNew|MessageExpunge)|(UID)|"
                b"FlagChange)|IN|RETURN|(MIN)|ALL|))|TEXT|x".split(b"|")
            ),
            max_size=12,
        ).map(b" ".join)
        | st.binary(max_size=40)
    )
    def test_parsesOrSaysNot(self, raw: bytes) -> None:
        for parse in (parseNotify, parseMultiSearch):
            try:
                parse(Cursor([raw]))
            except BadCommand:
                pass
