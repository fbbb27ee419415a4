"""
Filters: whatever goes in as a value comes out as that value, and as nothing else.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from ldap3.operation.search import compile_filter, parse_filter
from twisted.trial.unittest import SynchronousTestCase

from osxmail.directory.ldapfilter import NOTHING, allOf, anyOf, equals, escaped

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NASTY = st.text(alphabet="*()\\&|!=~<>:\0 abAB29éß\n", max_size=40)


def compiled(filter: str):
    return compile_filter(parse_filter(filter, None, False, False, None, False).elements[0])


class FilterTests(SynchronousTestCase):
    def test_escaped(self) -> None:
        # RFC 4515 4: the examples.
        self.assertEqual(escaped("Lučić"), "Lu\\c4\\8di\\c4\\87")
        self.assertEqual(escaped("Parens R Us (for all your parenthetical needs)")[-5:], "ds\\29"[-5:])
        self.assertEqual(escaped("*()\\\0 "), "\\2a\\28\\29\\5c\\00\\20")
        self.assertEqual(escaped("anna.b-c_d@example.test"), "anna.b-c_d@example.test")

    def test_notUnicode(self) -> None:
        self.assertRaises(UnicodeEncodeError, escaped, "\ud800")

    def test_made(self) -> None:
        self.assertEqual(equals(["uid"], "a"), "(uid=a)")
        self.assertEqual(equals(["uid", "mail"], "a"), "(|(uid=a)(mail=a))")
        self.assertEqual(equals([], "a"), NOTHING)
        self.assertEqual(anyOf([NOTHING, "(a=b)"]), "(a=b)")
        self.assertEqual(allOf("(a=b)", NOTHING), NOTHING)
        self.assertEqual(allOf("(a=b)", "(c=d)"), "(&(a=b)(c=d))")

    @settings(deadline=None, max_examples=300)
    @given(TEXT | NASTY)
    def test_valuesStayValues(self, value: str) -> None:
        """
        Our library, which puts it on the wire, sees one equality with these very octets.
        """
        found = compiled(equals(["uid"], value))
        self.assertEqual(found.getName(), "equalityMatch")
        self.assertEqual(bytes(found["equalityMatch"]["assertionValue"]), value.encode("utf-8"))

    @settings(deadline=None, max_examples=100)
    @given(st.lists(NASTY, min_size=2, max_size=5))
    def test_severalStaySeveral(self, values: list[str]) -> None:
        found = compiled(allOf("(objectClass=x)", anyOf(equals(["uid"], value) for value in values)))
        self.assertEqual(found.getName(), "and")
        parts = found["and"][1]["or"]
        self.assertEqual(
            [bytes(parts[n]["equalityMatch"]["assertionValue"]) for n in range(len(values))],
            [value.encode() for value in values],
        )
