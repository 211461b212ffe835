"""A real Chromium, driven over its DevTools protocol: what a person on a phone sees and presses."""

import asyncio
import base64
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "about:blank",
)


@dataclass(slots=True)
class Tab:
    """One page. Everything is found, read and pressed from outside of it."""

    wire: ClientConnection
    session: str = ""
    numbers: Any = field(default_factory=count)

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Call the browser and wait for its answer; what it tells meanwhile is not needed."""
        number = next(self.numbers) + 1
        call: dict[str, Any] = {"id": number, "method": method, "params": params}
        await self.wire.send(json.dumps({**call, "sessionId": self.session} if self.session else call))
        while True:
            told = json.loads(await self.wire.recv())
            if told.get("id") == number:
                assert "error" not in told, (method, told)
                return dict(told["result"])

    async def event(self, method: str) -> None:
        """Wait until the browser tells of this."""
        while json.loads(await self.wire.recv()).get("method") != method:
            pass

    async def go(self, url: str) -> None:
        await self.send("Page.navigate", url=url)
        await self.event("Page.loadEventFired")

    async def find(self, selector: str) -> int:
        """The node of a selector."""
        root = (await self.send("DOM.getDocument"))["root"]["nodeId"]
        node = (await self.send("DOM.querySelector", nodeId=root, selector=selector))["nodeId"]
        assert node, f"there is no {selector}"
        return int(node)

    async def html(self) -> str:
        root = (await self.send("DOM.getDocument"))["root"]["nodeId"]
        return str((await self.send("DOM.getOuterHTML", nodeId=root))["outerHTML"])

    async def type(self, selector: str, text: str) -> None:
        await self.send("DOM.focus", nodeId=await self.find(selector))
        await self.send("Input.insertText", text=text)

    async def press(self, selector: str) -> None:
        """Click in the middle of it, and wait for the page that follows."""
        node = await self.find(selector)
        await self.send("DOM.scrollIntoViewIfNeeded", nodeId=node)
        x1, y1, x2, _, _, y3, *_ = (await self.send("DOM.getBoxModel", nodeId=node))["model"]["border"]
        where = {"x": (x1 + x2) / 2, "y": (y1 + y3) / 2, "button": "left", "clickCount": 1}
        await self.send("Input.dispatchMouseEvent", type="mousePressed", **where)
        await self.send("Input.dispatchMouseEvent", type="mouseReleased", **where)
        await self.event("Page.loadEventFired")

    async def key(self, key: str, text: str = "") -> None:
        """Press a key, wherever the focus is."""
        codes = {"Enter": 13, "Escape": 27, "Tab": 9}
        told: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": codes.get(key, ord(key[0].upper()))}
        typed = text or ("\r" if key == "Enter" else key if len(key) == 1 else "")
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=typed, **told)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    async def tap(self, selector: str) -> None:
        """Touch the middle of it with a finger."""
        node = await self.find(selector)
        await self.send("DOM.scrollIntoViewIfNeeded", nodeId=node)
        x1, y1, x2, _, _, y3, *_ = (await self.send("DOM.getBoxModel", nodeId=node))["model"]["border"]
        await self.send(
            "Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": (x1 + x2) / 2, "y": (y1 + y3) / 2}]
        )
        await self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    async def until(self, expression: str, seconds: float = 15) -> Any:
        """Wait until an expression of JavaScript is true, over the pages that come meanwhile; its value."""
        async with asyncio.timeout(seconds):
            while True:
                # A page that goes away takes the expression with it.
                try:
                    if value := await self.evaluate(expression):
                        return value
                except AssertionError:
                    pass
                await asyncio.sleep(0.02)

    async def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Be a screen of this size."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        await self.send("Emulation.setDeviceMetricsOverride", **metrics)

    async def width(self) -> float:
        """How wide the page is, in CSS pixels: wider than the phone means scrolling sideways."""
        return float((await self.send("Page.getLayoutMetrics"))["cssContentSize"]["width"])

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, or of its promise."""
        asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = await self.send("Runtime.evaluate", **asked)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def picture(self) -> bytes:
        """The whole page as PNG."""
        shot = await self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def phone(folder: Path, *, scripts: bool = False, seconds: float = 60) -> AsyncGenerator[Tab]:
    """A tab as wide as a phone, with scripts switched off or on, for so many seconds at most."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert program, "Chromium is missing: scripts/ensure_tools.sh installs it"
    devnull = asyncio.subprocess.DEVNULL
    flags = (*FLAGS[:-1], f"--user-data-dir={folder}", FLAGS[-1])
    browser = await asyncio.create_subprocess_exec(program, *flags, stdout=devnull, stderr=asyncio.subprocess.PIPE)
    try:
        assert browser.stderr is not None
        async with asyncio.timeout(seconds):
            while b"DevTools listening on " not in (line := await browser.stderr.readline()):
                assert line, "Chromium ended before it could be asked"
            async with connect(line.decode().split(" on ")[1].strip(), max_size=1 << 26) as wire:
                tab = Tab(wire)
                target = (await tab.send("Target.createTarget", url="about:blank"))["targetId"]
                tab.session = (await tab.send("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
                await tab.send("Page.enable")
                await tab.send("DOM.enable")
                await tab.send("Emulation.setScriptExecutionDisabled", value=not scripts)
                await tab.send("Emulation.setDeviceMetricsOverride", **PHONE)
                yield tab
    finally:
        browser.terminate()
        await browser.communicate()
