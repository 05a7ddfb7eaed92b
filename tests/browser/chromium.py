"""A headless Chromium, driven by its own debugging protocol over two pipes: no port is opened, no library is needed.

Knows the few commands of the protocol that tests of a page need, and no page. Messages are JSON, ended by a null byte.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_ANSWERS_WITHIN_S = 90.0
_HIGH_FD = 20  # out of the way of 3 and 4, which the browser reads and writes


def executable() -> str | None:
    """Where there is a Chromium on this machine, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """A browser of its own: a profile that is thrown away, no network but what a test allows."""

    def __init__(self, path: str, profile: Path) -> None:
        reads, self._writes = os.pipe()
        self._reads, writes = os.pipe()
        theirs = [fcntl.fcntl(one, fcntl.F_DUPFD, _HIGH_FD) for one in (reads, writes)]
        os.close(reads)
        os.close(writes)
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--mute-audio",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
            "--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars",
            f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        out = os.open(profile / "browser.log", os.O_CREAT | os.O_WRONLY, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, theirs[0], 3), (os.POSIX_SPAWN_DUP2, theirs[1], 4)]
        actions += [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
        self._pid = os.posix_spawn(path, [path, *flags], dict(os.environ), file_actions=actions, setpgroup=0)
        for one in (*theirs, out):
            os.close(one)
        self._rest = b""
        self._number = 0
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: deque[dict[str, Any]] = deque()

    def call(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """Send a command and return what it gives. Raises RuntimeError where the browser says no."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        data = memoryview(json.dumps(message).encode() + b"\0")
        while data:
            data = data[os.write(self._writes, data) :]
        deadline = time.monotonic() + _ANSWERS_WITHIN_S
        while self._number not in self._answers:
            self._receive(deadline)
        answer = self._answers.pop(self._number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def _receive(self, deadline: float) -> None:
        ready, _, _ = select.select([self._reads], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(self._reads, 1 << 20) if ready else b""
        if not data:
            raise TimeoutError("the browser does not answer")
        *messages, self._rest = (self._rest + data).split(b"\0")
        for text in messages:
            message = json.loads(text)
            if "id" in message:
                self._answers[message["id"]] = message
            else:
                self.events.append(message)

    def page(self, width: int = 1280, height: int = 900) -> Page:
        """A new page in a context of its own."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, width, height)

    def close(self) -> None:
        """End the browser and all processes that it started."""
        os.close(self._writes)
        os.close(self._reads)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


class Page:
    """One page. ``problems`` are errors in its console, ``requests`` the URLs that it asked for."""

    def __init__(self, browser: Browser, session: str, width: int, height: int) -> None:
        self._browser = browser
        self._session = session
        self._seen: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.size(width, height)

    def call(self, method: str, **parameters: Any) -> Any:
        """A command to this page."""
        return self._browser.call(method, self._session, **parameters)

    def size(self, width: int, height: int, scale: float = 1) -> None:
        """Give the window another size, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )

    def media(self, *, scheme: str = "light", medium: str = "") -> None:
        """Prefer ``light`` or ``dark``; with ``print`` as on paper."""
        self.call(
            "Emulation.setEmulatedMedia", media=medium, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )

    def open(self, url: str) -> None:
        """Go there."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """What a JavaScript expression gives, waited for. Raises RuntimeError with what it threw."""
        found = self._evaluated(expression, num_tries=5)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def _evaluated(self, expression: str, num_tries: int) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self.call(
                "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
            )
        except RuntimeError as error:  # the page that was asked went away as another came
            if "context" not in str(error) or num_tries == 1:
                raise
            return self._evaluated(expression, num_tries - 1)
        return found

    def wait(self, condition: str, within_s: float = 60) -> Any:
        """Wait until an expression is true, and return it."""
        return self.evaluate(
            f"new Promise((good, bad) => {{ const end = performance.now() + {1000 * within_s};"
            f"const look = () => {{ const found = ({condition}); if (found) good(found);"
            f"else if (performance.now() > end) bad(new Error('never: ' + {json.dumps(condition)}));"
            "else setTimeout(look, 10); }; look(); })"
        )

    def key(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"Escape": 27, "Enter": 13, " ": 32}.get(key, ord(key.upper()[0]))
        text = {"text": key} if len(key) == 1 else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, *, is_whole: bool = False) -> None:
        """What one sees, as a PNG; with ``is_whole`` the page from top to end."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=is_whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def _mine(self) -> list[dict[str, Any]]:
        while self._browser.events:
            self._seen.append(self._browser.events.popleft())
        return [one for one in self._seen if one.get("sessionId") == self._session]

    @property
    def problems(self) -> list[str]:
        """Exceptions, and whatever the console calls an error."""
        self.call("Runtime.evaluate", expression="0")
        found = []
        for event in self._mine():
            given = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(given["exceptionDetails"])[:500])
            elif event["method"] == "Log.entryAdded" and given["entry"]["level"] in ("error", "warning"):
                found.append(given["entry"]["text"])
            elif event["method"] == "Runtime.consoleAPICalled" and given["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(given["args"])[:500])
        return found

    @property
    def requests(self) -> list[str]:
        """The URLs of all requests but those for data in the page itself."""
        urls = [one["params"]["request"]["url"] for one in self._mine() if one["method"] == "Network.requestWillBeSent"]
        return [url for url in urls if not url.startswith(("data:", "blob:", "about:"))]
