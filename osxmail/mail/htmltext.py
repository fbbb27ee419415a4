# -*- test-case-name: tests.unit.mail.test_htmltext -*-
"""
What a reader sees of HTML, for searching: no tags, comments, scripts and style sheets; entities are characters; white
space is one blank, and stands where an element that is no part of a line begins or ends.

A scanner, no parser: it takes the text in pieces, keeps a bounded rest between them, takes a linear time, and never
fails.  What is broken is read as browsers do, about: an angle bracket that begins no tag is itself, and what is not
closed goes on to the end.
"""

from __future__ import annotations

import re
from html import unescape

MAX_ENTITY_CHARACTERS = 34  # of the longest name, ampersand and semicolon included

#: Elements within a line: nothing stands between what is in them and what is beside them.
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "o:p",
        "q",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
#: Elements whose content is no text.
_UNSEEN = frozenset({"script", "style", "template"})

_SILENT = _INLINE | _UNSEEN

_NAME = re.compile(r"/?([A-Za-z][^\s/>\"'<]{0,30})")
_TAG_STOP = re.compile(r"[>\"']")
_SPACES = re.compile(r"[ \t\n\r\f]+")

_TEXT, _TAG, _COMMENT, _UNTIL = range(4)


class HtmlText:
    """
    One document.
    """

    def __init__(self, isBodyOnly: bool = False) -> None:
        """
        @param isBodyOnly: without the title.
        """
        self._unseen = _UNSEEN | {"title"} if isBodyOnly else _UNSEEN
        self._state = _TEXT
        self._rest = ""  # not understood yet: the beginning of a tag or of an entity
        self._until = ""  # what ends the string, or the element, that we are in
        self._name = ""  # of the tag that we are in
        self._isSpaced = True  # the last thing that was given is a blank, or nothing was

    def feed(self, piece: str, isLast: bool = False) -> str:
        """
        The text of the next piece, as far as it is certain.

        @param isLast: nothing follows.
        """
        data = self._rest + piece
        self._rest = ""
        out: list[str] = []
        at, end = 0, len(data)
        while at < end:
            if self._state == _TEXT:
                at = self._inText(data, at, isLast, out)
            elif self._state == _TAG:
                at = self._inTag(data, at, out)
            elif self._state == _COMMENT:
                at = self._after("-->", data, at, _TEXT)
            else:
                at = self._inUnseen(data, at)
            if at < 0:
                break
        return "".join(out)

    def _inText(self, data: str, at: int, isLast: bool, out: list[str]) -> int:
        tagAt = data.find("<", at)
        end = len(data) if tagAt < 0 else tagAt
        if tagAt < 0 and not isLast:
            # An entity may be cut in two.
            entityAt = data.rfind("&", max(at, end - MAX_ENTITY_CHARACTERS), end)
            if entityAt >= 0 and ";" not in data[entityAt:end]:
                self._rest = data[entityAt:]
                end = entityAt
        if end > at:
            self._add(data[at:end], out)
        if tagAt < 0:
            return -1
        if len(data) - tagAt < 4 and not isLast:
            self._rest = data[tagAt:]
            return -1
        if data.startswith("<!--", tagAt):
            self._state = _COMMENT
            # "<!-->" is a whole comment.
            return tagAt + 2
        match = _NAME.match(data, tagAt + 1)
        if match is None:
            if data[tagAt + 1 : tagAt + 2] in ("!", "?", "/"):
                self._state, self._name = _TAG, "!"
                return tagAt + 2
            self._add("<", out)
            return tagAt + 1
        if match.end() == len(data) and not isLast and len(match[1]) <= 30:
            # The name may go on.
            self._rest = data[tagAt:]
            return -1
        self._state, self._name = _TAG, match.group().lower()
        return match.end()

    def _inTag(self, data: str, at: int, out: list[str]) -> int:
        if self._until:
            # Within an attribute's quotes.
            at = data.find(self._until, at)
            if at < 0:
                return -1
            self._until = ""
            return at + 1
        match = _TAG_STOP.search(data, at)
        if match is None:
            return -1
        if match.group() != ">":
            self._until = match.group()
            return match.end()
        self._state = _TEXT
        name = self._name
        if name in self._unseen:
            self._state, self._until = _UNTIL, "</" + name
        elif name != "!" and name.removeprefix("/") not in _SILENT:
            self._add(" ", out)
        return match.end()

    def _inUnseen(self, data: str, at: int) -> int:
        # ASCII only is looked for: lower case has the same length.
        found = data.find("</", at)
        while found >= 0:
            word = data[found : found + len(self._until)]
            if len(word) < len(self._until):
                break
            if word.lower() == self._until:
                self._state, self._name, self._until = _TAG, self._until[1:], ""
                return found + len(word)
            found = data.find("</", found + 2)
        self._rest = data[found:] if found >= 0 else "<" if data.endswith("<") else ""
        return -1

    def _after(self, wanted: str, data: str, at: int, state: int) -> int:
        found = data.find(wanted, at)
        if found < 0:
            self._rest = data[max(at, len(data) - len(wanted) + 1) :]
            return -1
        self._state = state
        return found + len(wanted)

    def _add(self, text: str, out: list[str]) -> None:
        text = _SPACES.sub(" ", text)
        if self._isSpaced and text.startswith(" "):
            text = text[1:]
        if not text:
            return
        self._isSpaced = text.endswith(" ")
        out.append(unescape(text) if "&" in text else text)
