"""A real browser for tests: Debian's Chromium, headless, driven over its DevTools socket. Loopback only."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE_SECONDS = 30.0


class Browser:
    """One page in one window."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        assert CHROMIUM is not None
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}", "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._numbers = itertools.count(1)
        self.errors: list[str] = []
        """What the console complained of: a blocked script, a broken picture."""
        self.requested: list[str] = []
        """Every address that was asked for."""
        self._socket = connect(self._page_address(profile), max_size=1 << 26)
        for domain in ("Page", "Runtime", "DOM", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def close(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(20)

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    def run(self, script: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        return answer.get("result", {}).get("value")

    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.run(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")

    def press(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def choose(self, selector: str, *files: Path) -> None:
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(f) for f in files])

    def until(self, condition: str | Callable[[], object]) -> None:
        """Wait, for a bounded time, until a script or a function says yes."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (self.run(condition) if isinstance(condition, str) else condition()):
            assert time.monotonic() < end, f"never came: {condition}\n{self.text()}"
            time.sleep(0.05)

    def until_text(self, words: str) -> None:
        self.until(lambda: words in self.text())

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        whole = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": whole["width"], "height": whole["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def emulate(self, media: str = "", dark: bool = False) -> None:
        """`print`, or the dark colours."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)

    def scripts(self, on: bool) -> None:
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer}"
                return dict(answer["result"])
            self._note(answer)

    def _note(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        if event.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(params["exceptionDetails"])[:500])
        if event.get("method") == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])

    def _page_address(self, profile: Path) -> str:
        """Chromium writes its port into the profile; the first target is our page."""
        file, end = profile / "DevToolsActivePort", time.monotonic() + PATIENCE_SECONDS
        while not file.exists() or len(file.read_text().split()) < 2:
            assert time.monotonic() < end and self._process.poll() is None, "chromium did not start"
            time.sleep(0.05)
        port, path = file.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}") as whole:
            whole.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            while (answer := json.loads(whole.recv(timeout=PATIENCE_SECONDS))).get("id") != 1:
                pass
        page = next(t["targetId"] for t in answer["result"]["targetInfos"] if t["type"] == "page")
        return f"ws://127.0.0.1:{port}/devtools/page/{page}"
