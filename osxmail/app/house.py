# -*- test-case-name: tests.integration.test_daemon -*-
"""
The parts, put together: this reads as a parts list.
"""

from __future__ import annotations

from twisted.logger import Logger

log = Logger(namespace="osxmail.app")
