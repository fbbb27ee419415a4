from __future__ import annotations

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.directory.checkers import DirectoryChecker
from osxmail.errors import AuthenticationFailed, DirectoryAway, Overloaded
from osxmail.mail.record import AccountState
from tests.fakes.directory import FakeDirectory, record


class CheckerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory()
        self.anna = self.directory.add("anna@example.test", "schön")
        self.checker = DirectoryChecker(self.directory)

    def check(self, login: bytes, password: bytes) -> Deferred:
        return self.checker.requestAvatarId(UsernamePassword(login, password))

    def test_interface(self) -> None:
        verifyObject(ICredentialsChecker, self.checker)

    def test_right(self) -> None:
        """
        The avatar's identifier is the record itself.
        """
        for login in (b"anna", b"anna@example.test"):
            self.assertEqual(self.successResultOf(self.check(login, "schön".encode())), self.anna)
        self.assertEqual(self.directory.timeSpent, 0)

    def test_wrongPassword(self) -> None:
        self.failureResultOf(self.check(b"anna", b"x"), AuthenticationFailed)
        self.assertEqual((self.directory.verifications, self.directory.timeSpent), (1, 0))

    def test_unknownLogin(self) -> None:
        """
        Takes the time of a wrong password.
        """
        self.failureResultOf(self.check(b"nobody", b"x"), AuthenticationFailed)
        self.assertEqual((self.directory.verifications, self.directory.timeSpent), (0, 1))

    def test_away(self) -> None:
        """
        "Cannot say" is not "wrong".
        """
        self.directory.isAway = True
        self.failureResultOf(self.check(b"anna", b"x"), DirectoryAway)
        self.failureResultOf(self.check(b"nobody", b"x"), DirectoryAway)

    def test_notAsked(self) -> None:
        """
        Empty, broken and endless names and passwords never reach a directory.
        """
        for login, password in (
            (b"", b"x"), (b"anna", b""), (b"\xff", b"x"), (b"anna", b"\xff\xfe"), (b"a" * 10_000, b"x"), (b"", b""),
        ):  # fmt: skip
            self.failureResultOf(self.check(login, password), AuthenticationFailed)
        self.assertEqual(self.directory.asked, [])

    def test_loginInNFC(self) -> None:
        self.directory.add(record("é@example.test", "e"), "x")
        self.assertEqual(self.successResultOf(self.check("e\u0301".encode(), b"x")).accountId, "e")

    def test_off(self) -> None:
        """
        Whether somebody may come in is the realm's to say.
        """
        self.directory.add(record("off@example.test", state=AccountState.OFF), "x")
        self.assertIs(self.successResultOf(self.check(b"off", b"x")).state, AccountState.OFF)

    def test_passwordInNoFailure(self) -> None:
        failure = self.failureResultOf(self.check(b"anna", b"hunter2"), AuthenticationFailed)
        self.assertNotIn("hunter2", str(failure.value) + repr(failure.value))


class ConcurrencyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory()
        self.directory.add("anna@example.test", "x")
        self.open: list[Deferred] = []
        self.patch(self.directory, "verifyPassword", self.verify)
        self.checker = DirectoryChecker(self.directory, maxConcurrent=2, maxWaiting=2)

    def verify(self, record, password) -> Deferred:
        self.open.append(Deferred())
        return self.open[-1]

    def check(self) -> Deferred:
        return self.checker.requestAvatarId(UsernamePassword(b"anna", b"x"))

    def test_bounded(self) -> None:
        checks = [self.check() for _ in range(4)]
        self.assertEqual(len(self.open), 2)
        self.failureResultOf(self.check(), Overloaded)
        self.open[0].callback(True)
        self.successResultOf(checks[0])
        self.assertEqual(len(self.open), 3)
        self.open[1].errback(DirectoryAway("x"))
        self.failureResultOf(checks[1], DirectoryAway)
        self.assertEqual(len(self.open), 4)
        self.open[2].callback(False)
        self.failureResultOf(checks[2], AuthenticationFailed)
        self.open[3].callback(True)
        self.successResultOf(checks[3])
        again = [self.check() for _ in range(2)]
        self.assertEqual(len(self.open), 6)
        for deferred, check in zip(self.open[4:], again, strict=True):
            deferred.callback(True)
            self.successResultOf(check)

    def test_givingUpInTheLine(self) -> None:
        """
        Somebody who hangs up while waiting leaves the line.
        """
        checks = [self.check() for _ in range(3)]
        checks[2].addErrback(lambda _: None)
        checks[2].cancel()
        self.open[0].callback(True)
        self.open[1].callback(True)
        self.assertEqual(len(self.open), 2)
        self.assertEqual(len(self.open), 2)
        more = [self.check(), self.check()]
        self.assertEqual(len(self.open), 4)
        for deferred in self.open[2:]:
            deferred.callback(True)
        for check in (*checks[:2], *more):
            self.successResultOf(check)
