"""Trình duyệt thật: Chromium without a window, spoken to over two pipes (Chrome DevTools Protocol)."""

import asyncio
import base64
import itertools
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
WHY_NOT = "no Chromium here: apt-get install -y chromium fonts-noto-core"
PHONE, LAPTOP = (360, 800), (1280, 900)


class Browser:
    """One tab."""

    def __init__(self, reader: asyncio.StreamReader, out: int) -> None:
        self._reader = reader
        self._out = out
        self._numbers = itertools.count(1)
        self._session: str | None = None
        self._loaded = 0

    async def open_tab(self) -> None:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        await self.call("Page.enable")
        await self.call("Emulation.setScriptExecutionDisabled", value=True)

    async def call(self, method: str, **params: Any) -> Any:
        """The result of a command; raises RuntimeError with the browser's words."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = await self._message()
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    async def _message(self) -> dict[str, Any]:
        async with asyncio.timeout(30):
            raw = await self._reader.readuntil(b"\0")
        message: dict[str, Any] = json.loads(raw[:-1])
        self._loaded += message.get("method") == "Page.loadEventFired"
        return message

    async def sized(self, width: int, height: int) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    async def goes_to(self, url: str) -> None:
        before = self._loaded
        await self.call("Page.navigate", url=url)
        await self._until_loaded(before)

    async def presses(self, selector: str) -> None:
        """Clicks as a finger does, and waits for the page that follows."""
        before = self._loaded
        x, y = await self.value(
            f"(e => {{ e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect();"
            f" return [b.x + b.width / 2, b.y + b.height / 2] }})(document.querySelector('{selector}'))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        await self._until_loaded(before)

    async def types(self, selector: str, text: str) -> None:
        await self.value(f"document.querySelector('{selector}').focus()")
        await self.call("Input.insertText", text=text)

    async def value(self, expression: str) -> Any:
        """What a script of ours finds out: the page itself runs none."""
        result = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    async def picture(self, longest: int) -> bytes:
        """PNG of the page from its top, at most so long."""
        size = (await self.call("Page.getLayoutMetrics"))["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], longest), "scale": 1}
        shot = await self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    async def printed(self) -> bytes:
        """PDF of what the printer gets: A4."""
        paper = {"paperWidth": 8.27, "paperHeight": 11.69}
        return base64.b64decode((await self.call("Page.printToPDF", **paper))["data"])

    async def _until_loaded(self, before: int) -> None:
        while self._loaded == before:
            await self._message()


@asynccontextmanager
async def browser(profile: str) -> AsyncIterator[Browser]:
    """A browser with a profile of its own, gone afterwards."""
    assert CHROMIUM
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    # The browser reads its commands from descriptor 3 and answers on 4.
    shell = f'exec "$@" 3<&{to_read} 4>&{from_write} {to_read}<&- {from_write}>&-'
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", shell, "bash", CHROMIUM, "--headless", "--no-sandbox", "--remote-debugging-pipe",
        "--disable-gpu", "--hide-scrollbars", "--disable-lcd-text", f"--user-data-dir={profile}", "about:blank",
        pass_fds=(to_read, from_write), stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(to_read)
    os.close(from_write)
    reader = asyncio.StreamReader(limit=2**26)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_read, "rb")
    )
    try:
        one = Browser(reader, to_write)
        await one.open_tab()
        yield one
    finally:
        transport.close()
        os.close(to_write)
        process.kill()
        await process.wait()
