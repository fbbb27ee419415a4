"""
Headers of internationalized messages for clients that take ASCII only.
"""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.encodedword import decodeWords
from osxmail.mail.header import firstFields
from osxmail.mail.surrogate import MAX_FIELD_OCTETS, MAX_REWRITTEN_OCTETS, asciiFields, asciiHeader


class SurrogateTests(SynchronousTestCase):
    def rewritten(self, header: str) -> bytes:
        made = asciiHeader(header.encode())
        self.assertTrue(made.isascii())
        return made

    def test_asciiStays(self) -> None:
        header = b"From: a@b.example\r\nSubject:  x\r\n\ty\r\nnonsense\r\n\r\n"
        self.assertIs(asciiHeader(header), header)

    def test_textsAreEncoded(self) -> None:
        made = self.rewritten("X-A: 1\r\nSubject: Grüße aus Åland\r\nX-B:  2\r\n\r\n")
        self.assertTrue(made.startswith(b"X-A: 1\r\nSubject: =?utf-8?B?"))
        self.assertTrue(made.endswith(b"\r\nX-B:  2\r\n\r\n"))
        self.assertEqual(decodeWords(firstFields(made, [b"subject"])[b"subject"]), "Grüße aus Åland")

    def test_namesAreEncodedAndAddressesStay(self) -> None:
        made = self.rewritten('To: Jörg, der Große <j@x.example>, plain@x.example, "A, B" <ab@x.example>\r\n\r\n')
        self.assertIn(b"<j@x.example>", made)
        self.assertIn(b"plain@x.example", made)
        self.assertIn(b'"A, B" <ab@x.example>', made)

    def test_addressesThatCannotBeWrittenTo(self) -> None:
        # RFC 6858 2.1
        made = self.rewritten("From: Jörg Öl <jörg@bücher.example>\r\nCc: ok@x.example, ñ@x.example\r\n\r\n")
        self.assertNotIn(b"@b", made)
        fields = firstFields(made, [b"from", b"cc"])
        self.assertTrue(fields[b"from"].endswith(b" Removed:;"))
        self.assertIn("jörg@bücher.example", decodeWords(fields[b"from"]))
        self.assertTrue(fields[b"cc"].startswith(b"ok@x.example, =?utf-8?B?"))

    def test_groups(self) -> None:
        made = self.rewritten("To: Bücher: a@x.example, Zoë <b@x.example>;, c@x.example\r\n\r\n")
        word = rb"=\?utf-8\?B\?[^?]*\?="
        wanted = rb"^To: " + word + rb": a@x\.example, " + word + rb" <b@x\.example>;, c@x\.example"
        self.assertRegex(made.replace(b"\r\n ", b" "), wanted)

    def test_fieldsThatAreTooLong(self) -> None:
        name = "ä" * 100
        for count, isRewritten in ((20, True), (40, False)):
            field = f"Subject: {' '.join([name] * count)}\r\n"
            self.assertEqual(len(field.encode()) <= MAX_FIELD_OCTETS, isRewritten)
            made = self.rewritten(field + "\r\n")
            self.assertEqual(b"=?utf-8?B?" in made, isRewritten)
            self.assertEqual(b"????" in made, not isRewritten)

    def test_noPieceTakesLong(self) -> None:
        hostile = [
            b"To: " + "ä@ä,".encode() * 12000, b"To: " + 'ä <a@b>,'.encode() * 8000, b"To: " + '"ä'.encode() * 12000,
            b"Subject: " + "ä ".encode() * 12000, "To: ä <ä@b>\r\n".encode() * 4000, b"To: " + "(ä".encode() * 12000,
        ]  # fmt: skip
        for header in [*hostile, *(header[:MAX_FIELD_OCTETS] for header in hostile)]:
            best = []
            for _ in range(3):
                longest = 0.0
                pieces = asciiFields(header)
                began = time.perf_counter()
                for _piece in pieces:
                    now = time.perf_counter()
                    longest, began = max(longest, now - began), now
                best.append(longest)
            self.assertLess(min(best), 0.015, header[:30])

    def test_longLinesAreFolded(self) -> None:
        made = self.rewritten(f"Subject: {'ä' * 500}\r\n\r\n")
        self.assertLess(max(map(len, made.split(b"\r\n"))), 100)
        self.assertEqual(decodeWords(firstFields(made, [b"subject"])[b"subject"]), "ä" * 500)

    def test_otherCharsets(self) -> None:
        made = asciiHeader(b"Subject: Gr\xfc\xdfe\r\n\r\n")
        self.assertTrue(made.isascii())
        self.assertIn(b"=?unknown-8bit?B?", made)

    def test_noFieldAtAll(self) -> None:
        self.assertEqual(asciiHeader("ä: x\r\nkein Feld ö\r\n\r\n".encode()), b"??: x\r\nkein Feld ??\r\n\r\n")

    def test_atTheLimit(self) -> None:
        header = b"X: y\r\n" * (MAX_REWRITTEN_OCTETS // 6 + 1) + "Subject: ä\r\n\r\n".encode()
        made = asciiHeader(header)
        self.assertTrue(made.isascii())
        self.assertEqual(len(made), len(header))

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.sampled_from(["To", ":", " ", "ä", "\r\n", "\n", ",", ";", "<", ">", "@", '"', "x", "\\", "(", ")"])
        ).map("".join)
    )
    def test_neverAnythingButAscii(self, header: str) -> None:
        made = asciiHeader(header.encode())
        self.assertTrue(made.isascii())
        if header.endswith("\r\n"):
            self.assertTrue(made.endswith(b"\r\n"))

    @settings(deadline=None, max_examples=100)
    @given(st.binary())
    def test_anyOctets(self, octets: bytes) -> None:
        self.assertTrue(asciiHeader(octets).isascii())
        self.assertTrue(asciiHeader(b"To: " + octets + b"\r\n\r\n").isascii())
