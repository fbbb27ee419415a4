# -*- test-case-name: tests.unit.mail.test_searchtext -*-
"""
The texts of a message as SEARCH compares them (RFC 3501 6.4.4), folded: what looks through a message and what is kept
in an index are made by the same functions, so that they cannot disagree.
"""

from __future__ import annotations

import re

from attrs import frozen

from osxmail.mail.addresslist import MISSING_DOMAIN, MISSING_MAILBOX, entries
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import fields
from osxmail.mail.mimestructure import Part
from osxmail.mail.text import BREAK, Reader, bodyTexts, folded, headerText, withoutAccents

ADDRESS_FIELDS = frozenset({b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to"})

TRIGRAM = 3  # characters
MAX_TRIGRAMS = 16  # of one text that is looked for
MAX_WORD_CHARACTERS = 64  # of a word that is kept as it is
WORD_STEP = 32
MAX_PATTERNS = 4  # of one text that is looked for

# A letter or digit of any script, or an accent, which stands behind its letter in folded text.
_WORD = re.compile("(?:[^\\W_]++|[\u0300-\u036f]++)++")
_ASCII_WORD = re.compile(f"[0-9a-z]{{{TRIGRAM},}}+")


def spaced(text: str) -> str:
    """
    With a blank for each tab: a fold may be a tab, which nobody types.
    """
    return text.replace("\t", " ")


def fieldTexts(name: bytes, value: bytes) -> tuple[str, ...]:
    """
    What HEADER, FROM, TO and SUBJECT look for something in: the decoded value, folded; and a list of addresses without
    comments and quotes too, as ENVELOPE has them: what people take for the address.

    @param name: of the field, in lower case.
    @param value: unfolded.
    """
    text = spaced(folded(decodeWords(value)))
    if name not in ADDRESS_FIELDS:
        return (text,)
    addresses = folded(
        ", ".join(
            f"{decodeWords(name or b'')} <{decodeWords(mailbox or b'')}@{decodeWords(host or b'')}>"
            for name, _, mailbox, host in entries(value)
            if mailbox is not None
            and mailbox is not MISSING_MAILBOX
            and host is not None
            and host is not MISSING_DOMAIN
        )
    )
    return (text, addresses)


def indexedHeader(header: bytes) -> str:
    """
    Everything that a key may find in a header, folded and without accents: a text that is looked for, made the same way
    (L{indexedForm}), stands in it wherever a key finds it.  It may stand there when no key finds it.

    @param header: prefix and header section.
    """
    texts = [folded(headerText(header))]
    for name, value in fields(header):
        if name in ADDRESS_FIELDS:
            texts += fieldTexts(name, value)
    return indexedForm("\n".join(texts))


def indexedForm(text: str) -> str:
    """
    Folded text as L{indexedHeader} has it.
    """
    return spaced(withoutAccents(text)).replace("\0", " ")


def trigrams(wanted: str) -> list[str]:
    """
    Sequences of three characters that stand in every text in which C{wanted}, folded, stands: some of those that there
    are, evenly spread.  None where it is too short, or cannot be looked up.
    """
    text = indexedForm(wanted)
    if len(text) < TRIGRAM or "\0" in wanted:
        return []
    starts = len(text) - TRIGRAM + 1
    count = min(starts, MAX_TRIGRAMS)
    places = {index * (starts - 1) // max(1, count - 1) for index in range(count)}
    return sorted({text[at : at + TRIGRAM] for at in places})


# --------------------------------------------------------------------------------------------------------- words


@frozen
class WordPattern:
    """
    A word that stands in every text in which a wanted one stands, or a part of one.

    @ivar text: of it, in folded text.
    @ivar isStart: the word begins with it.
    @ivar isEnd: the word ends with it.
    """

    text: str
    isStart: bool
    isEnd: bool

    def matches(self, word: str) -> bool:
        """
        Is it that word?
        """
        if self.isStart:
            return word == self.text if self.isEnd else word.startswith(self.text)
        return word.endswith(self.text) if self.isEnd else self.text in word


def bodyWords(part: Part, read: Reader, limit: int) -> tuple[set[str], bool]:
    """
    The words of a message's body, folded: the longest runs of letters, digits and accents.  A text without other signs,
    of L{TRIGRAM} to L{WORD_STEP} characters, stands in the body if and only if it stands in one of them.

    @param limit: so many characters are read.
    @return: the words, and whether that are all.
    """
    pieces: list[str] = []
    length = 0
    for piece in bodyTexts(part, read):
        pieces.append("\n" if piece == BREAK else folded(piece))
        length += len(pieces[-1])
        if length > limit:
            return wordsOf("".join(pieces)[:limit]), False
    return wordsOf("".join(pieces)), True


def wordsOf(text: str) -> set[str]:
    """
    The words of folded text that are not too short to be looked for.  Of a long one, parts that overlap.
    """
    if text.isascii():
        words = set(_ASCII_WORD.findall(text))
    else:
        words = {word for word in _WORD.findall(text) if len(word) >= TRIGRAM}
    if max(map(len, words), default=0) <= MAX_WORD_CHARACTERS:
        return words
    for word in [word for word in words if len(word) > MAX_WORD_CHARACTERS]:
        words.discard(word)
        # Any WORD_STEP characters in a row stand in one of the parts as a whole.
        words.update(word[at : at + MAX_WORD_CHARACTERS] for at in range(0, len(word) - WORD_STEP, WORD_STEP))
    return words


def isOneWord(wanted: str) -> bool:
    """
    Is it, folded, something that stands in a text if and only if it stands in a word of L{bodyWords}?
    """
    return TRIGRAM <= len(wanted) <= WORD_STEP and _WORD.fullmatch(wanted) is not None


def wordPatterns(wanted: str) -> list[WordPattern]:
    """
    Words that stand in every text in which C{wanted}, folded, stands; the longest first, at most L{MAX_PATTERNS}.
    """
    found = []
    for match in _WORD.finditer(wanted):
        start, end = match.span()
        isStart, isEnd = start > 0, end < len(wanted)
        text = match.group()
        if len(text) < TRIGRAM:
            continue
        if len(text) > WORD_STEP:
            text, isEnd = text[:WORD_STEP], False
        found.append(WordPattern(text, isStart, isEnd))
    found.sort(key=lambda pattern: -len(pattern.text))
    return found[:MAX_PATTERNS]
