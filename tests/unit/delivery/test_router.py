from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from osxmail.delivery.router import MAX_DEPTH, MAX_RESULTS, VISITS_IN_A_SLICE, Router
from osxmail.errors import StoreAway
from osxmail.interfaces import IRouter
from osxmail.mail.acceptance import LocalAccount, MailboxStatus
from osxmail.mail.address import Address
from osxmail.mail.decision import Action, RemoteTarget, Route
from osxmail.mail.record import AccountState
from tests.fakes.directory import FakeDirectory, record
from tests.fakes.domains import FakeDomains
from tests.fakes.settings import FakeSettings


class Mailboxes:
    """
    As much of a store and an account as the detail rule asks for.
    """

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        self.isAway = False

    def existingAccount(self, accountId: str) -> Deferred[object]:
        if self.isAway:
            raise StoreAway("stopping")
        return succeed(self)

    def listMailboxes(self) -> Deferred[tuple[MailboxStatus, ...]]:
        return succeed(
            tuple(MailboxStatus(1, name, 1, 1, 1, 0, 0, 0, 0, 1, True, use) for name, use in self.names.items())
        )


class Accounts:
    def __init__(self, *accounts: LocalAccount) -> None:
        self.accounts = accounts
        self.asked = 0

    def listAccounts(self) -> Deferred[tuple[LocalAccount, ...]]:
        self.asked += 1
        return succeed(self.accounts)


class RouterTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.domains = FakeDomains("example.test", "other.test")
        self.directory = FakeDirectory()
        self.settings = FakeSettings({"mail.host_aliases": "Post.Example.TEST"})
        self.store = Mailboxes({"INBOX": "", "Lists": "", "Sent": "\\Sent", "Junk": "\\Junk"})
        self.accounts = Accounts()
        self.router = Router(
            "mail.example.test",
            self.domains,
            self.directory,
            self.settings,
            self.store,
            self.accounts,
            {"192.0.2.1", "2001:db8::1"}.__contains__,
            self.clock,
        )
        self.directory.add("ann@example.test")
        self.directory.add("bob@example.test")

    def route(self, address: str) -> Route:
        deferred = self.router.route(Address.parse(address))
        while not deferred.called:
            self.assertTrue(self.clock.getDelayedCalls(), "the route never comes")
            self.clock.advance(0)
        return self.successResultOf(deferred)

    def mailboxes(self, route: Route) -> list[tuple[str, str]]:
        return [(target.accountId, target.mailbox) for target in route.mailboxes]

    def rules(self, route: Route) -> list[str]:
        return [step.rule for step in route.steps]

    def assertRefused(self, route: Route, action: Action, code: int, enhanced: str) -> None:
        assert route.refusal is not None, route
        self.assertEqual((route.refusal.action, route.refusal.reply.code), (action, code), route)
        self.assertEqual(route.refusal.reply.enhanced, enhanced)
        self.assertEqual((route.mailboxes, route.remotes), ((), ()))
        self.assertEqual(route.refusal.steps[-1], route.refusal.step)
        self.assertEqual(route.refusal.steps, route.steps)


