"""
Tests for L{osxmail.app.datafolder}.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from osxmail.app.datafolder import LOCK_NAME, DataFolder
from osxmail.errors import Refused


class DataFolderTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()) / "data"
        self.folder = DataFolder(self.path)
        self.folder.make()
        self.addCleanup(self.folder.release)

    def test_onlyForItsUser(self) -> None:
        self.folder.take()
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.path / LOCK_NAME).stat().st_mode), 0o600)

    def test_onlyOnce(self) -> None:
        self.folder.take()
        other = DataFolder(self.path)
        self.assertIn("another osxmail runs on it", str(self.assertRaises(Refused, other.take)))
        self.folder.release()
        other.take()
        other.release()

    def test_crashed(self) -> None:
        """
        Who died without a word holds nothing, even if its process number is ours now.
        """
        script = (
            "import os, sys; from pathlib import Path; from osxmail.app.datafolder import DataFolder; "
            "DataFolder(Path(sys.argv[1])).take(); os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", script, str(self.path)], check=False, timeout=60)
        (self.path / LOCK_NAME).write_text(str(os.getpid()))
        self.folder.take()

    def test_socketLeftBehind(self) -> None:
        self.folder.take()
        (self.path / "control.sock").touch()
        os.symlink(str(os.getpid()), self.path / "control.sock.lock")
        self.folder.removeSocket("control.sock")
        self.folder.removeSocket("control.sock")
        self.assertEqual(os.listdir(self.path), [LOCK_NAME])

    def test_notWritable(self) -> None:
        missing = DataFolder(self.path / "missing")
        self.assertRaises(OSError, missing.take)
