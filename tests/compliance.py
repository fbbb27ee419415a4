"""
C{docs/compliance.md}: which section of which standard is met where, and what shows it.

Made from the citations in the code and in the tests (C{RFC 9051 6.4.4}; more than one section after a number, with
commas or C{and} between).  In a dialogue, a comment that begins with a section, C{# 3.1: …}, is about the standard that
the dialogue's first line cites first.

    python -m tests.compliance >docs/compliance.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.rfctitles import TITLES

HERE = Path(__file__).parent
CODE = HERE.parent / "osxmail"

# A number, or the letter of an appendix, which no word follows.
_SECTION = r"(?:[0-9]{1,2}(?:\.[0-9]{1,2})*|[A-Z](?:\.[0-9]{1,2})*(?=[:,;.)]|$))(?![\w-])"
_CITATION = re.compile(
    rf"RFC\s+([0-9]{{3,5}})(?:\s+({_SECTION}(?:(?:,\s+|\s+and\s+|\s+to\s+)(?!RFC){_SECTION})*))?", re.ASCII
)
_SPLIT = re.compile(r",\s+|\s+and\s+|\s+to\s+")
_SECTION_COMMENT = re.compile(rf"^# ({_SECTION}(?:(?:, | and | to ){_SECTION})*):", re.ASCII)
# What ends a line in a comment or a docstring, and begins the next.
_FOLD = re.compile(r"\s*\n\s*(?:#\s?)?")

#: What IMAP announces, and the standard of each; what follows C{=} may be missing here.
CAPABILITIES = {
    "ACL": 4314,
    "APPENDLIMIT": 7889,
    "AUTH": 3501,
    "BINARY": 3516,
    "CATENATE": 4469,
    "CHILDREN": 3348,
    "COMPRESS": 4978,
    "CONDSTORE": 7162,
    "CONTEXT": 5267,
    "CREATE-SPECIAL-USE": 6154,
    "ENABLE": 5161,
    "ESEARCH": 4731,
    "ESORT": 5267,
    "I18NLEVEL": 5255,
    "ID": 2971,
    "IDLE": 2177,
    "IMAP4rev1": 3501,
    "IMAP4rev2": 9051,
    "INPROGRESS": 9585,
    "LANGUAGE": 5255,
    "LIST-EXTENDED": 5258,
    "LIST-METADATA": 9590,
    "LIST-MYRIGHTS": 8440,
    "LIST-STATUS": 5819,
    "LITERAL+": 7888,
    "LOGINDISABLED": 3501,
    "METADATA": 5464,
    "MOVE": 6851,
    "MULTIAPPEND": 3502,
    "MULTISEARCH": 7377,
    "NAMESPACE": 2342,
    "NOTIFY": 5465,
    "OBJECTID": 8474,
    "PARTIAL": 9394,
    "PREVIEW": 8970,
    "QRESYNC": 7162,
    "QUOTA": 9208,
    "QUOTASET": 9208,
    "REPLACE": 8508,
    "RIGHTS": 4314,
    "SASL-IR": 4959,
    "SAVEDATE": 8514,
    "SEARCH": 6203,
    "SEARCHRES": 5182,
    "SORT": 5256,
    "SORT=DISPLAY": 5957,
    "SPECIAL-USE": 6154,
    "STARTTLS": 3501,
    "STATUS": 8438,
    "THREAD": 5256,
    "UIDONLY": 9586,
    "UIDPLUS": 4315,
    "UNAUTHENTICATE": 8437,
    "UNSELECT": 3691,
    "URLAUTH": 4467,
    "UTF8": 6855,
    "WITHIN": 5032,
}


def standardOf(capability: str) -> int | None:
    """
    The number of the RFC that a capability is from; C{None} if nobody has said so here.
    """
    return CAPABILITIES.get(capability) or CAPABILITIES.get(capability.partition("=")[0])


def citations(text: str) -> Iterator[tuple[int, str]]:
    """
    Every RFC that is cited, with the section, or with C{""} where the whole of it is meant.
    """
    for match in _CITATION.finditer(_FOLD.sub(" ", text)):
        for section in _SPLIT.split(match[2]) if match[2] else [""]:
            yield int(match[1]), section


def dialogueCitations(text: str) -> Iterator[tuple[int, str]]:
    """
    What a dialogue is about.
    """
    lines = text.splitlines()
    first = next(citations(lines[0]), None)
    for line in lines:
        if line.startswith("# "):
            yield from citations(line)
            match = _SECTION_COMMENT.match(line)
            if match is not None and first is not None:
                for section in _SPLIT.split(match[1]):
                    yield first[0], section


Table = dict[int, dict[str, tuple[set[str], set[str]]]]


def table() -> Table:
    """
    For each RFC and section: places in the code, and tests.
    """
    found: Table = {}

    def add(number: int, section: str, kind: int, place: str) -> None:
        found.setdefault(number, {}).setdefault(section, (set(), set()))[kind].add(place)

    for path in sorted(CODE.rglob("*.py")):
        for number, section in citations(path.read_text(encoding="utf-8")):
            add(number, section, 0, path.relative_to(CODE).with_suffix("").as_posix())
    for path in sorted(HERE.rglob("*.py")):
        if path.name in ("compliance.py", "test_compliance.py", "rfctitles.py"):
            continue
        for number, section in citations(path.read_text(encoding="utf-8")):
            add(number, section, 1, path.relative_to(HERE).with_suffix("").as_posix())
    for path in sorted(HERE.glob("conversations/*/*.txt")):
        for number, section in dialogueCitations(path.read_text(encoding="utf-8")):
            add(number, section, 1, path.relative_to(HERE / "conversations").as_posix())
    return found


def dialogues(number: int) -> list[str]:
    """
    IMAP's dialogues that are about this RFC.
    """
    found = []
    for path in sorted(HERE.glob("conversations/imap/*.txt")):
        if any(cited == number for cited, _ in dialogueCitations(path.read_text(encoding="utf-8"))):
            found.append(path.name)
    return found


def _order(section: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (100, part) for part in section.split(".") if part)


def render() -> str:
    """
    The page.
    """
    out = [
        "# Standards",
        "",
        "Which section of which standard is met where, and what shows it. Made from the citations in the code and in",
        "the tests by `make docs`. Code is named below `osxmail/`; tests below `tests/`, dialogues (`.txt`) below",
        "`tests/conversations/`. A section that no line cites is not in the table: what a whole standard asks for is",
        "in the row without a section.",
        "",
        "## What IMAP announces",
        "",
        "| Capability | Standard | Dialogues |",
        "|---|---|---|",
    ]
    for name, number in sorted(CAPABILITIES.items(), key=lambda pair: pair[0].lower()):
        out.append(f"| {name} | RFC {number} | {' '.join(dialogues(number))} |")
    for number, sections in sorted(table().items()):
        title = TITLES.get(number, "")
        out += ["", f"## RFC {number}{': ' if title else ''}{title}", "", "| Section | Code | Tests |", "|---|---|---|"]
        for section, (code, tests) in sorted(sections.items(), key=lambda pair: _order(pair[0])):
            out.append(f"| {section} | {' '.join(sorted(code))} | {' '.join(sorted(tests))} |")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(render(), end="")
