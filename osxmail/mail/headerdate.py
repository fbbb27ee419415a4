# -*- test-case-name: tests.unit.mail.test_headerdate -*-
"""
The date and time of header fields (RFC 5322 3.3, with the obsolete forms of 4.3), both ways.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from attrs import frozen

#: The last time that can be written: RFC 5322 3.3 has years of four digits.
MAX_TIME = 253_402_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTH_NUMBERS = {name.lower().encode("ascii"): number for number, name in enumerate(_MONTHS, 1)}

_DATE = re.compile(
    rb"\s*+(?:[A-Za-z]{3,9}+[,.]?\s*+)?(\d{1,2})[\s-]++([A-Za-z]{3})[A-Za-z]*+[\s-]++(\d{2,4})"
    rb"(?:[\s,]++(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?)?\s*+(?:([+-])(\d{2}):?(\d{2})|\(?([A-Za-z]{1,5}))?"
)
# asctime's order, which old programs write: Mon Jan  1 12:00:00 2024
_ASCTIME = re.compile(
    rb"\s*+(?:[A-Za-z]{3,9}+,?\s++)?([A-Za-z]{3})[a-z]*+\s++(\d{1,2})\s++(\d{1,2}):(\d{2})(?::(\d{2}))?\s++(\d{4})"
)
# RFC 5322 4.3: hours east of Greenwich; every other name counts as +0000.
_ZONES = {b"est": -5, b"edt": -4, b"cst": -6, b"cdt": -5, b"mst": -7, b"mdt": -6, b"pst": -8, b"pdt": -7}


@frozen
class SentDate:
    """
    What a Date field says.

    @ivar time: seconds since the epoch.
    @ivar day: the day as it is written, zone disregarded, as C{date.toordinal} counts (RFC 3501 6.4.4: SENTON).
    """

    time: int
    day: int


def parseDate(value: bytes) -> SentDate | None:
    """
    The date in an unfolded field value; C{None} when there is none that exists.
    """
    match = _DATE.match(value)
    if match is not None:
        day, month, year, hour, minute, second, sign, zoneHours, zoneMinutes, zone = match.groups()
    else:
        match = _ASCTIME.match(value)
        if match is None:
            return None
        month, day, hour, minute, second, year = match.groups()
        sign = zoneHours = zoneMinutes = zone = None
    number = int(year)
    if len(year) == 2:
        number += 2000 if number < 50 else 1900  # RFC 5322 4.3
    elif len(year) == 3:
        number += 1900
    try:
        ordinal = date(number, _MONTH_NUMBERS[month.lower()], int(day)).toordinal()
    except (KeyError, ValueError):
        return None
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    offset = 0
    if sign is not None:
        offset = int(zoneHours) * 3600 + int(zoneMinutes) * 60
        if sign == b"-":
            offset = -offset
    elif zone is not None:
        offset = _ZONES.get(zone.lower(), 0) * 3600
    days = ordinal - 719_163  # 1970-01-01
    return SentDate(days * 86_400 + hours * 3600 + minutes * 60 + min(seconds, 59) - offset, ordinal)


def formatDate(time: float, offsetMinutes: int = 0) -> str:
    """
    A time as a Date or Received field has it: C{"Mon, 1 Jan 2024 12:00:00 +0000"}, whatever the locale.

    @param time: seconds since the epoch, from 0 to L{MAX_TIME}; others are taken for the nearer end.
    @param offsetMinutes: the zone to write it in, minutes east of Greenwich.
    """
    local = _EPOCH + timedelta(seconds=int(min(max(time, 0), MAX_TIME)) + offsetMinutes * 60)
    sign = "-" if offsetMinutes < 0 else "+"
    zone = abs(offsetMinutes)
    return (
        f"{_DAYS[local.weekday()]}, {local.day} {_MONTHS[local.month - 1]} {local.year:04d} "
        f"{local.hour:02d}:{local.minute:02d}:{local.second:02d} {sign}{zone // 60:02d}{zone % 60:02d}"
    )
