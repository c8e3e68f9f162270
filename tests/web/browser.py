"""A real browser for tests: Debian's Chromium, headless, driven by Selenium through Debian's chromedriver. Loopback only."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import axe_core_python
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--hide-scrollbars",
)  # fmt: skip
PATIENCE_SECONDS = 30.0
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
GRAVE = ("serious", "critical")


class Browser:
    """One page in one window."""

    def __init__(self, profile: Path, width: int = 1280, height: int = 900) -> None:
        assert CHROMIUM is not None and DRIVER is not None
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(profile / "downloads")})
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.size(width, height)

    def close(self) -> None:
        self.driver.quit()

    # -- looking -----------------------------------------------------------------------------------------------------

    def go(self, url: str) -> None:
        self.driver.get(url)

    def run(self, script: str) -> Any:
        """The value of one expression."""
        return self.driver.execute_script(f"return {script}")

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self) -> str:
        return str(self.run("document.body ? document.body.innerText : ''"))

    def errors(self) -> list[str]:
        """What the console complained of since last asked: a blocked script, a broken picture."""
        return [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]

    def requested(self) -> list[str]:
        """Every address that was asked for since last asked."""
        events = (json.loads(line["message"])["message"] for line in self.driver.get_log("performance"))
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def faults(self) -> list[str]:
        """What axe-core finds that is serious or critical: rule, help, first place."""
        self.driver.execute_script(AXE.read_text("utf-8"))
        found = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then(done)"
        )
        grave = [v for v in found["violations"] if v["impact"] in GRAVE]
        return [f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}" for v in grave]

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
        whole = self._devtools("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": whole["width"], "height": whole["height"], "scale": 1}
        shot = self._devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def printed_pages(self) -> int:
        """How many sheets the page fills, as `--print-to-pdf` and the print button would."""
        sheet = base64.b64decode(self._devtools("Page.printToPDF", preferCSSPageSize=True)["data"])
        return len(re.findall(rb"/Type\s*/Page\b", sheet))

    # -- doing -------------------------------------------------------------------------------------------------------

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            field = self.find(f"main [name={name}]")
            field.clear()
            field.send_keys(value)

    def press(self, selector: str) -> None:
        self.find(selector).click()

    def choose(self, selector: str, *files: Path) -> None:
        self.find(selector).send_keys("\n".join(str(f) for f in files))

    def keys(self, *keys: str) -> None:
        """To whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, condition: str, most: int = 80) -> None:
        """Tab until `condition`, a script about `e`, the focused element, holds."""
        for _ in range(most):
            if self.run(f"((e) => {condition})(document.activeElement)"):
                return
            self.keys(Keys.TAB)
        raise AssertionError(f"the keyboard never came to: {condition}")

    # -- the window ----------------------------------------------------------------------------------------------------

    def size(self, width: int, height: int, *, phone: bool = False) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._devtools("Emulation.setDeviceMetricsOverride", **size)

    def emulate(self, media: str = "", dark: bool = False) -> None:
        """`print`, or the dark colours."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._devtools("Emulation.setEmulatedMedia", media=media, features=scheme)

    def offline(self, on: bool) -> None:
        self._devtools("Network.enable")
        self._devtools("Network.emulateNetworkConditions", offline=on, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    def scripts(self, on: bool) -> None:
        self._devtools("Emulation.setScriptExecutionDisabled", value=not on)

    def _devtools(self, method: str, **params: Any) -> dict[str, Any]:
        return dict(self.driver.execute_cdp_cmd(method, params) or {})