class PeopleTests(RouterTestCase):
    def test_interface(self) -> None:
        verifyObject(IRouter, self.router)

    def test_person(self) -> None:
        route = self.route("Ann@Example.Test")
        self.assertEqual(self.mailboxes(route), [("id-ann", "INBOX")])
        self.assertEqual(str(route.mailboxes[0].address), "ann@example.test")
        self.assertTrue(route.isLocal)
        self.assertIsNone(route.refusal)
        self.assertEqual(self.rules(route), ["route.domain", "route.mailbox"])
        self.assertEqual(route.steps[-1].evidence, (("account", "id-ann"), ("directory", "fake")))

    def test_remoteDomain(self) -> None:
        route = self.route("ann@elsewhere.test")
        self.assertEqual(route.remotes, (RemoteTarget(Address.parse("ann@elsewhere.test")),))
        self.assertFalse(route.isLocal)
        self.assertEqual(self.directory.asked, [])

    def test_unknown(self) -> None:
        route = self.route("nobody@example.test")
        self.assertRefused(route, Action.REFUSE, 550, "5.1.1")
        self.assertTrue(route.isLocal)

    def test_off(self) -> None:
        self.directory.add(record("off@example.test", state=AccountState.OFF))
        self.domains.catchAll("example.test", "ann@example.test")
        route = self.route("off@example.test")
        self.assertRefused(route, Action.REFUSE, 550, "5.2.1")
        self.assertIn(("directory", "fake"), route.refusal.step.evidence)

    def test_quotaOfTheDirectory(self) -> None:
        self.directory.add(record("q@example.test", quotaOctets=7))
        self.assertEqual(self.route("q@example.test").mailboxes[0].quotaOctets, 7)
        self.assertIsNone(self.route("ann@example.test").mailboxes[0].quotaOctets)

    def test_forward(self) -> None:
        there = Address.parse("me@elsewhere.test")
        bob = Address.parse("bob@example.test")
        self.directory.add(record("fred@example.test", state=AccountState.FORWARD, forwardTo=(there, bob)))
        route = self.route("fred@example.test")
        self.assertEqual(route.remotes, (RemoteTarget(there),))
        self.assertEqual(self.mailboxes(route), [("id-bob", "INBOX")])
        self.assertTrue(route.isLocal)

    def test_forwardWithCopy(self) -> None:
        there = (Address.parse("me@elsewhere.test"),)
        self.directory.add(record("fred@example.test", state=AccountState.FORWARD, forwardTo=there, keepCopy=True))
        route = self.route("fred@example.test")
        self.assertEqual(self.mailboxes(route), [("id-fred", "INBOX")])
        self.assertEqual(len(route.remotes), 1)

    def test_forwardCircle(self) -> None:
        a, b = Address.parse("a@example.test"), Address.parse("b@example.test")
        self.directory.add(record(str(a), state=AccountState.FORWARD, forwardTo=(b,)))
        self.directory.add(record(str(b), state=AccountState.FORWARD, forwardTo=(a,)))
        route = self.route("a@example.test")
        self.assertRefused(route, Action.REFUSE, 550, "5.4.6")
        self.assertEqual(route.refusal.step.rule, "route.loop")

    def test_forwardCircleWithCopies(self) -> None:
        a, b = Address.parse("a@example.test"), Address.parse("b@example.test")
        self.directory.add(record(str(a), state=AccountState.FORWARD, forwardTo=(b,), keepCopy=True))
        self.directory.add(record(str(b), state=AccountState.FORWARD, forwardTo=(a,), keepCopy=True))
        self.assertEqual(sorted(self.mailboxes(self.route("a@example.test"))), [("id-a", "INBOX"), ("id-b", "INBOX")])

    def test_mailHost(self) -> None:
        self.directory.add(record("far@example.test", mailHost="Mail2.example.test"))
        for host in (
            "mail.example.test",
            "MAIL.example.test.",
            "post.example.test",
            "localhost",
            "192.0.2.1",
            "2001:db8::1",
        ):
            self.directory.add(record("near@example.test", mailHost=host))
            self.assertEqual(self.mailboxes(self.route("near@example.test")), [("id-near", "INBOX")], host)
        route = self.route("far+x@example.test")
        self.assertEqual(route.remotes, (RemoteTarget(Address.parse("far@example.test"), "mail2.example.test"),))
        self.assertEqual(route.mailboxes, ())

    def test_eachOnce(self) -> None:
        self.directory.add(record("ann@example.test", addresses=("annie@example.test",)))
        self.domains.lead(
            "all@example.test", "ann@example.test", "annie@example.test", "x@far.test", "both@example.test"
        )
        self.domains.lead("both@example.test", "X@far.test", "bob@example.test", "ann@example.test")
        route = self.route("all@example.test")
        self.assertEqual(self.mailboxes(route), [("id-ann", "INBOX"), ("id-bob", "INBOX")])
        self.assertEqual(len(route.remotes), 1)


