# -*- test-case-name: tests.unit.mail.test_quantities -*-
"""
Durations and sizes as people write them: C{"90s"}, C{"4h"}, C{"5d"}; C{"10M"}, C{"2G"}.
"""

from __future__ import annotations

import re

from osxmail.errors import ParseError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_OCTETS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,3})?[smhdw]\s*){1,5}", re.IGNORECASE)
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,12})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def parseDuration(text: str) -> float:
    """
    Seconds of C{"4h"}, C{"1d 12h"}, C{"0.5s"}; a bare C{"0"} is allowed.

    @raise ParseError: no duration.
    """
    text = text.strip()
    if text == "0":
        return 0.0
    if not _DURATION.fullmatch(text):
        raise ParseError("a duration is a number with its unit: 30s, 5m, 4h, 5d or 1w")
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in _DURATION_PART.findall(text))


def formatDuration(seconds: float) -> str:
    """
    The shortest form that L{parseDuration} reads back.
    """
    if seconds == 0:
        return "0"
    if seconds != int(seconds):
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    rest, parts = int(seconds), []
    for unit in "wdhms":
        count, rest = divmod(rest, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def parseSize(text: str) -> int:
    """
    Octets of C{"10M"}, C{"2G"}, C{"512"}; units are powers of 1,024.

    @raise ParseError: no size.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ParseError("a size is a number of octets, or one with a unit: 100K, 10M, 2G or 1T")
    return int(match.group(1)) * _OCTETS[match.group(2).upper()]


def formatSize(octets: int) -> str:
    """
    The shortest form that L{parseSize} reads back.
    """
    for unit in ("T", "G", "M", "K"):
        if octets and octets % _OCTETS[unit] == 0:
            return f"{octets // _OCTETS[unit]}{unit}"
    return str(octets)
