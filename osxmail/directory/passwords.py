# -*- test-case-name: tests.unit.directory.test_passwords -*-
"""
Passwords of our own directory: argon2id hashes (RFC 9106), made and compared in threads of their own.

What it costs, measured on two cores of 2023: C{rfc9106} 170 ms of CPU and 64 MiB for each login, so about 12 logins a
second; C{light} 21 ms and 19 MiB, about 95 a second.  The setting C{auth.password_cost} chooses for new hashes; an old
hash keeps its own cost until its owner logs in, when a cheaper one is made again at the setting's cost.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from osxmail.errors import Refused
from osxmail.interfaces import ISettings
from osxmail.net.threads import Pool

MAX_PASSWORD_OCTETS = 1024
THREADS = 2
MAX_WAITING = 500  # logins that wait for a thread; more are told to come again
#: A hash that would cost more than this was not made here, and could be used to stop the server.
MAX_MEMORY_KIB = 1024 * 1024
MAX_PASSES = 32

_SALT = b"osxmail: nobody."


@frozen
class PasswordCost:
    """
    The parameters of argon2id.

    @ivar passes: how often it goes over the memory.
    @ivar memoryKiB: the memory it fills.
    @ivar lanes: threads that fill it.
    """

    passes: int
    memoryKiB: int
    lanes: int

    @property
    def hasher(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.passes, memory_cost=self.memoryKiB, parallelism=self.lanes, type=Type.ID
        )  # fmt: skip


#: By the value of C{auth.password_cost}.
COSTS = {
    "rfc9106": PasswordCost(3, 64 * 1024, 4),  # RFC 9106 4: the second recommended option
    "light": PasswordCost(2, 19 * 1024, 1),
}


def preparePassword(password: str) -> str:
    """
    A password in the form in which it is hashed, and sent to a directory: NFC, each space of any kind a plain one,
    nothing else changed (the OpaqueString profile, RFC 8265 4.2, without its list of forbidden characters).

    The same word typed on a system that decomposes accents is the same password.
    """
    if password.isascii():
        return password
    spaced = "".join(" " if unicodedata.category(c) == "Zs" else c for c in password)
    return unicodedata.normalize("NFC", spaced)


class Passwords:
    """
    Makes and compares hashes; at most L{THREADS} at once.
    """

    log = Logger(namespace="osxmail.directory")

    def __init__(self, settings: ISettings, reactor: Any = None) -> None:
        self._settings = settings
        self._pool = Pool("passwords", THREADS, MAX_WAITING, reactor)
        self._decoys: dict[PasswordCost, str] = {}

    def start(self) -> None:
        """
        Accept work.  Harmless when it runs already.
        """
        self._pool.start()

    def stop(self) -> Deferred[None]:
        """
        Fires when the comparisons that run are done.
        """
        return self._pool.stop()

    @property
    def cost(self) -> PasswordCost:
        """
        What a new hash costs now.
        """
        return COSTS[self._settings.text("auth.password_cost")]

    def hash(self, password: str) -> Deferred[str]:
        """
        A hash in PHC form.

        @raise Refused: (in the Deferred) nobody may have this password: empty, too long, or with control characters.
        @raise osxmail.errors.Overloaded: (in the Deferred) too many logins wait.
        """
        return self._pool.run(_hash_inThread, self.cost, password)

    def verify(self, passwordHash: str, password: str) -> Deferred[bool]:
        """
        Does the password belong to the hash?  A password that nobody may have belongs to none.

        @raise osxmail.errors.Overloaded: (in the Deferred) too many logins wait.
        """
        return self._pool.run(self._verify_inThread, passwordHash, password)

    def spendTime(self, password: str) -> Deferred[None]:
        """
        Take as long as L{verify} of a hash made now would, so that an unknown login is not told by the clock.
        """
        return self._pool.run(self._spendTime_inThread, self.cost, password)

    def isCheaper(self, passwordHash: str) -> bool:
        """
        Is this hash cheaper to guess at than a new one would be?
        """
        try:
            found = extract_parameters(passwordHash)
        except InvalidHashError:
            return False
        cost = self.cost
        return found.type is not Type.ID or found.memory_cost < cost.memoryKiB or found.time_cost < cost.passes

    def _verify_inThread(self, passwordHash: str, password: str) -> bool:
        try:
            cost = extract_parameters(passwordHash)
        except InvalidHashError:
            self.log.warn("{event}", event="password.hash_unknown")
            return False
        if cost.memory_cost > MAX_MEMORY_KIB or cost.time_cost > MAX_PASSES:
            self.log.warn("{event}", event="password.hash_too_costly", memoryKiB=cost.memory_cost)
            return False
        try:
            prepared = _prepared(password)
        except Refused:
            return False
        try:
            return PasswordHasher().verify(passwordHash, prepared)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError) as error:
            self.log.warn("{event}", event="password.hash_unreadable", reason=type(error).__name__)
            return False

    def _spendTime_inThread(self, cost: PasswordCost, password: str) -> None:
        decoy = self._decoys.get(cost)
        if decoy is None:
            decoy = self._decoys[cost] = cost.hasher.hash(b"nobody", salt=_SALT)
        try:
            PasswordHasher().verify(decoy, _prepared(password))
        except (VerifyMismatchError, Refused):
            pass


def _prepared(password: str) -> bytes:
    # Measured before it is normalised: a long text must not cost anything.
    if not password or len(password) > MAX_PASSWORD_OCTETS:
        raise Refused("a password has 1 to 1024 octets")
    if any(c < " " or c == "\x7f" for c in password):
        raise Refused("a password has no control characters")
    try:
        octets = preparePassword(password).encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("a password is Unicode text") from None
    if len(octets) > MAX_PASSWORD_OCTETS:
        raise Refused("a password has 1 to 1024 octets")
    return octets


def _hash_inThread(cost: PasswordCost, password: str) -> str:
    return cost.hasher.hash(_prepared(password))
