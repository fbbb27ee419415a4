# -*- test-case-name: tests.unit.mail.test_subject -*-
"""
The base subject, by which messages are sorted and threaded (RFC 5256 2.1).
"""

from __future__ import annotations

import re

MAX_SUBJECT_CHARACTERS = 500  # of a subject that are looked at, and kept

_BLOB = r"\[[^\[\]]*+\]\s*+"
# RFC 5256 5: subj-leader, subj-refwd, subj-blob, subj-trailer.
_LEADER = re.compile(rf"(?:{_BLOB})*+(?:re|fwd?)\s*+(?:{_BLOB})?:\s*+", re.IGNORECASE)
_LEADING_BLOB = re.compile(_BLOB)
_TRAILER = re.compile(r"\(fwd\)\Z", re.IGNORECASE)


def baseSubject(subject: str) -> tuple[str, bool]:
    """
    The base subject, folded for comparing, and whether the subject says that this is a reply or a forward.
    """
    text = " ".join(subject[:MAX_SUBJECT_CHARACTERS].split())
    isReply = False
    while True:
        while True:
            shorter = _TRAILER.sub("", text).rstrip()
            if shorter == text:
                break
            text, isReply = shorter, True
        while True:
            match = _LEADER.match(text)
            if match is not None:
                text, isReply = text[match.end() :], True
                continue
            match = _LEADING_BLOB.match(text)
            if match is not None and match.end() < len(text):
                text = text[match.end() :]
                continue
            break
        if text[:5].lower() == "[fwd:" and text.endswith("]"):
            text, isReply = text[5:-1].strip(), True
            continue
        return text.casefold(), isReply
