# -*- test-case-name: tests.unit.mail.test_searchtext -*-
"""
The texts of a message as SEARCH compares them (RFC 3501 6.4.4), folded: what looks through a message and what is kept
in an index are made by the same functions, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterator

from osxmail.mail.addresslist import entries
from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import fields
from osxmail.mail.mimestructure import Part
from osxmail.mail.text import BREAK, Reader, bodyTexts, folded, headerText, withoutAccents

ADDRESS_FIELDS = frozenset({b"from", b"to", b"cc", b"bcc", b"sender", b"reply-to"})

TRIGRAM = 3  # characters
MAX_TRIGRAMS = 16  # of one text that is looked for


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
            f"{decodeWords(name or b'')} <{decodeWords(mailbox)}@{decodeWords(host)}>"
            for name, _, mailbox, host in entries(value)
            if mailbox is not None and host is not None
        )
    )
    return (text, addresses)


def indexedPieces(header: bytes, part: Part, read: Reader) -> Iterator[str]:
    """
    Everything that any text key may find in a message, folded and without accents, in pieces: a text that is looked
    for, made the same way (L{indexedForm}), stands in it wherever a key finds it.

    @param header: prefix and header section.
    @param part: its structure.
    @param read: gives its octets.
    """
    yield indexedForm(folded(headerText(header)))
    yield "\n"
    for name, value in fields(header):
        if name in ADDRESS_FIELDS:
            for text in fieldTexts(name, value):
                yield indexedForm(text)
                yield "\n"
    for piece in bodyTexts(part, read):
        # Two texts that do not belong together need not be kept apart: that gives candidates, no answers.
        yield "\n" if piece == BREAK else indexedForm(folded(piece))


def indexedForm(text: str) -> str:
    """
    Folded text as L{indexedPieces} has it.
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
