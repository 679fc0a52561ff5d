"""Between the web and the engine: one thread takes the engine's steps, coroutines wait for text.

The engine belongs to the thread. What the web wants of it (a new request, a cancellation) waits in
an inbox that is emptied between two steps, so there is no lock around a step and the event loop
never stands still for a matrix product. What the engine says goes back into the event loop of the
one who asked.

A `Call` is what one client asked for in one HTTP request: one answer, or several that come through
the same queue. Who stops reading a call cancels it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Self

from phase4_production.project.engine import Engine, Full, Output, Request, Stats, TooLong
from phase4_production.project.server_metrics import Metrics
from phase4_production.project.timeline import Timeline

LOG = logging.getLogger(__name__)


class Call:
    """Requests that were asked together; iterate over `(number, output)` until all have finished.

    Use it as a context: leaving it, for whatever reason, cancels what has not finished.
    """

    def __init__(self, serving: Serving, requests: Sequence[Request]) -> None:
        self._serving, self._loop = serving, asyncio.get_running_loop()
        self.requests = requests
        self._numbers = {request.id: number for number, request in enumerate(requests)}
        self._open = set(self._numbers)
        self._arrived: asyncio.Queue[Output] = asyncio.Queue()
        self.timelines = {request.id: Timeline() for request in requests}

    def deliver(self, output: Output) -> None:
        """Take an output from the engine's thread."""
        try:
            self._loop.call_soon_threadsafe(self._arrived.put_nowait, output)
        except RuntimeError:  # the loop has closed: nobody waits any more
            LOG.debug("an output came too late")

    async def __aiter__(self) -> AsyncIterator[tuple[int, Output]]:
        while self._open:
            output = await self._arrived.get()
            if output.finish:
                self._open.discard(output.request)
            yield self._numbers[output.request], output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if self._open:
            self._serving.cancel(list(self._open))


class Serving:
    """An engine at work in a thread of its own.

    Args:
        engine: touched by the thread alone once `start` has been called.
        max_open: answers that may be under way or waiting; one more is refused with `Full`.
        metrics: is told of every token.
    """

    def __init__(self, engine: Engine, max_open: int, metrics: Metrics | None = None) -> None:
        self._engine, self._max_open = engine, max_open
        self.metrics = metrics or Metrics()
        self._calls: dict[str, Call] = {}
        self._inbox: deque[Callable[[], None]] = deque()
        self._wake, self._closing = threading.Event(), False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._stats = engine.stats()

    # -- for the web, in the event loop -----------------------------------------------------------

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more, and cancel what is left after the step that is being taken."""
        self._closing = True
        self._wake.set()

    def close(self) -> None:
        """Stop, and wait for the thread to end."""
        self.stop()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def healthy(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive() and not self._closing

    @property
    def stats(self) -> Stats:
        """How the engine stood after its last step."""
        return self._stats

    @property
    def n_open(self) -> int:
        """Answers under way or waiting."""
        return len(self._calls)

    def ask(self, requests: Sequence[Request]) -> Call:
        """Hand requests to the engine.

        Raises:
            Full: there are too many already; nothing was taken.
            TooLong: a prompt does not fit into the model or the cache; nothing was taken.
        """
        if len(self._calls) + len(requests) > self._max_open:
            raise Full(f"{len(self._calls)} answers are under way, and {self._max_open} may be")
        for request in requests:
            self._engine.check(request)
        call = Call(self, requests)
        for request in requests:
            self._calls[request.id] = call
        self._send(lambda: self._add(requests))
        return call

    def cancel(self, ids: Sequence[str]) -> None:
        """Forget requests, and give their blocks back before the next step."""
        self._send(lambda: self._cancel(ids))

    def _send(self, command: Callable[[], None]) -> None:
        self._inbox.append(command)
        self._wake.set()

    # -- in the engine's thread -------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing:
            self._wake.clear()
            while self._inbox:
                self._inbox.popleft()()
            if not self._engine.has_work:
                self._stats = self._engine.stats()
                self._wake.wait()
                continue
            self._step()
        self._cancel(list(self._calls))

    def _step(self) -> None:
        began = time.perf_counter()
        try:
            outputs = self._engine.step()
        except Exception as error:  # whatever it is: those who wait are told, and the rest goes on
            LOG.exception("a step failed")
            self._fail_all(error)
            return
        self._stats = self._engine.stats()
        self.metrics.step(time.perf_counter() - began, self._stats)
        for output in outputs:
            self._deliver(output)

    def _add(self, requests: Sequence[Request]) -> None:
        for request in requests:
            try:
                self._engine.add(request)
            except (Full, TooLong, ValueError) as error:
                self._deliver(Output(request.id, (), "", "error", str(error)))

    def _cancel(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._engine.cancel(id)
            if id in self._calls:
                self._deliver(Output(id, (), "", "cancelled"))

    def _fail_all(self, error: Exception) -> None:
        for id in list(self._calls):
            self._engine.cancel(id)
            self._deliver(Output(id, (), "", "error", f"the engine failed: {error}"))

    def _deliver(self, output: Output) -> None:
        call = self._calls.get(output.request)
        if call is None:
            return
        if output.finish:
            del self._calls[output.request]
        self.metrics.output(call.timelines[output.request], output)
        call.deliver(output)
