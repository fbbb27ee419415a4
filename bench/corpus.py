"""
Mail that looks like mail: people who write often or once, threads, MIME of several shapes, sizes around 4 KiB.

The same number gives the same message, in every run and for every server.
"""

from __future__ import annotations

import base64
import random
import time

#: What lines search for.  How many have it is a matter of the message's number, not of chance.
RARE_PERSON = "zwiebelhuber"
FREQUENT_PERSON = "lindgren"
RARE_WORD = "quetzalcoatl"
FREQUENT_WORD = "quarterly"
ABSENT_WORD = "xylophonist"

_RARE_EVERY = 997  # messages
_FREQUENT_EVERY = 8
_THREADS = 500  # that go on at once
_THREAD_LENGTH = 6
_START = 1_640_995_200  # 2022-01-01
_SECONDS_BETWEEN = 977

_rng = random.Random(20_26)


def _word() -> str:
    return "".join(
        _rng.choice("bcdfghklmnprstvw") + _rng.choice("aeiou") for _ in range(_rng.choice((1, 2, 2, 3, 3, 4)))
    )


_WORDS = [_word() for _ in range(3000)]
_SENTENCES = [" ".join(_rng.choice(_WORDS) for _ in range(_rng.randint(8, 12)))[:74].capitalize() for _ in range(6000)]
_NAMES = [(f"{_word().capitalize()} {_word().capitalize()}", f"{_word()}.{_word()}@{_word()}.test") for _ in range(400)]
_ATTACHMENT = base64.encodebytes(_rng.randbytes(30_000)).replace(b"\n", b"\r\n").decode()


def _text(rng: random.Random, sizeOctets: int, words: str) -> str:
    sentences = rng.choices(_SENTENCES, k=max(1, sizeOctets // 62))
    if words:
        sentences[len(sentences) // 2] = words
    return ".\r\n".join(sentences) + ".\r\n"


def internalDate(number: int) -> str:
    """
    When message C{number} came, as APPEND has it.
    """
    return time.strftime("%d-%b-%Y %H:%M:%S +0000", time.gmtime(_START + number * _SECONDS_BETWEEN))


def isSeen(number: int) -> bool:
    return number % 10 < 7


def mail(number: int) -> bytes:
    """
    Message C{number}, CRLF line ends.
    """
    rng = random.Random(number)
    name, address = _NAMES[int(400 * rng.random() ** 2)]
    if number % _FREQUENT_EVERY == 3:
        name, address = "Astrid Lindgren", "astrid.lindgren@example.test"
    if number % _RARE_EVERY == 17:
        name, address = "Ottokar Zwiebelhuber", "ottokar@zwiebelhuber.test"
    thread = number // (_THREADS * _THREAD_LENGTH) * _THREADS + number % _THREADS
    position = number // _THREADS % _THREAD_LENGTH
    if thread % 4 == 0:
        # News and notices: nobody answers them.
        thread, position = 10_000_000 + number, 0
    subject = _SENTENCES[thread * 7 % len(_SENTENCES)][:50]
    if thread % 20 == 1:
        subject = "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_" + subject.split()[0] + "?= " + subject[12:]
    references = [f"<t{thread}.{place}@example.test>" for place in range(position)]
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0100", time.gmtime(_START + number * _SECONDS_BETWEEN - 60 + 3600))
    header = [
        f"Return-Path: <{address}>",
        f"Received: from mail.{address.partition('@')[2]} (mail.{address.partition('@')[2]} [192.0.2.{number % 250}])",
        f"\tby mail.example.test with ESMTPS id {number:08x}; {when}",
        f"From: {name} <{address}>",
        "To: Some One <u0@example.test>" + (", The Team <team@example.test>" if number % 3 == 0 else ""),
        f"Subject: {'Re: ' if position else ''}{subject}",
        f"Date: {when}",
        f"Message-ID: <t{thread}.{position}@example.test>",
        "MIME-Version: 1.0",
    ]
    if references:
        header.append(f"In-Reply-To: {references[-1]}")
        header.append("References: " + "\r\n ".join(references))
    words = []
    if number % 2:
        words.append(f"The {FREQUENT_WORD} numbers are in")
    if number % _RARE_EVERY == 29:
        words.append(f"As {RARE_WORD} said")
    kind = number * 7 % 20
    size = rng.choice((900, 1500, 2500, 3500, 6000))
    plain = _text(rng, size, ", ".join(words))
    if kind < 9:
        header.append("Content-Type: text/plain; charset=us-ascii")
        return ("\r\n".join(header) + "\r\n\r\n" + plain).encode()
    if kind < 12:
        header += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
        return ("\r\n".join(header) + "\r\n\r\n" + plain.replace("ka", "k=C3=A4")).encode()
    first = f"--a{number}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{plain}\r\n--a{number}\r\n"
    if kind < 17:
        header.append(f'Content-Type: multipart/alternative; boundary="a{number}"')
        second = f"<html><body><p>{plain}</p></body></html>\r\n"
        second = f"Content-Type: text/html; charset=utf-8\r\n\r\n{second}\r\n--a{number}--\r\n"
    else:
        header.append(f'Content-Type: multipart/mixed; boundary="a{number}"')
        length = 40_000 if kind == 19 and number % 3 == 0 else 2000
        start = number % 13 * 78
        second = (
            f'Content-Type: application/pdf; name="report-{number}.pdf"\r\nContent-Transfer-Encoding: base64\r\n'
            f'Content-Disposition: attachment; filename="report-{number}.pdf"\r\n\r\n'
            f"{_ATTACHMENT[start : start + length]}\r\n--a{number}--\r\n"
        )
    return ("\r\n".join(header) + "\r\n\r\n" + first + second).encode()
