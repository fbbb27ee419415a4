"""
Groups of real directories.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from osxmail.directory import ldapgroups
from osxmail.mail.address import Address
from osxmail.mail.record import Group
from tests.integration.slapd import SUFFIX, Slapd, slapdMissing
from tests.integration.test_ldapconnections import LDAPCase

PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"


def group(cn: str, *members: str) -> str:
    lines = [f"dn: cn={cn},{GROUPS}", "objectClass: groupOfNames", "objectClass: extensibleObject", f"cn: {cn}"]
    return "\n".join((*lines, f"mail: {cn}@example.test", *(f"member: {m}" for m in members))) + "\n"


def appleGroup(cn: str, guid: str, *lines: str) -> str:
    head = [f"dn: cn={cn},cn=groups,{SUFFIX}"]
    head += [f"objectClass: {c}" for c in ("posixGroup", "apple-group", "extensibleObject")]
    head += [f"cn: {cn}", "gidNumber: 1", f"mail: {cn}@example.test", f"apple-generateduid: {guid}"]
    return "\n".join((*head, *lines)) + "\n"


class GroupCase(LDAPCase):
    def serve(self, slapd: Slapd, **fields: object) -> None:
        self.addCleanup(slapd.close)
        slapd.start()
        self.directory = self.connect(slapd.url, timeoutSeconds=5.0, **fields)

    def group(self, name: str) -> Deferred[Group | None]:
        return self.directory.groupWithAddress(Address.parse(f"{name}@example.test"))

    async def members(self, name: str) -> list[str]:
        return [str(member).removesuffix("@example.test") for member in (await self.group(name)).members]


class InetOrgPersonGroupTests(GroupCase):
    skip = slapdMissing

    async def test_sample(self) -> None:
        self.serve(Slapd.inetOrgPerson())
        self.assertEqual(await self.members("team"), ["anna", "bert", "doris"])
        self.assertEqual(await self.members("Sales"), ["anna", "bert", "partner@elsewhere.test"])
        # A group without an address has none, unless its name is made one.
        self.assertIsNone(await self.group("office"))

    async def test_namesAsAddresses(self) -> None:
        self.serve(Slapd.inetOrgPerson(), attributes={"group_name": "cn"})
        self.assertEqual(await self.members("office"), ["bert", "doris"])

    async def test_loops(self) -> None:
        """
        Groups in each other, in themselves, and by DNs that are spelled in other ways.
        """
        self.serve(
            Slapd.inetOrgPerson(
                group("a", f"cn=b,{GROUPS}", f"uid=anna,{PEOPLE}")
                + "\n"
                + group("b", f"CN=A, OU=Groups, {SUFFIX}", f"uid=bert , {PEOPLE}", f"uid=BERT,{PEOPLE}")
                + "\n"
                + group("self", f"cn=self,{GROUPS}", f"uid=anna,{PEOPLE}")
            )
        )
        self.assertEqual(sorted(await self.members("a")), ["anna", "bert"])
        self.assertEqual(sorted(await self.members("b")), ["anna", "bert"])
        self.assertEqual(await self.members("self"), ["anna"])

    async def test_membersThatAreGone(self) -> None:
        """
        They are counted, and the others have their mail.
        """
        self.serve(Slapd.inetOrgPerson(group("old", f"uid=gone,{PEOPLE}", f"uid=anna,{PEOPLE}", f"{PEOPLE}", "cn=y")))
        found = await self.group("old")
        self.assertEqual(found.members, (Address.parse("anna@example.test"),))
        self.assertIn(("members without an address here", "3"), found.source)

    async def test_nobodyInIt(self) -> None:
        self.serve(Slapd.inetOrgPerson(group("empty", f"uid=gone,{PEOPLE}")))
        self.assertEqual((await self.group("empty")).members, ())

    async def test_everyKindOfMember(self) -> None:
        self.serve(
            Slapd.inetOrgPerson(
                group("mixed", f"uid=anna,{PEOPLE}").rstrip("\n")
                + "\nmemberUid: bert\nmemberUid: nobody\nmemberUid: *\nrfc822MailMember: far@elsewhere.test\n"
                f"rfc822MailMember: |/bin/sh\nuniqueMember: uid=doris,{PEOPLE}\n"
            )
        )
        found = await self.group("mixed")
        self.assertEqual(
            sorted(map(str, found.members)),
            ["anna@example.test", "bert@example.test", "doris@example.test", "far@elsewhere.test"],
        )
        self.assertIn(("members without an address here", "3"), found.source)

    async def test_large(self) -> None:
        """
        As many members as are allowed are found, in few questions; one more, and mail waits until that is mended.
        """
        self.patch(ldapgroups, "MAX_MEMBERS", 120)
        people = "\n".join(
            f"dn: uid=p{n},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: p{n}\ncn: p\nsn: p\nmail: p{n}@example.test\n"
            for n in range(121)
        )
        dns = [f"uid=p{n},{PEOPLE}" for n in range(121)]
        self.serve(Slapd.inetOrgPerson("\n".join((people, group("full", *dns[:120]), group("over", *dns)))))
        self.assertEqual(len(await self.members("full")), 120)
        self.assertIn("more than 120", await self.away(self.group("over"), 5))
        self.assertEqual(len(self.happened("directory.unreadable")), 1)
        self.assertEqual(self.happened("directory.away"), [])

    async def test_manyNested(self) -> None:
        """
        The limit counts over all of them.
        """
        self.patch(ldapgroups, "MAX_MEMBERS", 10)
        inner = [group(f"in{n}", *(f"uid=q{n}x{m},{PEOPLE}" for m in range(9))) for n in range(9)]
        outer = group("outer", *(f"cn=in{n},{GROUPS}" for n in range(9)))
        self.serve(Slapd.inetOrgPerson("\n".join((*inner, outer))))
        await self.away(self.group("outer"), 5)

    async def test_deep(self) -> None:
        chain = [group(f"d{n}", f"cn=d{n + 1},{GROUPS}", f"uid=anna,{PEOPLE}") for n in range(ldapgroups.MAX_DEPTH)]
        last = group(f"d{ldapgroups.MAX_DEPTH}", f"uid=bert,{PEOPLE}")
        self.serve(Slapd.inetOrgPerson("\n".join((*chain, last))))
        self.assertEqual(sorted(await self.members("d1")), ["anna", "bert"])
        await self.away(self.group("d0"), 5)

    async def test_ambiguous(self) -> None:
        self.serve(Slapd.inetOrgPerson(group("team", f"uid=anna,{PEOPLE}").replace("cn=team", "cn=other", 1)))
        await self.away(self.group("team"), 5)
        self.assertEqual(len(self.happened("directory.ambiguous")), 1)

    async def test_awayInTheMiddle(self) -> None:
        """
        Half a group is no group.
        """
        self.patch(ldapgroups, "BATCH", 1)
        slapd = Slapd.inetOrgPerson()
        self.serve(slapd)
        read = self.directory._searches.read

        def stopThen(*arguments):
            slapd.stop()
            return read(*arguments)

        self.patch(self.directory._searches, "read", stopThen)
        await self.away(self.group("team"), 6)


class AppleGroupTests(GroupCase):
    skip = slapdMissing

    async def test_sample(self) -> None:
        self.serve(Slapd.apple(), schema="apple")
        self.assertEqual(await self.members("team"), ["anna", "bert", "doris"])

    async def test_loops(self) -> None:
        self.serve(
            Slapd.apple(
                appleGroup(
                    "a", "G-A", "memberUid: anna", "apple-group-nestedgroup: G-B", "apple-group-nestedgroup: G-A"
                )
                + "\n"
                + appleGroup("b", "G-B", "memberUid: bert", "apple-group-nestedgroup: G-A")
            ),
            schema="apple",
        )
        self.assertEqual(await self.members("a"), ["anna", "bert"])
        self.assertEqual(await self.members("b"), ["bert", "anna"])

    async def test_unknown(self) -> None:
        self.serve(
            Slapd.apple(
                appleGroup(
                    "x",
                    "G-X",
                    "memberUid: gone",
                    "memberUid: ABERG",
                    "apple-group-memberguid: GONE",
                    "apple-group-nestedgroup: GONE",
                )
            ),
            schema="apple",
        )
        found = await self.group("x")
        self.assertEqual(found.members, (Address.parse("anna@example.test"),))
        self.assertIn(("members without an address here", "3"), found.source)
