"""
L{osxmail.net.threads}: bounded pools.
"""

from __future__ import annotations

import threading

from twisted.internet.defer import CancelledError, gatherResults
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from osxmail.errors import Overloaded
from osxmail.net import threads
from osxmail.net.threads import Pool


class PoolTests(TestCase):
    def setUp(self) -> None:
        self.gate = threading.Event()
        self.addCleanup(self.gate.set)

    def pool(self, size: int = 1, maxWaiting: int = 10) -> Pool:
        pool = Pool("testing", size, maxWaiting)
        pool.start()

        def stop():
            self.gate.set()
            return pool.stop()

        self.addCleanup(stop)
        return pool

    async def test_resultAndName(self) -> None:
        pool = self.pool()
        name = await pool.run(lambda: threading.current_thread().name)
        self.assertEqual(name, "testing-0")
        self.assertEqual((pool.running, pool.waiting), (0, 0))

    async def test_arguments(self) -> None:
        self.assertEqual(await self.pool().run(divmod, 7, 2), (3, 1))

    async def test_exception(self) -> None:
        with self.assertRaises(ZeroDivisionError):
            await self.pool().run(divmod, 7, 0)

    async def test_fullIsSaidAtOnce(self) -> None:
        pool = self.pool(size=2, maxWaiting=3)
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        accepted = [pool.run(self.gate.wait) for _ in range(5)]
        self.assertEqual((pool.running, pool.waiting), (2, 3))
        for _ in range(2):
            with self.assertRaises(Overloaded):
                await pool.run(self.gate.wait)
        told = [e for e in events if e.get("event") == "threads.overloaded"]
        self.assertEqual([(e["pool"], e["waiting"]) for e in told], [("testing", 3)])
        self.gate.set()
        await gatherResults(accepted)
        self.assertEqual(await pool.run(abs, -1), 1)

    async def test_neverMoreThreadsThanItsSize(self) -> None:
        pool = self.pool(size=3, maxWaiting=100)
        names = await gatherResults([pool.run(lambda: threading.current_thread().name) for _ in range(60)])
        self.assertLessEqual(set(names), {"testing-0", "testing-1", "testing-2"})

    async def test_moreAnswersThanOneTurn(self) -> None:
        pool = self.pool(size=2, maxWaiting=1000)
        numbers = await gatherResults([pool.run(abs, n) for n in range(threads.ANSWERS_PER_TURN * 3)])
        self.assertEqual(numbers, list(range(threads.ANSWERS_PER_TURN * 3)))

    async def test_longWaitIsTold(self) -> None:
        self.patch(threads, "LONG_WAIT_SECONDS", 0.0)
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        pool = self.pool()
        await gatherResults([pool.run(abs, 1), pool.run(abs, 2)])
        told = [e for e in events if e.get("event") == "threads.waited"]
        self.assertEqual(len(told), 1)

    async def test_stopWaitsForWhatRuns(self) -> None:
        pool = Pool("testing", 1, 5)
        pool.start()
        calls = [pool.run(self.gate.wait), pool.run(abs, -3)]
        stopped = pool.stop()
        self.assertFalse(stopped.called)
        with self.assertRaises(Overloaded):
            await pool.run(abs, 1)
        self.gate.set()
        await stopped
        self.assertEqual(self.successResultOf(calls[1]), 3)

    async def test_stopLeavesAHangingCallBehind(self) -> None:
        pool = Pool("testing", 1, 5)
        pool.start()
        pool.run(self.gate.wait)
        await pool.stop(graceSeconds=0.01)

    async def test_restart(self) -> None:
        pool = Pool("testing", 1, 5)
        for _ in range(2):
            pool.start()
            self.assertEqual(await pool.run(abs, -3), 3)
            await pool.stop()

    async def test_cancel(self) -> None:
        pool = self.pool()
        call = pool.run(self.gate.wait)
        call.cancel()
        with self.assertRaises(CancelledError):
            await call
        self.gate.set()
        self.assertEqual(await pool.run(abs, -1), 1)

    def test_sizes(self) -> None:
        for size, waiting in ((0, 1), (1, -1)):
            with self.assertRaises(ValueError):
                Pool("testing", size, waiting)
