from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import osxmail
from osxmail.app.settings import TABLE, Kind, Settings
from osxmail.errors import ParseError, Refused
from osxmail.interfaces import ISettings

READING = re.compile(r"""\b_?settings\.(text|flag|number|seconds|octets|words)\(\s*["']([a-z0-9_.]+)["']""")
KINDS = {
    "text": {Kind.TEXT, Kind.SECRET, Kind.ADDRESS, Kind.HOP},
    "flag": {Kind.FLAG},
    "number": {Kind.NUMBER},
    "seconds": {Kind.DURATION},
    "octets": {Kind.SIZE},
    "words": {Kind.WORDS, Kind.NETWORKS, Kind.RANGES, Kind.LISTS},
}


class TableTests(SynchronousTestCase):
    def test_defaultsAreWrittenTheWayTheyAreShown(self) -> None:
        for row in TABLE.values():
            self.assertEqual(row.render(row.parse(row.default)), row.default, row.key)

    def test_everyRowHasHelp(self) -> None:
        for row in TABLE.values():
            self.assertTrue(row.help.endswith("."), row.key)
            self.assertRegex(row.key, r"^[a-z0-9]+\.[a-z0-9_]+$")

    def test_codeReadsWhatTheTableHasAndNothingInItIsUnread(self) -> None:
        read: dict[str, set[str]] = {}
        for path in Path(osxmail.__file__).parent.rglob("*.py"):
            for method, key in READING.findall(path.read_text()):
                read.setdefault(key, set()).add(method)
        self.assertEqual(sorted(set(read) - set(TABLE)), [], "read, but not in the table")
        for key, methods in read.items():
            for method in methods:
                self.assertIn(TABLE[key].kind, KINDS[method], key)
        self.assertEqual(sorted(set(TABLE) - set(read)), [], "in the table, but nothing reads it")


class SettingsTests(SynchronousTestCase):
    def test_contract(self) -> None:
        verifyObject(ISettings, Settings())

    def test_pinBeatsRowBeatsDefault(self) -> None:
        settings = Settings({"relay.port": "2525"})
        settings.load({"relay.port": "26", "smtp.max_recipients": "500", "gone.key": "1"})
        self.assertEqual(settings.number("relay.port"), 2525)
        self.assertEqual(settings.number("smtp.max_recipients"), 500)
        self.assertEqual(settings.seconds("relay.backoff_first"), 300)
        self.assertEqual([settings.origin(k) for k in ("relay.port", "smtp.max_recipients", "relay.concurrency")],
                         ["file", "set", "default"])  # fmt: skip

    def test_wrongTypeIsOurFault(self) -> None:
        settings = Settings()
        self.assertRaises(TypeError, settings.number, "auth.cleartext")
        self.assertRaises(TypeError, settings.number, "smtp.block_inbound")
        self.assertRaises(KeyError, settings.text, "no.such")

    def test_refusalsSayWhatWouldBeRight(self) -> None:
        settings = Settings({"relay.port": "2525"})
        for key, text, words in [
            ("relay.prot", "1", "did you mean relay.port"),
            ("relay.port", "25", "pinned"),
            ("smtp.block_inbound", "maybe", "yes or no"),
            ("auth.cleartext", "sometimes", "never, loopback, always"),
            ("relay.backoff_first", "5", "5m"),
            ("smtp.message_size_limit", "1", "outside"),
            ("relay.approved_networks", "10.0.0.0/33", "no network"),
            ("mail.postmaster", "nobody", "local@domain"),
        ]:
            self.assertIn(words, str(self.assertRaises(Refused, settings.check, key, text)))

    def test_checkGivesTheStoredForm(self) -> None:
        settings = Settings()
        self.assertEqual(settings.check("smtp.block_inbound", "TRUE"), "yes")
        self.assertEqual(settings.check("relay.expire_after", "48h"), "2d")
        self.assertEqual(settings.check("relay.approved_networks", "10.1.2.3/8, ::1"), "10.0.0.0/8, ::1/128")

    def test_secretsAreNotShown(self) -> None:
        settings = Settings()
        settings.load({"relay.smarthost_password": "hunter2"})
        self.assertEqual(settings.shown("relay.smarthost_password"), "(set)")
        self.assertEqual(settings.text("relay.smarthost_password"), "hunter2")

    def test_controlCharacters(self) -> None:
        self.assertRaises(ParseError, TABLE["relay.smarthost"].parse, "a\x00b")
