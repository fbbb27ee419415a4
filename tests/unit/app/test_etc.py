"""
C{etc/osxmail.toml} is true: every key is there, with its default.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from osxmail.app import config, configfile

FILE = Path(__file__).parents[3] / "etc" / "osxmail.toml"
#: Keys that are lists of tables, or tables by name, in the file.
TABLES = {"listen", "tls", "dns", "directory", "domain", "settings", "names"}


def uncommented() -> dict[str, object]:
    """
    The file with every commented key switched on.
    """
    lines = []
    for line in FILE.read_text().splitlines():
        match = re.match(r'# ((?:\[tls\.names.*\]|[a-z_]+ = .*|"[a-z_.]+" = .*))$', line)
        lines.append(match.group(1) if match else line)
    return tomllib.loads("\n".join(lines))


class EtcTests(SynchronousTestCase):
    def test_everyKeyStandsThere(self) -> None:
        tree = uncommented()
        for where, model in [
            ("", configfile.File), ("listen", configfile.ListenSection), ("tls", configfile.TLSSection),
            ("dns", configfile.DNSSection),
            ("directory", configfile.DirectorySection),
        ]:  # fmt: skip
            section = tree[where] if where else tree
            assert isinstance(section, dict)
            known = {field.alias or name for name, field in model.model_fields.items()}
            self.assertEqual(sorted(set(section)), sorted(known), where)

    def test_defaultsAreTheDefaults(self) -> None:
        tree = uncommented()
        shown: dict[str, object] = {}
        text = FILE.read_text()
        for where, model in [
            ("", configfile.File), ("tls", configfile.TLSSection), ("dns", configfile.DNSSection),
            ("directory", configfile.DirectorySection), ("listen", configfile.ListenSection),
        ]:  # fmt: skip
            section = tree[where] if where else tree
            assert isinstance(section, dict)
            for name, field in model.model_fields.items():
                key = field.alias or name
                if key in TABLES or not re.search(rf"^# {key} = ", text, re.MULTILINE):
                    continue
                shown[f"{where}.{key}"] = section[key]
                self.assertEqual(section[key], field.default, f"{where}.{key}")
        self.assertGreater(len(shown), 15)

    def test_itIsTaken(self) -> None:
        found = config.readConfiguration(FILE)
        self.assertEqual(found.domains, ("example.org",))
        self.assertEqual(found.directories, (None,))
