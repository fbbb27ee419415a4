"""
Tests for L{osxmail.mail.subject}.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from osxmail.mail.subject import MAX_SUBJECT_CHARACTERS, baseSubject


class BaseSubjectTests(SynchronousTestCase):
    """
    RFC 5256 2.1.
    """

    def test_steps(self) -> None:
        for subject, base, isReply in (
            ("hello", "hello", False),
            ("Hello  \t World ", "hello world", False),
            ("Re: hello", "hello", True),
            ("RE[2]: hello", "hello", True),
            ("re :hello", "hello", True),
            ("Fwd: Re: FW: hello", "hello", True),
            ("[list] hello", "hello", False),
            ("[list] Re: hello", "hello", True),
            ("Re: [list] Re: hello", "hello", True),
            ("[a] [b] hello", "hello", False),
            ("[only]", "[only]", False),
            ("Re: [only]", "[only]", True),
            ("hello (fwd)", "hello", True),
            ("hello (FWD) (fwd)", "hello", True),
            ("[Fwd: hello]", "hello", True),
            ("[fwd: Re: [x] hello (fwd)]", "hello", True),
            ("[fwd: a] b]", "b]", False),
            ("Regarding: hello", "regarding: hello", False),
            ("", "", False),
            ("Re:", "", True),
            ("STRASSE straße", "strasse strasse", False),
        ):
            self.assertEqual(baseSubject(subject), (base, isReply), subject)

    def test_limit(self) -> None:
        self.assertEqual(len(baseSubject("x" * 10_000)[0]), MAX_SUBJECT_CHARACTERS)
        baseSubject("re:" * 100_000)
        baseSubject("[" * 100_000)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(st.sampled_from(["re:", "Fwd:", "[x]", "[fwd:", "]", "(fwd)", " ", "hello", "["]), max_size=20).map(
            "".join
        )
    )
    def test_ends(self, subject: str) -> None:
        """
        A base subject is its own base subject.
        """
        base, _ = baseSubject(subject)
        self.assertEqual(baseSubject(base)[0], base)
