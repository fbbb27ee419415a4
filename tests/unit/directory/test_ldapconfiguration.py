from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from osxmail.directory.ldap import LDAPDirectory
from osxmail.directory.ldapconfiguration import LDAPConfiguration
from osxmail.errors import ConfigurationError

GOOD = LDAPConfiguration("ldap://127.0.0.1:389", "dc=example,dc=test", "cn=x", "hunter2")


class LDAPConfigurationTests(SynchronousTestCase):
    def wrong(self, field: str, **changes: object) -> None:
        problems = evolve(GOOD, **changes).problems()
        self.assertEqual(len(problems), 1, problems)
        self.assertTrue(problems[0].startswith(field), problems)

    def test_good(self) -> None:
        for url in (
            "ldap://h", "LDAPS://h:636/", "ldap://[::1]:389", "ldapi://%2Frun%2Fslapd%2Fldapi", "ldap://a ldap://b:1389",
        ):  # fmt: skip
            self.assertEqual(evolve(GOOD, url=url).problems(), [])

    def test_secret(self) -> None:
        self.assertNotIn("hunter2", repr(GOOD))
        self.assertNotIn("hunter2", str(GOOD))

    def test_wrong(self) -> None:
        for url in ("", "http://h", "ldap://h:99999", "ldap://h:x", "ldap:///", "ldapi://run", "ldap://h/dc=x?uid"):
            self.wrong("url", url=url)
        self.wrong("base", base=" ")
        self.wrong("bindPassword", bindPassword="")
        self.wrong("schema", schema="activedirectory")
        self.wrong("attributes.mial", attributes={"mial": "mail"})
        self.wrong("attributes.mail", attributes={"mail": "mail)(uid=*"})
        self.wrong("startTLS", url="ldaps://h", startTLS=True)
        self.wrong("timeoutSeconds", poolSize=0)

    def test_directoryRefusesIt(self) -> None:
        error = self.assertRaises(ConfigurationError, LDAPDirectory, evolve(GOOD, url="x", base=""), [])
        self.assertEqual(len(error.problems), 2)

    def test_cleartext(self) -> None:
        for url, expected in (
            ("ldap://127.0.0.1", False), ("ldap://localhost:1", False), ("ldap://[::1]", False),
            ("ldapi://%2Fx", False), ("ldaps://h", False), ("ldap://h", True), ("ldaps://h ldap://h", True),
        ):  # fmt: skip
            self.assertIs(evolve(GOOD, url=url).sendsCleartext, expected, url)
        self.assertFalse(evolve(GOOD, url="ldap://h", startTLS=True).sendsCleartext)

    def test_overrides(self) -> None:
        schema = evolve(GOOD, attributes={"mail": "a, b", "alias": "", "users_base": "ou=p"}).effectiveSchema()
        self.assertEqual((schema.attributes["mail"], schema.attributes["alias"]), (("a", "b"), ()))
        self.assertEqual(schema.base("users_base", GOOD.base), "ou=p,dc=example,dc=test")
        self.assertEqual(schema.base("groups_base", GOOD.base), "dc=example,dc=test")
