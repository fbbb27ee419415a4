"""
The floors hold: a module imports its own room and lower floors; C{mail} is pure; modules stay readable.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from twisted.trial.unittest import TestCase

import osxmail

ROOT = Path(osxmail.__file__).parent

#: From the ground up; rooms on one floor do not know each other.
FLOORS = [
    {"errors"},
    {"mail"},
    {"interfaces"},
    {"net"},
    {"store"},
    {"filters", "directory"},
    {"delivery"},
    {"console", "protocols"},
    {"app"},
]
IMPURE = {
    "twisted", "zope", "socket", "os", "time", "random", "secrets", "threading", "subprocess", "asyncio", "pathlib",
    "apsw", "ldap3", "OpenSSL", "ssl", "io", "tempfile", "select", "signal",
}  # fmt: skip
#: Rooms whose manual names each of their modules.
MANUALS = (
    "app",
    "delivery",
    "directory",
    "filters",
    "interfaces",
    "mail",
    "mail/imap",
    "net",
    "protocols",
    "protocols/imap",
)
MAX_LINES = 500
#: Modules over 500 lines, each with its decision in ARCHITECTURE.md.
LONG_BY_DECISION: set[str] = set()


def modules() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            if node.module == "osxmail":
                names.update(f"osxmail.{alias.name}" for alias in node.names if not alias.name.startswith("__"))
    return names


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


class FloorTests(TestCase):
    def floor(self, name: str) -> int:
        for number, rooms in enumerate(FLOORS):
            if name in rooms:
                return number
        raise AssertionError(f"{name} stands on no floor")

    def test_importsGoDown(self) -> None:
        wrong = []
        for path in modules():
            mine = room(path)
            if mine == "__init__":
                continue
            for name in imports(path):
                parts = name.split(".")
                if parts[0] != "osxmail" or len(parts) == 1:
                    continue
                theirs = parts[1]
                if theirs != mine and self.floor(theirs) >= self.floor(mine):
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
        self.assertEqual(wrong, [])

    def test_interfacesKnowOnlyMeaning(self) -> None:
        for path in (ROOT / "interfaces").glob("*.py"):
            for name in imports(path):
                if name.startswith("osxmail."):
                    self.assertTrue(name.startswith(("osxmail.mail", "osxmail.errors", "osxmail.interfaces")), name)

    def test_mailIsPure(self) -> None:
        wrong = []
        for path in [*(ROOT / "mail").rglob("*.py"), ROOT / "errors.py"]:
            wrong += [f"{path.name} imports {n}" for n in imports(path) if n.split(".")[0] in IMPURE]
        self.assertEqual(wrong, [])

    def test_modulesAreReadInOneSitting(self) -> None:
        wrong = []
        for path in modules():
            name = str(path.relative_to(ROOT))
            lines = len(path.read_text().splitlines())
            if lines > MAX_LINES and name not in LONG_BY_DECISION:
                wrong.append(f"{name}: {lines} lines")
        self.assertEqual(wrong, [])

    def test_modulesNameTheirTests(self) -> None:
        """
        Every module with code starts with the test-case-name of tests that exist.
        """
        wrong = []
        for path in modules():
            source = path.read_text()
            if path.name == "__init__.py" or not source.strip():
                continue
            first = source.splitlines()[0]
            if not first.startswith("# -*- test-case-name: "):
                wrong.append(f"{path.relative_to(ROOT)}: no test-case-name")
                continue
            name = first.split()[3]
            base = ROOT.parent.joinpath(*name.split("."))
            if not (base.is_dir() or base.with_suffix(".py").exists()):
                wrong.append(f"{path.relative_to(ROOT)}: {name} does not exist")
        self.assertEqual(wrong, [])

    def test_manualsNameEveryModule(self) -> None:
        """
        And no module of the room that does not exist.
        """
        wrong = []
        for name in MANUALS:
            folder = ROOT / name
            manual = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
            dotted = name.replace("/", r"\.")
            named = set(re.findall(rf"[CL]\{{(?:osxmail\.{dotted}\.)?([a-z0-9]+)(?:\.py)?(?:<[^>]*>)?\}}", manual))
            there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/*.py")}
            there -= {"__init__", folder.name}
            wrong += [f"{name}: {each} is not in the manual" for each in sorted(there - named)]
            wrong += [f"{name}: there is no {each}" for each in sorted(named - there - {"bytes", "str"})]
        self.assertEqual(wrong, [])

    def test_thePageNamesWhatThereIs(self) -> None:
        """
        ARCHITECTURE.md: its modules and its events.
        """
        page = (ROOT.parent / "ARCHITECTURE.md").read_text()
        files = {str(path) for folder in (ROOT, ROOT.parent / "tests") for path in folder.rglob("*.py")}
        named = set(re.findall(r"`((?:[a-z0-9_]+/)*[a-z0-9_]+\.py)`", page))
        self.assertEqual([each for each in sorted(named) if not any(f.endswith(f"/{each}") for f in files)], [])
        code = "".join(path.read_text() for path in modules())
        events = set(re.findall(r"`([a-z]+\.[a-z_]+)`", page.partition("## Events")[2]))
        self.assertEqual([each for each in sorted(events) if f'"{each}"' not in code], [])

    def test_eventsAreNamedAlike(self) -> None:
        wrong = []
        for path in modules():
            for name in re.findall(r'event="([^"]*)"', path.read_text()):
                if not re.fullmatch(r"[a-z]+\.[a-z_]+", name):
                    wrong.append(f"{path.relative_to(ROOT)}: {name}")
        self.assertEqual(wrong, [])

    def test_roomsHaveManuals(self) -> None:
        wrong = [p.parent.name for p in ROOT.glob("*/__init__.py") if not ast.get_docstring(ast.parse(p.read_text()))]
        self.assertEqual(wrong, [])
