# -*- test-case-name: tests.unit.mail.test_charset -*-
"""
Octets in a named charset, to text, never failing: mail lies about its charset every day.
"""

from __future__ import annotations

import codecs
from functools import lru_cache

MAX_CHARSET_OCTETS = 40

# What mail calls them, and the superset that what is sent under that name really is.
_ALIASES = {
    "": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
    "unknown": "utf-8",
    "default": "utf-8",
    "utf8": "utf-8",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "cp-850": "cp850",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "unicode-1-1-utf-7": "utf-7",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-11": "cp874",
}

# Text encodings of Python that are no charsets: some take quadratic time, some are escapes of Python's own.
_REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})


@lru_cache(maxsize=256)
def codecName(charset: str) -> str | None:
    """
    The name of Python's codec for a MIME charset, or C{None} if there is none that can be trusted with mail.
    """
    name = charset.strip().lower()
    name = _ALIASES.get(name, name)
    if len(name) > MAX_CHARSET_OCTETS or not name.isascii() or "\0" in name:
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    # Python's table has encodings from octets to octets too ("zip", "hex"): those are bombs, or no text.
    if found.name.replace("-", "_") in _REFUSED or not getattr(found, "_is_text_encoding", True):
        return None
    return found.name


def decodeText(octets: bytes, charset: str = "") -> str:
    """
    The text behind octets, with U+FFFD for what cannot be read.

    @param charset: as the message names it; one that is unknown is taken for UTF-8, and where it is not
        that, for windows-1252.
    """
    name = codecName(charset)
    if name is None or name == "utf-8":
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            return octets.decode("utf-8" if octets.isascii() else "cp1252", "replace")
    try:
        return octets.decode(name, "replace")
    except (UnicodeError, ValueError, LookupError):
        return octets.decode("cp1252", "replace")