class NameTests(RouterTestCase):
    def test_alias(self) -> None:
        self.domains.lead("sales@example.test", "team@example.test", "x@far.test")
        self.domains.lead("team@example.test", "ann@example.test", "gone@example.test")
        route = self.route("Sales@example.test")
        self.assertEqual(self.mailboxes(route), [("id-ann", "INBOX")])
        self.assertEqual(str(route.mailboxes[0].deliveredTo), "ann@example.test")
        self.assertEqual(route.remotes, (RemoteTarget(Address.parse("x@far.test")),))
        self.assertIsNone(route.refusal)
        self.assertIn("route.unknown", self.rules(route))

    def test_aliasToNobody(self) -> None:
        self.domains.lead("sales@example.test", "gone@example.test")
        self.assertRefused(self.route("sales@example.test"), Action.REFUSE, 550, "5.1.1")

    def test_aliasCircle(self) -> None:
        self.domains.lead("a@example.test", "b@example.test")
        self.domains.lead("b@example.test", "c@other.test")
        self.domains.lead("c@other.test", "a@example.test")
        self.assertRefused(self.route("a@example.test"), Action.REFUSE, 550, "5.4.6")
        self.domains.lead("c@other.test", "a@example.test", "ann@example.test")
        self.assertEqual(self.mailboxes(self.route("a@example.test")), [("id-ann", "INBOX")])

    def chain(self, length: int) -> None:
        for number in range(length):
            self.domains.lead(f"n{number}@example.test", f"n{number + 1}@example.test")
        self.directory.add(f"n{length}@example.test")

    def test_depth(self) -> None:
        self.chain(MAX_DEPTH)
        self.assertEqual(len(self.route("n0@example.test").mailboxes), 1)

    def test_tooDeep(self) -> None:
        self.chain(MAX_DEPTH + 1)
        route = self.route("n0@example.test")
        self.assertRefused(route, Action.DEFER, 451, "4.3.5")
        self.assertEqual(route.refusal.step.rule, "route.limit")

    def test_results(self) -> None:
        self.domains.lead("all@example.test", *[f"n{n}@far.test" for n in range(MAX_RESULTS)])
        self.assertEqual(len(self.route("all@example.test").remotes), MAX_RESULTS)
        self.domains.lead("all@example.test", *[f"n{n}@far.test" for n in range(MAX_RESULTS + 1)])
        self.assertRefused(self.route("all@example.test"), Action.DEFER, 451, "4.3.5")

    def test_deadNamesAreBounded(self) -> None:
        self.domains.lead("all@example.test", *[f"gone{n}@example.test" for n in range(3000)])
        self.assertRefused(self.route("all@example.test"), Action.DEFER, 451, "4.3.5")

    def test_longExpansionsLetOthersWork(self) -> None:
        self.domains.lead("all@example.test", *[f"n{n}@far.test" for n in range(VISITS_IN_A_SLICE)])
        deferred = self.router.route(Address.parse("all@example.test"))
        self.assertNoResult(deferred)
        self.clock.advance(0)
        self.successResultOf(deferred)

    def test_group(self) -> None:
        self.directory.addGroup("staff@example.test", "ann@example.test", "bob@example.test")
        route = self.route("staff+x@example.test")
        self.assertEqual(self.mailboxes(route), [("id-ann", "INBOX"), ("id-bob", "INBOX")])

    def test_emptyGroup(self) -> None:
        self.directory.addGroup("staff@example.test")
        self.assertRefused(self.route("staff@example.test"), Action.REFUSE, 550, "5.1.1")

    def test_detail(self) -> None:
        for address, mailbox in (
            ("ann+lists@example.test", "Lists"),
            ("ann+nothing@example.test", "INBOX"),
            ("ann+sent@example.test", "INBOX"),
            ("ann+junk@example.test", "Junk"),
            ("ann+@example.test", "INBOX"),
        ):
            route = self.route(address)
            self.assertEqual(self.mailboxes(route), [("id-ann", mailbox)], address)
            self.assertEqual(str(route.mailboxes[0].deliveredTo), address)

    def test_addressWithDetailOfItsOwn(self) -> None:
        self.directory.add(record("bob+lists@example.test", "id-lists"))
        self.assertEqual(self.mailboxes(self.route("bob+lists@example.test")), [("id-lists", "INBOX")])

    def test_detailOfAnAlias(self) -> None:
        self.domains.lead("sales@example.test", "ann@example.test")
        self.assertEqual(self.mailboxes(self.route("sales+x@example.test")), [("id-ann", "INBOX")])

    def test_detailOnly(self) -> None:
        self.assertRefused(self.route("+x@example.test"), Action.REFUSE, 550, "5.1.1")

    def test_catchAll(self) -> None:
        self.domains.catchAll("example.test", "ann@example.test")
        route = self.route("any@example.test")
        self.assertEqual(self.mailboxes(route), [("id-ann", "INBOX")])
        self.assertIn("route.catchall", self.rules(route))
        self.assertRefused(self.route("any@other.test"), Action.REFUSE, 550, "5.1.1")

    def test_catchAllOfNobody(self) -> None:
        self.domains.catchAll("example.test", "gone@example.test")
        self.assertRefused(self.route("any@example.test"), Action.REFUSE, 550, "5.1.1")
        self.assertRefused(self.route("gone@example.test"), Action.REFUSE, 550, "5.4.6")

    def test_unknownUsersTo(self) -> None:
        self.settings.change("mail.unknown_users_to", "bob@example.test")
        route = self.route("any@other.test")
        self.assertEqual(self.mailboxes(route), [("id-bob", "INBOX")])
        self.domains.catchAll("other.test", "ann@example.test")
        self.assertEqual(self.mailboxes(self.route("any@other.test")), [("id-ann", "INBOX")])
        self.domains.catchAll("other.test", "gone@example.test")
        self.assertEqual(self.mailboxes(self.route("any@other.test")), [("id-bob", "INBOX")])

    def test_catchAllForAMemberOfAnAlias(self) -> None:
        self.domains.catchAll("other.test", "ann@example.test")
        self.domains.lead("sales@example.test", "bob@example.test", "gone@other.test")
        self.assertEqual(self.mailboxes(self.route("sales@example.test")), [("id-bob", "INBOX"), ("id-ann", "INBOX")])


