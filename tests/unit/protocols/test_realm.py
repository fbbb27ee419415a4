"""
The realm: what somebody who has logged in gets, and who gets nothing.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer

from osxmail.errors import InUse, LoginRefused, NoSuchMailbox
from osxmail.interfaces import IAccount, IMailStore
from osxmail.mail.acceptance import Quota
from osxmail.mail.record import AccountState
from osxmail.protocols.realm import IMaildrop, ISubmitter, MailRealm, Visitor
from tests.fakes.settings import FakeSettings
from tests.unit.protocols.transports import person


@implementer(IAccount)
class OneAccount:
    """
    Just what a login touches.
    """

    def __init__(self) -> None:
        self.limit = self.messages = 0
        self.written = 0
        self.held = False
        self.missing = False

    def quota(self) -> Deferred[Quota]:
        # An administrator has set another limit, which the directory's word leaves alone.
        return succeed(Quota(0, 0, 77, 78, self.limit, self.messages, 77, 78))

    def setQuota(self, limitOctets: int, limitMessages: int) -> Deferred[None]:
        self.limit = limitOctets
        self.messages = limitMessages
        self.written += 1
        return succeed(None)

    def lockMaildrop(self) -> Any:
        if self.held:
            raise InUse
        self.held = True

        def release() -> None:
            self.held = False

        return release

    async def mailbox(self, name: str) -> str:
        if self.missing:
            raise NoSuchMailbox
        return name


@implementer(IMailStore)
class OneStore:
    def __init__(self, account: OneAccount) -> None:
        self.asked: list[str] = []
        self._account = account

    def account(self, accountId: str, address: object) -> Deferred[OneAccount]:
        self.asked.append(f"{accountId} {address}")
        return succeed(self._account)


class RealmTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.account = OneAccount()
        self.store = OneStore(self.account)
        self.settings = FakeSettings({"account.quota": "2M"})
        self.realm = MailRealm(self.store, self.settings)  # type: ignore[arg-type]

    def avatar(self, record: object, interface: type[Interface]) -> Any:
        return self.successResultOf(self.realm.requestAvatar(record, None, interface))

    def refused(self, record: object, interface: type[Interface], error: type[Exception] = LoginRefused) -> None:
        self.failureResultOf(self.realm.requestAvatar(record, None, interface), error)

    def test_account(self) -> None:
        interface, avatar, logout = self.avatar(person("anna"), IAccount)
        self.assertEqual((interface, avatar), (IAccount, self.account))
        self.assertEqual(self.store.asked, ["id-anna anna@example.test"])
        logout()

    def test_quotaIsWrittenWhenItHasChanged(self) -> None:
        self.avatar(person("anna"), IAccount)
        self.assertEqual((self.account.limit, self.account.written), (2 << 20, 1))
        self.avatar(person("anna"), IAccount)
        self.assertEqual(self.account.written, 1)
        self.avatar(person("anna", quotaOctets=0), IAccount)
        self.assertEqual((self.account.limit, self.account.written), (0, 2))
        self.settings.change("account.quota_messages", "9")
        self.avatar(person("anna", quotaOctets=0), IAccount)
        self.assertEqual((self.account.limit, self.account.messages, self.account.written), (0, 9, 3))

    def test_maildropIsHeldAlone(self) -> None:
        _interface, maildrop, logout = self.avatar(person("anna"), IMaildrop)
        self.assertTrue(IMaildrop.providedBy(maildrop))
        self.assertEqual(maildrop.mailbox, "INBOX")
        self.refused(person("anna"), IMaildrop, InUse)
        logout()
        self.avatar(person("anna"), IMaildrop)

    def test_maildropIsGivenBackWhenTheLoginFails(self) -> None:
        self.account.missing = True
        self.refused(person("anna"), IMaildrop, NoSuchMailbox)
        self.assertFalse(self.account.held)

    def test_submitter(self) -> None:
        _interface, submitter, _logout = self.avatar(person("anna", popAllowed=False, imapAllowed=False), ISubmitter)
        self.assertEqual(submitter.record.login, "anna")

    def test_denied(self) -> None:
        self.refused(person("anna", imapAllowed=False), IAccount)
        self.refused(person("anna", popAllowed=False), IMaildrop)
        self.avatar(person("anna", imapAllowed=False), IMaildrop)
        for interface in (IAccount, IMaildrop, ISubmitter):
            self.refused(person("anna", state=AccountState.OFF), interface)

    def test_mailThatIsKeptElsewhere(self) -> None:
        self.realm = MailRealm(self.store, FakeSettings(), lambda record: record.mailHost != "other.test")  # type: ignore[arg-type]
        elsewhere = person("anna", mailHost="other.test")
        self.refused(elsewhere, IAccount)
        self.refused(elsewhere, IMaildrop)
        self.avatar(elsewhere, ISubmitter)
        self.avatar(person("anna", mailHost="mail.example.test"), IAccount)
        self.assertEqual(len(self.store.asked), 1)

    def test_visitorLearnsWhoWasRefused(self) -> None:
        visitor = Visitor()
        record = person("anna", state=AccountState.OFF)
        self.failureResultOf(self.realm.requestAvatar(record, visitor, IAccount), LoginRefused)
        self.assertIs(visitor.record, record)

    def test_faultsOfOurs(self) -> None:
        self.refused(person("anna"), Interface, NotImplementedError)
        self.assertRaises(TypeError, self.realm.requestAvatar, b"anna", None, IAccount)
