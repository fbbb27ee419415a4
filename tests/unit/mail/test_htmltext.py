"""
Tests for L{osxmail.mail.htmltext}.
"""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.htmltext import MAX_ENTITY_CHARACTERS, HtmlText


def seen(html: str, size: int = 1 << 20) -> str:
    text = HtmlText()
    pieces = [text.feed(html[at : at + size]) for at in range(0, len(html), size)]
    return "".join(pieces) + text.feed("", True)


class HtmlTests(SynchronousTestCase):
    def test_seen(self) -> None:
        """
        What a reader sees, whatever the size of the pieces in which it comes.
        """
        for html, text in (
            ("", ""),
            ("plain", "plain"),
            ("<p>one</p><p>two</p>", "one two "),
            ("<b>hel</b>lo <I\nclass='x'>you</I>", "hello you"),
            ("a<br>b<br/>c<hr />d", "a b c d"),
            ("  a \r\n\t b  ", "a b "),
            ("a&amp;b &lt;c&gt; &uuml;&#252;&#xFC; &nbsp;x", "a&b <c> üüü \xa0x"),
            ("a &unknown; b & c &", "a &unknown; b & c &"),
            ("1 < 2 > 0, a<3", "1 < 2 > 0, a<3"),
            ("<!-- a > b -- c -->d", "d"),
            ("<!-->a", "a"),
            ("<!DOCTYPE html><?xml x?></ bogus>a", "a"),
            ("<a title='x > y' href=\"u > v\">link</a>", "link"),
            ("<script>if (a < b) x('</p>')</script>after<STYLE>p { }</Style >end", "afterend"),
            ("<script>never closed", ""),
            ("<p unclosed", ""),
            ("a<", "a<"),
            ("a</", "a"),
            ("<table><tr><td>x</td><td>y</td></tr></table>", "x y "),
            ("<template>x</template>y", "y"),
            ("<scripture>x</scripture>", "x "),
            ("<o:p>x</o:p>y", "xy"),
        ):
            for size in (1 << 20, 7, 3, 2, 1):
                self.assertEqual(seen(html, size), text, (html, size))

    def test_bounds(self) -> None:
        """
        What is kept between two pieces is bounded, and nothing takes more than a linear time.
        """
        for html in ("<" * 200_000, "<a " * 70_000, "<a b='" * 30_000, "&" * 200_000, "<!--" * 50_000, "</" * 100_000,
                     "<script>" + "</" * 100_000, "<script>" + "</s" * 70_000, "<a" + "b" * 200_000):  # fmt: skip
            text = HtmlText()
            began = process_time()
            for at in range(0, len(html), 65_536):
                text.feed(html[at : at + 65_536])
                self.assertLessEqual(len(text._rest), max(MAX_ENTITY_CHARACTERS, 40))
            text.feed("", True)
            self.assertLess(process_time() - began, 2.0, html[:10])

    @settings(deadline=None, max_examples=300)
    @given(st.text(alphabet="<>/!-&;'\"= \nabpscriptyle#1x", max_size=80), st.integers(1, 9))
    def test_any(self, html: str, size: int) -> None:
        """
        Pieces make no difference, and text without signs is itself.
        """
        self.assertEqual(seen(html, size), seen(html))
        words = [word.translate({ord(sign): None for sign in "<&"}) for word in html.split()]
        plain = " ".join(word for word in words if word)
        self.assertEqual(seen(plain, size), plain)