class PostmasterTests(RouterTestCase):
    def test_setting(self) -> None:
        self.settings.change("mail.postmaster", "ann@example.test")
        for address in (
            "postmaster@example.test",
            "PostMaster@other.test",
            "abuse@example.test",
            "postmaster+x@example.test",
            "postmaster@mail.example.test",
            "postmaster@[192.0.2.1]",
            "postmaster@[IPv6:2001:db8::1]",
        ):
            self.assertEqual(self.mailboxes(self.route(address)), [("id-ann", "INBOX")], address)
        self.assertFalse(self.route("postmaster@[192.0.2.9]").isLocal)

    def test_administrators(self) -> None:
        self.accounts.accounts = tuple(
            LocalAccount(
                f"id-{name}", Address.parse(f"{name}@example.test"), "", administrator=name != "ann", state=state
            )
            for name, state in (("ann", "enabled"), ("bob", "enabled"), ("cy", "off"))
        )
        self.assertEqual(self.mailboxes(self.route("postmaster@example.test")), [("id-bob", "INBOX")])
        self.route("postmaster@example.test")
        self.assertEqual(self.accounts.asked, 1)
        self.clock.advance(61)
        self.route("postmaster@example.test")
        self.assertEqual(self.accounts.asked, 2)

    def test_settingOfNobodyFallsToTheAdministrators(self) -> None:
        self.settings.change("mail.postmaster", "gone@example.test")
        self.accounts.accounts = (LocalAccount("id-bob", Address.parse("bob@example.test"), "", administrator=True),)
        self.assertEqual(self.mailboxes(self.route("abuse@example.test")), [("id-bob", "INBOX")])

    def test_aliasWins(self) -> None:
        self.settings.change("mail.postmaster", "ann@example.test")
        self.domains.lead("abuse@example.test", "bob@example.test")
        self.assertEqual(self.mailboxes(self.route("abuse@example.test")), [("id-bob", "INBOX")])

    def test_nobody(self) -> None:
        """
        RFC 5321 4.5.1: never a 5xx.
        """
        route = self.route("postmaster@example.test")
        self.assertRefused(route, Action.DEFER, 451, "4.3.5")
        self.assertIn(("setting", "mail.postmaster"), route.refusal.step.evidence)

    def test_nobodyElseAtTheHostname(self) -> None:
        self.assertRefused(self.route("ann@mail.example.test"), Action.REFUSE, 550, "5.1.1")


