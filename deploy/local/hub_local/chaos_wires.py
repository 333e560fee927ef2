"""Dây nối: ways between the services and their servers on which connections are cut and bytes stop."""

import asyncio


class Wire:
    """Forwards the TCP port `own` of this machine to `target`. Usable once `open` has returned."""

    def __init__(self, own: int, target: int) -> None:
        self._own = own
        self._target = target
        self._flows = asyncio.Event()
        self._flows.set()
        self._ends: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listens. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._own)

    async def close(self) -> None:
        """Cuts everything and listens no more."""
        if self._server is not None:
            self._server.close()
        self.silent(False)
        self.cut()

    def cut(self) -> int:
        """Resets every connection; new ones may be made at once. How many were cut."""
        ends = list(self._ends)
        for end in ends:
            end.transport.abort()
        return len(ends) // 2

    def silent(self, is_silent: bool) -> None:
        """While silent, connections stand and nothing passes: as behind a firewall that forgot them."""
        if is_silent:
            self._flows.clear()
        else:
            self._flows.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flows.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._ends |= ends
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            self._ends -= ends
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            return
