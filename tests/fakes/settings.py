"""
Settings for tests: the real class over the real table, with pins as overrides.
"""

from __future__ import annotations

from osxmail.app.settings import TABLE, Settings


class FakeSettings(Settings):
    """
    C{FakeSettings({"relay.port": "2525"})}; C{change(key, text)} afterwards.
    """

    def __init__(self, overrides: dict[str, str] | None = None) -> None:
        for key, text in (overrides or {}).items():
            TABLE[key].parse(text)
        super().__init__(overrides)

    def change(self, key: str, text: str) -> None:
        TABLE[key].parse(text)
        self.pin({**self._pins, key: text})
