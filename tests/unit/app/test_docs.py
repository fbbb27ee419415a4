"""
The guide is true where a test can tell: commands, options, settings, configuration and links that it names exist.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from twisted.trial.unittest import SynchronousTestCase

from osxmail.app.command import main
from osxmail.app.config import parseConfiguration
from osxmail.app.settings import TABLE
from osxmail.app.settingsreference import reference
from osxmail.errors import ConfigurationError

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = (*sorted(DOCS.glob("*.md")), ROOT / "README.md")
#: What the README says for a checkout.
PREFIX = ".venv/bin/"
GROUPS = {key.partition(".")[0] for key in TABLE}
#: Words of that form that are no settings.
NOT_SETTINGS = frozenset({
    "smtp.log", "imap.log", "pop3.log", "delivery.log", "directory.log", "server.log", "connections.md", "login.failed",
    "mail.example.org",
})  # fmt: skip

#: The server says one; words about a group of commands; what is to come.
NOT_COMMANDS = frozenset({"osxmail is ready", "osxmail domain", "osxmail backup"})


def commands(group: click.Group = main, path: str = "osxmail") -> Iterator[tuple[str, click.Command]]:
    """
    Every command that does something, with its words.
    """
    for name, command in group.commands.items():
        words = f"{path} {name}"
        if not isinstance(command, click.Group) or command.invoke_without_command:
            yield words, command
        if isinstance(command, click.Group):
            yield from commands(command, words)


COMMANDS = dict(commands())


def options(command: click.Command) -> set[str]:
    """
    The long options of a command.
    """
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def codeLines(text: str) -> list[str]:
    """
    Lines of blocks that are indented, and words between backquotes.
    """
    return [line.strip() for line in text.splitlines() if line.startswith("    ")] + re.findall(r"`([^`\n]+)`", text)


def parse(line: str) -> str:
    """
    Take a line as the command would.

    @return: the command's words.
    @raise click.UsageError: it is no such command.
    """
    words = shlex.split(line, comments=True)[1:]
    if ">" in words or "<" in words:
        words = words[: min(words.index(sign) for sign in "<>" if sign in words)]
    command: click.Command = main
    context: click.Context | None = None
    path = "osxmail"
    while isinstance(command, click.Group):
        context = command.make_context(path, words, parent=context)
        rest = [*context._protected_args, *context.args]
        if not rest:
            return path
        name, found, words = command.resolve_command(context, rest)
        assert found is not None
        path = f"{path} {name}"
        command = found
    command.make_context(path, words, parent=context)
    return path


def sections() -> dict[str, str]:
    """
    The sections of the command's page, by the words of the command.
    """
    parts = re.split(r"^### (.*)$", (DOCS / "command.md").read_text(), flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        found[" ".join(word for word in heading.split() if not word.isupper() and "…" not in word)] = text
    return found


class CommandTests(SynchronousTestCase):
    def test_everyCommandAndOptionHasHelp(self) -> None:
        for words, command in [("osxmail", main), *COMMANDS.items()]:
            self.assertTrue((command.help or "").strip(), words)
            first = (command.help or "").strip().splitlines()[0]
            self.assertRegex(first, r"^[A-Z].*\.$", words)
            # What a list of commands shows of it is whole.
            self.assertFalse(command.get_short_help_str(60).endswith("..."), (words, first))
            for parameter in command.params:
                if isinstance(parameter, click.Option) and parameter.name != "help":
                    self.assertTrue(parameter.help, (words, parameter.opts))

    def test_thePageHasEveryCommandAndNoOther(self) -> None:
        self.assertEqual(sorted(sections()), sorted(COMMANDS))

    def test_thePageHasEveryOptionAndNoOther(self) -> None:
        for words, text in sections().items():
            text = re.sub(r"\(.*?\)", "", text)
            named = {name for line in text.splitlines() if line.startswith(("- ", "  "))
                     for name in re.findall(r"(?<![\w-])--[a-z-]+", line)}  # fmt: skip
            self.assertEqual(named, options(COMMANDS[words]), words)

    def test_everyCommandThatTheGuideTypesIsTaken(self) -> None:
        seen = set()
        for page in PAGES:
            for line in codeLines(page.read_text()):
                line = line.removeprefix(PREFIX)
                # Backquoted words may be a command's name alone, or have ADDRESS in them; the rest is typed as it
                # stands.
                isTyped = line.startswith("osxmail ") and not re.search(r"\b[A-Z-]{4,}\b|…|--help", line)
                if not isTyped or line in COMMANDS or line in NOT_COMMANDS:
                    continue
                try:
                    seen.add(parse(line))
                except click.UsageError as error:
                    self.fail(f"{page.name}: {line}: {error.message}")
        self.assertGreater(len(seen), 15)

    def test_aWrongCommandWouldBeSeen(self) -> None:
        for line in ("osxmail nonsense", "osxmail status --nonsense", "osxmail account add", "osxmail queue list x"):
            self.assertRaises(click.UsageError, parse, line)
        self.assertEqual(parse("osxmail account add a@b.test --quota 2G < file"), "osxmail account add")

    def test_theGuideShowsEveryCommand(self) -> None:
        chapters = "".join(page.read_text() for page in DOCS.glob("*.md") if page.name != "command.md")
        for words in COMMANDS:
            self.assertTrue(" ".join(words.split()[:2]) in chapters, words)


class SettingTests(SynchronousTestCase):
    def test_theReferenceIsWhatIsMadeNow(self) -> None:
        self.assertTrue((DOCS / "settings.md").read_text() == reference(), "the settings have changed; run: make docs")

    def test_theReferenceHasEverySetting(self) -> None:
        text = reference()
        for key, row in TABLE.items():
            self.assertIn(f"### `{key}`\n\n{row.help}\n", text)

    def test_settingsThatAreNamedExist(self) -> None:
        named = set()
        for page in PAGES:
            for code in codeLines(page.read_text()):
                for word in re.findall(r"(?<![\w./@-])[a-z0-9]+\.[a-z0-9_]+(?![\w.@-])", code):
                    if word.partition(".")[0] in GROUPS and word not in NOT_SETTINGS:
                        self.assertIn(word, TABLE, f"{page.name}: {code}")
                        named.add(word)
        self.assertGreater(len(named), 20)


class PageTests(SynchronousTestCase):
    def test_linksLead(self) -> None:
        for page in PAGES:
            for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
                path, _, anchor = target.partition("#")
                if path.startswith("http"):
                    continue
                file = page.parent / path if path else page
                self.assertTrue(file.exists(), f"{page.name}: {target}")
                if anchor:
                    headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
                    self.assertIn(anchor, [re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings])

    def test_theContentsHaveEveryPage(self) -> None:
        text = (DOCS / "README.md").read_text()
        for page in DOCS.glob("*.md"):
            if page.name != "README.md":
                self.assertIn(f"]({page.name})", text)

    def test_linesAreShort(self) -> None:
        for page in PAGES:
            for line in page.read_text().splitlines():
                if not line.startswith(("|", "    ", "- Value", "What the hash")) and page.name != "settings.md":
                    self.assertLessEqual(len(line), 120, f"{page.name}: {line}")

    def test_configurationsAreTaken(self) -> None:
        """
        All but the files they name, which are not here.
        """
        count = 0
        for page in PAGES:
            for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
                if "hostname" not in block:
                    block = 'hostname = "mail.example.org"\ndata = "data"\n' + block
                count += 1
                problems: list[str] = []
                try:
                    parseConfiguration(block, Path("guide.toml"))
                except ConfigurationError as error:
                    # Without its password file a login has no password.
                    wanted = r"no such file|cannot be read|bind_dn: the service login needs one"
                    problems = [problem for problem in error.problems if not re.search(wanted, problem)]
                self.assertEqual(problems, [], f"{page.name}: {block}")
        self.assertGreater(count, 4)
