"""
People of real directories: everything an entry can say, and entries that are wrong.
"""

from __future__ import annotations

import base64

from twisted.cred.credentials import UsernamePassword

from osxmail.directory.checkers import DirectoryChecker
from osxmail.errors import AuthenticationFailed
from osxmail.mail.address import Address
from osxmail.mail.record import AccountState
from tests.integration.slapd import SUFFIX, Slapd, slapdMissing
from tests.integration.test_ldapconnections import LDAPCase

PEOPLE = f"ou=people,{SUFFIX}"


def person(uid: str, *lines: str, base: str = PEOPLE, objectClass: str = "extensibleObject") -> str:
    # slapadd wants the values of one attribute together.
    body = sorted((f"uid: {uid}", f"cn: {uid}", f"sn: {uid}", *lines), key=lambda line: line.split(":")[0])
    return (
        "\n".join((f"dn: uid={uid},{base}", "objectClass: inetOrgPerson", f"objectClass: {objectClass}", *body)) + "\n"
    )


def encoded(name: str, value: bytes | str) -> str:
    octets = value if isinstance(value, bytes) else value.encode()
    return f"{name}:: {base64.b64encode(octets).decode()}"


def plist(**values: str) -> str:
    values = {"kAttributeVersion": "Apple Mail 1.0", "kMailAccountState": "Enabled", **values}
    return "<dict>" + "".join(f"<key>{k}</key><string>{v}</string>" for k, v in values.items()) + "</dict>"


BOMB = (
    "<!DOCTYPE plist ["
    + '<!ENTITY a0 "boom">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]><plist><dict><key>kMailAccountState</key><string>&a11;</string></dict></plist>"
)


