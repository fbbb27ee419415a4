"""
The failures that cross contracts: kinds that must never be mixed up.
"""

from __future__ import annotations

import inspect

from twisted.trial.unittest import SynchronousTestCase

from osxmail import errors

FAILURES = [value for value in vars(errors).values() if inspect.isclass(value) and value.__module__ == errors.__name__]


class ErrorTests(SynchronousTestCase):
    def test_oneRoot(self) -> None:
        """
        A room that catches L{errors.MailError} catches all that a contract allows.
        """
        self.assertEqual([each for each in FAILURES if not issubclass(each, errors.MailError)], [])

    def test_notNowIsNeitherNotThereNorNotAllowed(self) -> None:
        for kind in (errors.NotFound, errors.NotAllowed, errors.ParseError, errors.OverQuota):
            mixed = [each for each in FAILURES if issubclass(each, kind) and issubclass(each, errors.TemporaryError)]
            self.assertEqual(mixed, [], kind)

    def test_parseErrorsAreValueErrors(self) -> None:
        """
        Converters of attrs and pydantic raise those, and so may a grammar that they call.
        """
        self.assertTrue(issubclass(errors.ParseError, ValueError))

    def test_everyProblemOfAConfiguration(self) -> None:
        error = errors.ConfigurationError(["a:1: one", "a:7: two"])
        self.assertEqual(error.problems, ["a:1: one", "a:7: two"])
        self.assertEqual(str(error), "a:1: one\na:7: two")
