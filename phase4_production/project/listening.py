"""Where a server listens, and how it ends."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

CUT_S = 3  # for those to be told whose answers took too long
HEAD_S = 15.0  # for the head of a request to arrive
# A process may usually have 1,024 files open, and so many are accepted before one is counted.
MAX_CONNECTIONS, ACCEPTED_AT_ONCE = 850, 100


def is_local(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Take an address, before a model is loaded that could not be served there.

    Raises:
        ValueError: it is no address of this machine, or somebody else has it.
    """
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family)
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"cannot listen on {host!r}, port {port}: {error}; "
            "try another --host, or another --port (0 takes one that is free)"
        ) from None


class Connection(H11Protocol):
    """Hangs up on a client that takes longer than `HEAD_S`, up to twice that, to ask for something.

    uvicorn waits for ever; and where no file can be opened any more, it answers nobody.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._look = self.loop.call_later(HEAD_S, self._hurry, None)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Wait no more."""
        self._look.cancel()
        super().connection_lost(error)

    def _hurry(self, before: RequestResponseCycle | None) -> None:
        if self.cycle is before and (before is None or before.response_complete):
            self.transport.close()
        else:
            self._look = self.loop.call_later(HEAD_S, self._hurry, self.cycle)


class Listening(uvicorn.Server):
    """Says where it listens once it does, and ends well when it is asked to end.

    Args:
        app: has what works for it in `app.state.serving`.
        drain_s: seconds that answers under way get to finish.
    """

    def __init__(self, app: FastAPI, drain_s: int) -> None:
        patience_s = drain_s + CUT_S + 1  # uvicorn's own end comes last, and fills the log
        settings = uvicorn.Config(
            app,
            http=Connection,
            backlog=ACCEPTED_AT_ONCE,
            log_level="warning",
            timeout_graceful_shutdown=patience_s,
        )
        super().__init__(settings)
        self._serving, self._drain_s = app.state.serving, drain_s

    async def startup(self, sockets: list | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if not self.started:
            return
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        print(f"chat page:     {url}/")
        print(f"OpenAI client: base_url={url}/v1", flush=True)

    async def shutdown(self, sockets: list | None = None) -> None:
        """Drain. An answer that takes longer is cut off by us: uvicorn would not say why.

        Who asks a second time for the end does not wait, and hangs up on everybody.
        """
        loop = asyncio.get_running_loop()
        cut = loop.call_later(self._drain_s, self._cut)
        last = loop.call_later(self._drain_s + CUT_S, self._hang_up)
        ending = loop.create_task(super().shutdown(sockets))
        while not ending.done():
            await asyncio.wait([ending], timeout=0.1)
            if self.force_exit:  # from Python 3.12 on, uvicorn waits for clients even so
                self._hang_up()
        await ending
        cut.cancel()
        last.cancel()
        if self.force_exit:
            if self.server_state.tasks:
                await asyncio.wait(self.server_state.tasks, timeout=CUT_S)
            await self.lifespan.shutdown()

    def _cut(self) -> None:
        """Tell those whose answers took too long, and wait for no half of a request."""
        self._serving.stop()
        for connection in self.server_state.connections:
            if connection.cycle is not None and connection.cycle.more_body:
                connection.transport.abort()

    def _hang_up(self) -> None:
        self._serving.stop()
        for connection in self.server_state.connections:
            connection.transport.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain; uvicorn would raise SIGTERM again after that, and the exit code were no 0."""
        if sig == signal.SIGTERM:
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)
