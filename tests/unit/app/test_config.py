from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.app.config import parseConfiguration, readConfiguration
from osxmail.errors import ConfigurationError

BAD = Path(__file__).parents[2] / "badconfigs"

GOOD = """
hostname = "mail.example.test"
data = "data"
[listen]
smtp = ["tcp:25", "tcp:2525:interface=127.0.0.1"]
imaps = ["tcp:993"]
console = ["tcp:8025:interface=127.0.0.1"]
[dns]
servers = ["127.0.0.1:5353", "[::1]:53", "192.0.2.1"]
[[directory]]
kind = "local"
[[directory]]
kind = "ldap"
url = "ldap://127.0.0.1:3890"
base = "dc=example,dc=test"
bind_dn = "cn=mail"
bind_password = "secret"
schema = "apple"
timeout_seconds = 2
[[domain]]
name = "Example.Test"
[[domain]]
name = "bücher.test"
[settings]
relay.port = 2525
"smtp.block_inbound" = true
relay.approved_networks = ["10.0.0.0/8", "::1"]
"""


class GoodTests(SynchronousTestCase):
    def test_everything(self) -> None:
        found = parseConfiguration(GOOD, Path("/srv/mail/osxmail.toml"))
        self.assertEqual(found.data, Path("/srv/mail/data"))
        self.assertEqual(
            found.listen,
            (("smtp", "tcp:25"), ("smtp", "tcp:2525:interface=127.0.0.1"), ("imaps", "tcp:993")),
        )
        self.assertEqual(found.resolvers, (("127.0.0.1", 5353), ("::1", 53), ("192.0.2.1", 53)))
        self.assertIsNone(found.directories[0])
        ldap = found.directories[1]
        assert ldap is not None
        self.assertEqual((ldap.schema, ldap.timeoutSeconds, ldap.bindPassword), ("apple", 2.0, "secret"))
        self.assertNotIn("secret", repr(found))
        self.assertEqual(found.domains, ("example.test", "xn--bcher-kva.test"))
        # In the old service's directory short names are addresses in all of them.
        self.assertEqual(ldap.domains, found.domains)
        self.assertEqual(
            found.pins,
            {"relay.port": "2525", "smtp.block_inbound": "yes", "relay.approved_networks": "10.0.0.0/8 ::1"},
        )
        self.assertEqual(found.later, ("console",))

    def test_domainsOfADirectory(self) -> None:
        for lines, expected in (
            ('schema = "apple"\ndomains = ["one.test"]', ("one.test",)),
            ('schema = "apple"\ndomains = []', ()),
            # Elsewhere a person has the addresses that the entry states.
            ('schema = "inetorgperson"', ()),
            ('schema = "inetorgperson"\ndomains = ["one.test"]', ("one.test",)),
        ):
            text = GOOD.replace('schema = "apple"', lines)
            ldap = parseConfiguration(text, Path("/x.toml")).directories[1]
            assert ldap is not None
            self.assertEqual(ldap.domains, expected)

    def test_smallest(self) -> None:
        found = parseConfiguration('hostname = "m.example.test"\ndata = "/d"\n', Path("/x.toml"))
        self.assertEqual((found.listen, found.directories, found.data), ((), (None,), Path("/d")))


class BadTests(SynchronousTestCase):
    """
    Each folder of C{tests/badconfigs} is a configuration and the problems that must be found in it, all of them.
    """

    def test_badConfigurations(self) -> None:
        folders = sorted(BAD.iterdir())
        self.assertGreater(len(folders), 8)
        for folder in folders:
            path = folder / "osxmail.toml"
            error = self.assertRaises(ConfigurationError, readConfiguration, path)
            expected = (folder / "expected.txt").read_text().splitlines()
            self.assertEqual([p.replace(str(folder) + "/", "") for p in error.problems], expected, folder.name)

    def test_passwordsInFilesOfTheirOwn(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        text = (
            'hostname = "m.example.test"\ndata = "d"\n[directory]\nkind = "ldap"\nurl = "ldap://127.0.0.1"\n'
            'base = "dc=x"\nbind_dn = "cn=x"\nbind_password_file = "pw"\n'
        )
        for content, mode, expected in (
            (b"tell nobody\nmore\n", 0o640, ""),
            (b"tell nobody\n", 0o644, "everybody can read it"),
            (b"\nsecond line\n", 0o600, "no password on its first line"),
            (b"\xff\xfe", 0o600, "not UTF-8"),
        ):
            path = folder / "pw"
            path.write_bytes(content)
            path.chmod(mode)
            if not expected:
                (found,) = parseConfiguration(text, folder / "x.toml").directories
                assert found is not None
                self.assertEqual(found.bindPassword, "tell nobody")
                continue
            error = self.assertRaises(ConfigurationError, parseConfiguration, text, folder / "x.toml")
            (problem,) = error.problems
            self.assertIn(expected, problem)
            self.assertNotIn("nobody\n", problem)

    def test_noFile(self) -> None:
        error = self.assertRaises(ConfigurationError, readConfiguration, Path("/nonexistent/x.toml"))
        self.assertIn("cannot be read: No such file", error.problems[0])

    @settings(deadline=None, max_examples=200)
    @given(st.text(alphabet=st.sampled_from('abc[]"=.\n# {}1tru')))
    def test_anyText(self, text: str) -> None:
        try:
            parseConfiguration(text, Path("/x.toml"))
        except ConfigurationError as error:
            self.assertTrue(error.problems)
