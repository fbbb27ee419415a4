"""
Entries into records, for both schemas and with overrides.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.directory.ldapfilter import Entry
from osxmail.directory.schemas import ATTRIBUTE_NAMES, MAX_VALUES, SCHEMAS, Reader
from osxmail.errors import ParseError
from osxmail.mail.address import Address
from osxmail.mail.record import AccountState, Record

ADDRESS = Address.parse


def reader(schema: str = "inetorgperson", domains: tuple[str, ...] = ("example.test",), **overrides: str) -> Reader:
    return Reader(SCHEMAS[schema].overridden(overrides), domains, "ldap://x")


def entry(**attributes: object) -> Entry:
    values = {}
    for name, value in attributes.items():
        many = value if isinstance(value, list) else [value]
        values[name.replace("_", "-").lower()] = tuple(v if isinstance(v, bytes) else v.encode() for v in many)
    return Entry("uid=anna,dc=example,dc=test", values)


def plist(**values: str) -> str:
    values = {"kAttributeVersion": "Apple Mail 1.0", "kMailAccountState": "Enabled", **values}
    return "<dict>" + "".join(f"<key>{k}</key><string>{v}</string>" for k, v in values.items()) + "</dict>"


class InetOrgPersonTests(SynchronousTestCase):
    def test_record(self) -> None:
        found = reader().record(
            entry(
                entryUUID="6FD0-AB", uid=["anna", "aberg"], mail=["Anna.Berg@example.test", "a@example.org"],
                displayName=" Anna Berg ", cn="A",
            )
        )  # fmt: skip
        self.assertEqual(
            found,
            Record(
                accountId="6fd0-ab",
                login="anna",
                address=ADDRESS("anna.berg@example.test"),
                addresses=frozenset(
                    map(ADDRESS, ("anna.berg@example.test", "a@example.org", "anna@example.test", "aberg@example.test"))
                ),
                fullName="Anna Berg",
                source=(("directory", "ldap://x"), ("dn", "uid=anna,dc=example,dc=test")),
            ),
        )

    def test_withoutDomains(self) -> None:
        """
        Short names are addresses only where the configuration says so.
        """
        found = reader(domains=()).record(entry(entryUUID="1", uid="anna", mail="a@example.org"))
        self.assertEqual(found.addresses, {ADDRESS("a@example.org")})
        self.assertIsNone(reader(domains=()).record(entry(entryUUID="1", uid="anna")))

    def test_withoutMail(self) -> None:
        found = reader(domains=("example.test", "example.org")).record(entry(entryUUID="1", uid="anna"))
        self.assertEqual(found.address, ADDRESS("anna@example.test"))
        self.assertIn(ADDRESS("anna@example.org"), found.addresses)

    def test_loginThatIsAnAddress(self) -> None:
        found = reader().record(entry(entryUUID="1", uid="anna@example.org"))
        self.assertEqual(found.addresses, {ADDRESS("anna@example.org")})

    def test_oddValues(self) -> None:
        """
        What is no text, no address or too long is passed over.
        """
        found = reader().record(
            entry(
                entryUUID=b"\xff", uid=["anna", b"\xff\xfe", "x" * 5000, "a b\0"], mail=[b"\x00\x80", "no address", ""],
                cn=b"\xff", jpegPhoto=b"\xff\xd8" * 50_000,
            )
        )  # fmt: skip
        self.assertEqual(found.addresses, {ADDRESS("anna@example.test")})
        self.assertEqual((found.accountId, found.fullName), ("login:anna", ""))
        self.assertIn("stable identifier", found.warnings[0])

    def test_tooManyValues(self) -> None:
        found = reader().record(entry(entryUUID="1", mail=[f"a{n}@example.test" for n in range(MAX_VALUES + 5)]))
        self.assertEqual(len(found.addresses), MAX_VALUES)
        self.assertIn("1000 values", found.warnings[0])

    def test_noAddress(self) -> None:
        self.assertIsNone(reader().record(entry(entryUUID="1", cn="printer")))

    def test_forward(self) -> None:
        found = reader().record(entry(entryUUID="1", uid="anna", mailRoutingAddress="anna@elsewhere.test"))
        self.assertEqual((found.state, found.forwardTo), (AccountState.FORWARD, (ADDRESS("anna@elsewhere.test"),)))
        self.assertFalse(found.keepCopy)

    def test_forwardToOneself(self) -> None:
        """
        To one's own address alone it means nothing; beside another it means a copy.
        """
        own = {"entryUUID": "1", "uid": "anna"}
        found = reader().record(entry(**own, mailRoutingAddress="ANNA@example.test"))
        self.assertEqual((found.state, found.forwardTo), (AccountState.ENABLED, ()))
        found = reader().record(entry(**own, mailForwardingAddress=["anna@example.test", "b@elsewhere.test"]))
        self.assertEqual((found.state, found.keepCopy), (AccountState.FORWARD, True))

    def test_unreadableForward(self) -> None:
        """
        Mail that was to be forwarded is not delivered here by guess.
        """
        self.assertRaises(ParseError, reader().record, entry(uid="anna", mailRoutingAddress="nowhere"))
        found = reader().record(entry(entryUUID="1", uid="anna", mailForwardingAddress=["nowhere", "b@elsewhere.test"]))
        self.assertEqual(found.forwardTo, (ADDRESS("b@elsewhere.test"),))
        self.assertIn("nowhere", found.warnings[0])

    def test_mailHost(self) -> None:
        for written, read in (
            ("mail2.example.test", "mail2.example.test"), ("MAIL.Example.TEST.", "mail.example.test"),
            ("192.0.2.2", "192.0.2.2"), ("localhost", "localhost"), ("[2001:db8::1]", "2001:db8::1"), ("my server", ""),
        ):  # fmt: skip
            self.assertEqual(reader().record(entry(uid="anna", mailHost=written)).mailHost, read, written)

    def test_overrides(self) -> None:
        names = {"state": "accountStatus", "administrator": "mailAdmin", "account_id": "employeeNumber"}
        one = reader(mail="workMail", quota="mailQuota", **names)
        found = one.record(
            entry(
                workMail="w@example.test", mail="x@example.test", mailQuota="2G", accountStatus="Active",
                mailAdmin="TRUE", employeeNumber="E-7",
            )
        )  # fmt: skip
        self.assertEqual(found.addresses, {ADDRESS("w@example.test")})
        self.assertEqual((found.quotaOctets, found.administrator, found.accountId), (2 << 30, True, "e-7"))
        self.assertIs(one.record(entry(uid="a", accountStatus="disabled")).state, AccountState.OFF)
        self.assertRaises(ParseError, one.record, entry(uid="a", accountStatus="perhaps"))
        found = one.record(entry(uid="a", employeeNumber="1", mailQuota="much"))
        self.assertIsNone(found.quotaOctets)
        self.assertIn("much", found.warnings[0])

    def test_everyNameCanBeOverridden(self) -> None:
        for name, role in ATTRIBUTE_NAMES.items():
            schema = SCHEMAS["inetorgperson"].overridden({name: "some"})
            self.assertTrue(schema.bases[name] == "some" if role.isBase else schema.attributes[name] == ("some",))
            self.assertTrue(role.help)

    def test_internationalDomain(self) -> None:
        """
        A domain is looked for in letters and in its encoded form.
        """
        filter = reader().personWithAddress(ADDRESS("a@bücher.example"))
        self.assertIn("mail=a@xn--bcher-kva.example", filter)
        self.assertIn("mail=a@b\\c3\\bccher.example", filter)
        self.assertIn(ADDRESS("a@bücher.example"), reader().addresses(entry(mail="a@bücher.example")))

    def test_groups(self) -> None:
        group = entry(objectClass=["groupOfNames"], cn="team", mail="t@example.test")
        self.assertEqual(reader().groupAddresses(group), (ADDRESS("t@example.test"),))
        self.assertTrue(reader().isGroup(group))
        alias = entry(objectClass=["top", "NISMailAlias"], cn=["sales", "office"])
        self.assertEqual(
            reader().groupAddresses(alias), (ADDRESS("sales@example.test"), ADDRESS("office@example.test"))
        )
        named = reader(group_name="cn")
        self.assertIn(ADDRESS("team@example.test"), named.groupAddresses(group))
        self.assertIn("(cn=team)", named.groupWithAddress(ADDRESS("team@example.test")))
        self.assertFalse(reader().isGroup(entry(objectClass="inetOrgPerson")))

    def test_memberAddresses(self) -> None:
        self.assertEqual(reader().memberAddress(" bert "), ADDRESS("bert@example.test"))
        self.assertEqual(reader().memberAddress("b@elsewhere.test"), ADDRESS("b@elsewhere.test"))
        for nothing in ("|/bin/cat", "/var/mail/x y", ":include:/etc/passwd", '"|cat"', ""):
            self.assertIsNone(reader().memberAddress(nothing), nothing)
        self.assertIsNone(reader(domains=()).memberAddress("bert"))

    @settings(deadline=None, max_examples=300)
    @given(
        st.dictionaries(
            st.sampled_from(["uid", "mail", "entryuuid", "mailhost", "mailroutingaddress", "cn", "maillocaladdress"]),
            st.lists(
                st.binary(max_size=20) | st.text(max_size=20).map(lambda t: t.encode("utf-8", "ignore")), max_size=3
            ),
        )
    )  # fmt: skip
    def test_anyEntry(self, attributes: dict[str, list[bytes]]) -> None:
        """
        A record, nobody, or "it does not say": nothing else.
        """
        found = Entry("cn=x", {name: tuple(values) for name, values in attributes.items()})
        try:
            record = reader().record(found)
        except ParseError:
            return
        if record is not None:
            self.assertIn(record.address, record.addresses)
            self.assertTrue(record.accountId)
            self.assertTrue(record.state is not AccountState.FORWARD or record.forwardTo)


class AppleTests(SynchronousTestCase):
    def record(self, setting: str | bytes | None, **more: object) -> Record | None:
        attributes = dict(more) if setting is None else {**more, "apple_user_mailattribute": setting}
        return reader("apple").record(entry(apple_generateduid="GUID-1", uid=["anna", "aberg"], **attributes))

    def test_enabled(self) -> None:
        found = self.record(plist(kUserDiskQuota="10", kPOP3LoginState="POP3Deny"), mail="a.berg@example.test")
        self.assertEqual((found.accountId, found.address), ("guid-1", ADDRESS("anna@example.test")))
        self.assertEqual(
            found.addresses, set(map(ADDRESS, ("anna@example.test", "aberg@example.test", "a.berg@example.test")))
        )
        self.assertEqual(
            (found.state, found.quotaOctets, found.popAllowed, found.imapAllowed, found.mailHost, found.warnings),
            (AccountState.ENABLED, 10 << 20, False, True, "", ()),
        )

    def test_location(self) -> None:
        self.assertEqual(self.record(plist(kMailAccountLocation="")).mailHost, "")
        self.assertEqual(self.record(plist(kMailAccountLocation="192.0.2.1")).mailHost, "192.0.2.1")
        self.assertEqual(self.record(plist(kMailAccountLocation="Other.example.test")).mailHost, "other.example.test")

    def test_forward(self) -> None:
        found = self.record(plist(kMailAccountState="Forward", kAutoForwardValue="x@elsewhere.test"))
        self.assertEqual((found.state, found.forwardTo), (AccountState.FORWARD, (ADDRESS("x@elsewhere.test"),)))

    def test_off(self) -> None:
        self.assertIs(self.record(plist(kMailAccountState="Off")).state, AccountState.OFF)

    def test_neverSwitchedOn(self) -> None:
        for mail in (None, "<dict/>"):
            found = self.record(mail)
            self.assertIs(found.state, AccountState.OFF)
            self.assertIn("does not switch mail on", found.warnings[0])

    def test_bareAddress(self) -> None:
        found = self.record("anna@example.test")
        self.assertIs(found.state, AccountState.ENABLED)
        self.assertIn("bare address", found.warnings[0])

    def test_unreadable(self) -> None:
        bomb = '<!DOCTYPE plist [<!ENTITY a "b">]><plist><dict><key>&a;</key><string/></dict></plist>'
        for mail in (bomb, "<dict>", b"\xff\xfe", plist(kMailAccountState="Sometimes"), "x" * 70_000):
            self.assertRaises(ParseError, self.record, mail)
