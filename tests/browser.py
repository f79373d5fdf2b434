"""A real headless Chromium, driven over its DevTools pipe.

    with Browser() as browser:
        page = browser.open(path_of_an_html_file, width=390)
        page.value("document.title")
        page.click("#copy"); page.press("ArrowDown"); page.screenshot("phone.png")
        assert page.errors == [] and page.requests == []

The protocol is https://chromedevtools.github.io/devtools-protocol/: JSON messages that end in a
zero byte, on file descriptors 3 and 4 of the browser.
"""

from __future__ import annotations

import base64
import fcntl
import functools
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--mute-audio"),
    *("--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars"),
)
_PATIENCE = 180.0


@functools.cache
def program() -> str | None:
    """The browser, where one is installed."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One browser process with a profile of its own, gone when the block ends."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="dbtune-browser-")
        self._answers: Queue[dict[str, Any]] = Queue()
        self._ids = itertools.count(1)
        self._pages: dict[str, Page] = {}

    def __enter__(self) -> Self:
        found = program()
        assert found is not None, f"none of {', '.join(NAMES)} is installed"
        read_in, self._write = os.pipe()
        self._read, write_out = os.pipe()
        # Out of the way of 3 and 4.
        theirs = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (read_in, write_out)]
        command = [found, *FLAGS, f"--user-data-dir={self._folder.name}", "--remote-debugging-pipe"]
        # The shell puts them where the browser looks for them; dash could not, from above 9.
        plumbing = f'exec "$@" 3<&{theirs[0]} 4>&{theirs[1]}'
        self._process = subprocess.Popen(
            ["bash", "-c", plumbing, "bash", *command, "about:blank"],
            pass_fds=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for one in (read_in, write_out, *theirs):
            os.close(one)
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.ask("Browser.close")
        except (OSError, Empty):
            self._process.kill()
        self._process.wait(_PATIENCE)
        os.close(self._write)
        self._folder.cleanup()

    def _listen(self) -> None:
        with os.fdopen(self._read, "rb") as stream:
            rest = b""
            while data := os.read(stream.fileno(), 1 << 16):
                *messages, rest = (rest + data).split(b"\0")
                for message in map(json.loads, messages):
                    if "id" in message:
                        self._answers.put(message)
                    elif message.get("sessionId") in self._pages:
                        self._pages[message["sessionId"]].told(message)

    def ask(self, method: str, session: str = "", **parameters: Any) -> Any:
        """Call a method of the protocol; returns its result."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (answer := self._answers.get(timeout=_PATIENCE))["id"] != number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(
        self,
        file: Path,
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        paper: bool = False,
        scripts: bool = True,
    ) -> Page:
        """Load a file in a window of this size, and wait until it is there."""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.ask("Emulation.setEmulatedMedia", media="print" if paper else "", features=[scheme])
        if not scripts:
            page.ask("Emulation.setScriptExecutionDisabled", value=True)
        url = file.resolve().as_uri()
        page.loaded.clear()
        page.ask("Page.navigate", url=url)
        assert page.loaded.wait(_PATIENCE), f"{file} did not load"
        page.requests = [one for one in page.requests if one != url]
        return page


class Page:
    """A page, what it complained of, and what it asked the network for."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.loaded = threading.Event()
        self.errors: list[str] = []
        self.requests: list[str] = []

    def told(self, message: dict[str, Any]) -> None:
        """Take note of an event."""
        method, given = message["method"], message["params"]
        if method == "Page.loadEventFired":
            self.loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(given["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(str(given["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning"):
            self.errors.append(str(given["args"]))
        elif method == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
            self.errors.append(given["entry"]["text"])

    def ask(self, method: str, **parameters: Any) -> Any:
        """Call a method of the protocol on this page."""
        return self._browser.ask(method, self._session, **parameters)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives, as plain data; promises are awaited."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True, userGesture=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of the first element that a selector finds."""
        x, y = self.value(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();"
            "return [r.left + r.width / 2, r.top + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, *keys: str) -> None:
        """Press keys, named as in KeyboardEvent.key."""
        for key in keys:
            text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
            for kind in ("keyDown", "keyUp"):
                self.ask("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def screenshot(self, file: Path | str, *, whole: bool = True) -> None:
        """The page as PNG, as far as it goes or as much as the window shows."""
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
        Path(file).write_bytes(base64.b64decode(data))

    def pdf(self, file: Path | str) -> None:
        """The page as it would be printed."""
        data = self.ask("Page.printToPDF", printBackground=True)["data"]
        Path(file).write_bytes(base64.b64decode(data))
