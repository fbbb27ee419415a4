"""
Tests for L{osxmail.mail.mimestructure}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.errors import ParseError
from osxmail.mail.headerdate import SentDate
from osxmail.mail.mimestructure import LEAF, MESSAGE, MULTIPART, TEXT, Part, SortKeys, decoded, encoded

sizes = st.integers(0, 1 << 40)


def grown(children: st.SearchStrategy[Part]) -> st.SearchStrategy[Part]:
    """
    Parts with these below, at offsets that fit.
    """

    def placed(kind: int, header: int, inner: list[Part]) -> Part:
        at = header
        parts = []
        for child in inner[: 1 if kind == MESSAGE else None]:
            parts.append(moved(child, at))
            at = parts[-1].endOffset
        return Part(kind, 0, header, at, tuple(parts))

    return st.builds(
        placed, st.sampled_from([MULTIPART, MESSAGE]), st.integers(0, 1000), st.lists(children, min_size=1, max_size=4)
    )


def moved(part: Part, by: int) -> Part:
    return Part(
        part.kind,
        part.headerOffset + by,
        part.bodyOffset + by,
        part.endOffset + by,
        tuple(moved(child, by) for child in part.children),
    )


leaves = st.builds(lambda kind, a, b: Part(kind, 0, a, a + b), st.sampled_from([LEAF, TEXT]), sizes, sizes)
parts = st.recursive(leaves, grown, max_leaves=12)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
keys = st.builds(
    SortKeys,
    texts,
    st.booleans(),
    st.none() | st.builds(SentDate, st.integers(-70_000_000_000, 260_000_000_000), st.integers(1, 3_652_059)),
    texts,
    texts,
    texts,
    texts,
    st.lists(texts, max_size=5).map(tuple),
)


class StructureTests(SynchronousTestCase):
    """
    Keeping structures.
    """

    @settings(deadline=None, max_examples=300)
    @given(parts, keys)
    def test_roundTrip(self, part: Part, sortKeys: SortKeys) -> None:
        self.assertEqual(decoded(encoded(part, sortKeys)), (part, sortKeys))

    def test_compact(self) -> None:
        self.assertLess(
            len(encoded(Part(TEXT, 0, 700, 4000), SortKeys("hello", sent=SentDate(1_704_110_400, 738_886)))), 32
        )

    def test_walk(self) -> None:
        inner = Part(TEXT, 5, 6, 7)
        outer = Part(MULTIPART, 0, 5, 9, (inner, inner))
        self.assertEqual(list(outer.walk()), [outer, inner, inner])

    def test_version(self) -> None:
        octets = encoded(Part(TEXT, 0, 1, 2), SortKeys())
        self.assertRaises(ParseError, decoded, b"\x63" + octets[1:])
        self.assertRaises(ParseError, decoded, b"")

    @settings(deadline=None, max_examples=300)
    @given(parts, keys, st.data())
    def test_damage(self, part: Part, sortKeys: SortKeys, data: st.DataObject) -> None:
        """
        What is cut short or changed reads as something, or is a ParseError.
        """
        octets = bytearray(encoded(part, sortKeys))
        place = data.draw(st.integers(0, len(octets) - 1))
        octets[place] = data.draw(st.integers(0, 255))
        for damaged in (bytes(octets), bytes(octets[:place])):
            try:
                decoded(damaged)
            except ParseError:
                pass

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=100))
    def test_garbage(self, octets: bytes) -> None:
        try:
            decoded(b"\x01" + octets)
        except ParseError:
            pass