class InetOrgPersonTests(LDAPCase):
    skip = slapdMissing

    def serve(self, *entries: str) -> None:
        slapd = Slapd.inetOrgPerson("\n".join(entries))
        self.addCleanup(slapd.close)
        slapd.start()
        self.directory = self.connect(slapd.url)

    async def test_sample(self) -> None:
        """
        The sample in etc/openldap says what its comments say.
        """
        self.serve()
        anna = await self.directory.recordWithAddress(Address.parse("Anna.Berg@example.test"))
        self.assertEqual((anna.login, anna.fullName, str(anna.address)), ("anna", "Anna Berg", "anna@example.test"))
        self.assertEqual(len(anna.accountId), 36)
        self.assertEqual(dict(anna.source)["dn"], f"uid=anna,{PEOPLE}")
        clara = await self.directory.recordWithLogin("clara")
        self.assertEqual(
            (clara.state, clara.forwardTo), (AccountState.FORWARD, (Address.parse("clara@elsewhere.test"),))
        )
        doris = await self.directory.recordWithAddress(Address.parse("d.erb@example.test"))
        self.assertEqual((doris.login, doris.mailHost), ("doris", "mail2.example.test"))
        # The service login is no person.
        self.assertIsNone(await self.directory.recordWithLogin("osxmail"))

    async def test_severalShortNames(self) -> None:
        self.serve(person("zoe", "uid: zz", "uid: zoe.zander", "mail: z@example.org", "userPassword: z"))
        for login in ("zoe", "zz", "zoe.zander", "zz@example.test", "z@example.org"):
            found = await self.directory.recordWithLogin(login)
            self.assertIsNotNone(found, login)
            self.assertEqual(found.address, Address.parse("z@example.org"), login)
            self.assertTrue(await self.directory.verifyPassword(found, "z"))
        self.assertIsNone(await self.directory.recordWithLogin("z"))

    async def test_ambiguousAddress(self) -> None:
        """
        An address that two people have is nobody's to take, and nobody's to refuse.
        """
        self.serve(person("one", "mail: both@example.test"), person("two", "mail: both@example.test"))
        both = Address.parse("both@example.test")
        self.assertIn("both@example.test", await self.away(self.directory.recordWithAddress(both), 1))
        await self.away(self.directory.recordWithLogin("both@example.test"), 1)
        self.assertEqual(self.happened("directory.ambiguous")[0]["dns"], (f"uid=one,{PEOPLE}", f"uid=two,{PEOPLE}"))
        # The directory is well, and says so of others.
        self.assertIsNotNone(await self.directory.recordWithLogin("anna"))
        self.assertEqual(self.happened("directory.away"), [])

    async def test_manyWithOneAddress(self) -> None:
        self.serve(*(person(f"p{n}", "mail: all@example.test") for n in range(20)))
        await self.away(self.directory.recordWithAddress(Address.parse("all@example.test")), 1)

    async def test_oddAttributes(self) -> None:
        """
        Pictures, broken text and values without end next to what is read.
        """
        self.serve(
            person(
                "odd",
                encoded("jpegPhoto", b"\xff\xd8\0" * 100_000),
                encoded("userCertificate;binary", b"0\0"),
                encoded("displayName", "Ödd\tÖne"),
                "mail: odd@example.test",
                "mail: no address at all",
                encoded("mail", "x" * 5000 + "@example.test"),
                "cn;lang-de: Seltsam",
            )
        )
        found = await self.directory.recordWithLogin("odd")
        self.assertEqual((found.fullName, found.addresses), ("Ödd\tÖne", {Address.parse("odd@example.test")}))

    async def test_oddNamesOfEntries(self) -> None:
        """
        A DN with everything in it that a DN can have is bound with as it stands.
        """
        dn = f"uid=a\\2Cb\\2B\\22\\5C\\23 \\C3\\A9,{PEOPLE}"
        uid = 'a,b+"\\# é'
        self.serve(
            f"dn: {dn}\nobjectClass: inetOrgPerson\n{encoded('uid', uid)}\ncn: x\nsn: x\n"
            "mail: dn@example.test\nuserPassword: dn-secret\n"
        )
        for login in ("dn@example.test", uid):
            found = await self.directory.recordWithLogin(login)
            self.assertTrue(await self.directory.verifyPassword(found, "dn-secret"), dict(found.source)["dn"])
            self.assertFalse(await self.directory.verifyPassword(found, "wrong"))

    async def test_utf8(self) -> None:
        self.serve(person("émile", encoded("userPassword", "pässwörd €"), encoded("displayName", "Émile")))
        found = await self.directory.recordWithLogin("ÉMILE")
        self.assertEqual(found.address, Address.parse("émile@example.test"))
        self.assertTrue(await self.directory.verifyPassword(found, "pässwörd €"))
        self.assertTrue(await self.directory.verifyPassword(found, "pa\u0308sswo\u0308rd\u00a0€"))
        self.assertFalse(await self.directory.verifyPassword(found, "password €"))

    async def test_hashedPasswords(self) -> None:
        """
        How the server keeps a password is its own affair.
        """
        digest = base64.b64encode(bytes.fromhex("5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8")).decode()
        self.serve(person("sha", f"userPassword: {{SHA}}{digest}"), person("none"))
        sha, none = [await self.directory.recordWithLogin(name) for name in ("sha", "none")]
        self.assertTrue(await self.directory.verifyPassword(sha, "password"))
        self.assertFalse(await self.directory.verifyPassword(sha, f"{{SHA}}{digest}"))
        self.assertFalse(await self.directory.verifyPassword(none, "password"))

    async def test_checker(self) -> None:
        """
        The whole way of a login; an unknown one is a bind like any other.
        """
        self.serve()
        checker = DirectoryChecker(self.directory)
        found = await checker.requestAvatarId(UsernamePassword(b"anna", b"annas-secret"))
        self.assertEqual(found.login, "anna")
        for login in (b"anna", b"nobody", b"*", b"anna)(uid=*"):
            await self.assertFailure(checker.requestAvatarId(UsernamePassword(login, b"wrong")), AuthenticationFailed)
        self.assertEqual(self.happened("directory.away"), [])

    async def test_overrides(self) -> None:
        slapd = Slapd.inetOrgPerson(
            person("own", "title: x@example.org", "description: 5M", "employeeType: off", "employeeNumber: 77")
        )
        self.addCleanup(slapd.close)
        slapd.start()
        directory = self.connect(
            slapd.url,
            base=SUFFIX,
            attributes={
                "mail": "title", "quota": "description", "state": "employeeType", "account_id": "employeeNumber",
                "users_base": "ou=people",
            },
        )  # fmt: skip
        found = await directory.recordWithAddress(Address.parse("x@example.org"))
        self.assertEqual((found.accountId, found.quotaOctets, found.state), ("77", 5 << 20, AccountState.OFF))
        self.assertIsNone(await directory.recordWithAddress(Address.parse("anna.berg@example.test")))