class AwayTests(RouterTestCase):
    def test_directory(self) -> None:
        self.directory.isAway = True
        route = self.route("ann@example.test")
        self.assertRefused(route, Action.DEFER, 451, "4.3.0")
        self.assertEqual(route.refusal.step.evidence[0], ("error", "DirectoryAway"))
        self.assertTrue(route.isLocal)

    def test_directoryIsNotAskedForRemoteMail(self) -> None:
        self.directory.isAway = True
        self.assertIsNone(self.route("ann@far.test").refusal)

    def test_store(self) -> None:
        self.domains.isAway = True
        self.assertRefused(self.route("ann@far.test"), Action.DEFER, 451, "4.3.0")

    def test_mailboxes(self) -> None:
        self.store.isAway = True
        self.assertRefused(self.route("ann+lists@example.test"), Action.DEFER, 451, "4.3.0")

    def test_halfOfAnAliasIsNotDelivered(self) -> None:
        self.domains.lead("sales@example.test", "x@far.test", "ann@example.test")
        self.directory.isAway = True
        self.assertRefused(self.route("sales@example.test"), Action.DEFER, 451, "4.3.0")

    def test_fault(self) -> None:
        self.directory.recordWithAddress = lambda address: 1 / 0
        route = self.route("ann@example.test")
        self.assertRefused(route, Action.DEFER, 451, "4.3.0")
        self.assertIn(dict(route.refusal.step.evidence)["errorId"], route.refusal.reply.text)
        self.assertNotIn("division", route.refusal.reply.text)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class GraphTests(RouterTestCase):
    """
    Whatever administrators have written: an answer, bounded, each account and each address once.
    """

    names = tuple(f"{name}@example.test" for name in "abcdefg")

    @settings(deadline=None, max_examples=200)
    @given(
        aliases=st.dictionaries(
            st.sampled_from(names), st.lists(st.sampled_from((*names, "x@far.test", "ann@example.test")), max_size=4)
        ),
        forwards=st.dictionaries(
            st.sampled_from(names),
            st.tuples(st.lists(st.sampled_from((*names, "y@far.test")), min_size=1, max_size=3), st.booleans()),
        ),
        catchAll=st.sampled_from((None, *names)),
        luser=st.sampled_from(("", *names)),
        postmaster=st.sampled_from(("", *names)),
        asked=st.sampled_from((*names, "other+x@example.test", "postmaster@example.test")),
    )
    def test_anyGraph(self, aliases, forwards, catchAll, luser, postmaster, asked) -> None:
        self.setUp()
        for name, targets in aliases.items():
            self.domains.lead(name, *targets)
        for name, (targets, keepCopy) in forwards.items():
            to = tuple(map(Address.parse, targets))
            self.directory.add(record(name, state=AccountState.FORWARD, forwardTo=to, keepCopy=keepCopy))
        if catchAll is not None:
            self.domains.catchAll("example.test", catchAll)
        self.settings.change("mail.unknown_users_to", luser)
        self.settings.change("mail.postmaster", postmaster)
        route = self.route(asked)
        keys = [(target.accountId, target.mailbox) for target in route.mailboxes]
        self.assertEqual(len(keys), len(set(keys)))
        remotes = [remote.address for remote in route.remotes]
        self.assertEqual(len(remotes), len(set(remotes)))
        self.assertEqual(bool(keys or remotes), route.refusal is None)
        self.assertLess(len(route.steps), 200)
        if asked.startswith("postmaster") and route.refusal is not None:
            self.assertEqual(route.refusal.action, Action.DEFER)
