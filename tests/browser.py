"""A headless Chromium, driven over its DevTools protocol: what a page looks like to people, and what it asks for."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp


def find() -> str | None:
    """The browser: $CHROMIUM, or the first that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


class Tab:
    """One open page, and what it said and asked for since it was opened."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.numbers = itertools.count(1)
        self.events: list[tuple[str, dict[str, Any]]] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self.numbers)
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await asyncio.wait_for(self.socket.receive_json(), 60)
            if "method" in message:
                self.events.append((message["method"], message["params"]))
            elif message["id"] == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]

    async def open(self, path: Path, *, width: int, height: int = 900) -> None:
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.call(f"{domain}.enable")
        mobile = width < 600
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        await self.call("Page.navigate", url=path.as_uri())
        while not any(name == "Page.loadEventFired" for name, _ in self.events):
            await self.evaluate("1")

    async def evaluate(self, expression: str) -> Any:
        got = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    async def press(self, key: str, code: int) -> None:
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def screenshot(self, *, full: bool = False) -> bytes:
        got = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=full)
        return base64.b64decode(got["data"])

    async def pdf(self) -> bytes:
        return base64.b64decode((await self.call("Page.printToPDF"))["data"])

    def requests(self) -> list[str]:
        """Addresses that were asked for, but those that are in the page itself."""
        urls = [p["request"]["url"] for name, p in self.events if name == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith("data:")]

    def complaints(self) -> list[str]:
        return [p["entry"]["text"] for name, p in self.events if name == "Log.entryAdded"]


@contextlib.asynccontextmanager
async def opened(binary: str) -> AsyncIterator[Tab]:
    """A tab of a new browser with a profile of its own, ended with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        words = [binary, *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert process.stderr
            told = next(filter(None, (re.search(r"ws://([^/]+)/", line) for line in process.stderr)))
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{told.group(1)}/json/list") as answer:
                    pages = [one for one in await answer.json() if one["type"] == "page"]
                address = pages[0]["webSocketDebuggerUrl"]
                async with session.ws_connect(address, max_msg_size=1 << 28) as socket:
                    yield Tab(socket)
        finally:
            process.terminate()
            process.wait(20)