class AppleTests(LDAPCase):
    skip = slapdMissing

    def serve(self, *entries: str) -> None:
        slapd = Slapd.apple("\n".join(entries))
        self.addCleanup(slapd.close)
        slapd.start()
        self.directory = self.connect(slapd.url, schema="apple")

    def user(self, uid: str, mail: str | bytes | None) -> str:
        lines = [] if mail is None else [encoded("apple-user-mailattribute", mail)]
        return person(uid, *lines, base=f"cn=users,{SUFFIX}", objectClass="apple-user")

    async def test_sample(self) -> None:
        """
        The sample in etc/openldap says what its comments say.
        """
        self.serve()
        found = {
            name: await self.directory.recordWithLogin(name)
            for name in ("anna", "aberg", "bert", "clara", "doris", "emil", "gerda", "hugo", "ines")
        }
        anna = found["anna"]
        self.assertEqual(found["aberg"], anna)
        self.assertEqual((str(anna.address), anna.quotaOctets), ("anna@example.test", 25 << 20))
        self.assertEqual(
            anna.addresses,
            {Address.parse(f"{n}@example.test") for n in ("anna", "aberg", "anna.berg")},
        )
        self.assertEqual(anna.accountId, "0a1b2c3d-0000-4000-8000-000000000001")
        # authAuthority names somebody else; the password is verified by binding all the same.
        self.assertTrue(await self.directory.verifyPassword(anna, "annas-secret"))
        self.assertEqual((found["bert"].popAllowed, found["bert"].imapAllowed), (False, True))
        self.assertEqual(found["clara"].forwardTo, (Address.parse("clara@elsewhere.test"),))
        self.assertEqual((anna.mailHost, found["doris"].mailHost), ("mail.example.test", "mail2.example.test"))
        self.assertEqual((found["gerda"].popAllowed, found["gerda"].imapAllowed), (True, False))
        states = {name: record.state.value for name, record in found.items()}
        self.assertEqual(
            [states[n] for n in ("anna", "clara", "emil", "hugo", "ines")],
            ["enabled", "forward", "off", "off", "enabled"],
        )
        self.assertEqual([name for name, record in found.items() if record.warnings], ["hugo", "ines"])

    async def test_unreadable(self) -> None:
        """
        A bomb, half a list and a state that nobody knows: for these people the directory cannot say; for others it can.
        """
        wrong = {
            "bomb": BOMB, "half": "<dict><key>kMail", "odd": plist(kMailAccountState="Sometimes"),
            "nowhere": plist(kMailAccountState="Forward"), "large": "<dict>" + " " * 70_000 + "</dict>",
        }  # fmt: skip
        self.serve(*(self.user(uid, value) for uid, value in wrong.items()))
        for uid in wrong:
            await self.away(self.directory.recordWithAddress(Address.parse(f"{uid}@example.test")), 1)
            await self.away(self.directory.recordWithLogin(uid), 1)
        self.assertIsNotNone(await self.directory.recordWithLogin("anna"))
        said = self.happened("directory.unreadable")
        self.assertEqual({event["dn"].split(",")[0] for event in said}, {f"uid={uid}" for uid in wrong})
        self.assertEqual(self.happened("directory.away"), [])

    async def test_elsewhereInTheTree(self) -> None:
        """
        People are below cn=users, and nowhere else.
        """
        self.serve(person("stray", base=SUFFIX, objectClass="apple-user"))
        self.assertIsNone(await self.directory.recordWithLogin("stray"))
