"""A technician's morning in a real browser: first login, upload, progress, report; on a phone; without JavaScript."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from waitress.server import create_server

from appliance.adapters.broker import free_port
from tests.fakes import SmallBox
from tests.web.browser import CHROMIUM, Browser
from tests.web.conftest import CODE, PASSWORD

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = create_server(app, host="127.0.0.1", port=free_port("127.0.0.1"), threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    made = Browser(tmp_path / "profile")
    yield made
    made.close()


def begin(browser: Browser, url: str) -> None:
    browser.go(f"{url}/setup?code={CODE}")
    browser.fill(name="Ada", password=PASSWORD, again=PASSWORD)
    browser.press("main button")
    browser.until_text("Nothing today yet")


def test_first_login_upload_and_report(browser: Browser, url: str, box: SmallBox, tmp_path: Path) -> None:
    begin(browser, url)
    study = tmp_path / "IM0001.dcm"
    study.write_text("fine")
    browser.go(f"{url}/upload")
    browser.fill(name="Visit 9")
    browser.choose("input[name=files]", study)
    browser.press("#send")
    browser.until_text("waiting to be read")
    box.turn(1)
    browser.until_text("Findings")
    page = browser.text()
    assert "Severe spinal canal stenosis at L4/L5" in page and page.count("Normal/mild") >= 24
    browser.until("document.querySelector('.pictures img').naturalWidth === 64")
    assert browser.errors == [] and all(r.startswith((url, "data:")) for r in browser.requested)


def test_today_changes_by_itself_while_someone_watches(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    box.drop("Visit 10", a="fine")
    box.intake.step(box.clock.tick())
    browser.until_text("Seen, arriving")
    box.turn()
    browser.until_text("gravest finding: severe")
    assert browser.errors == []


def test_without_javascript_it_works_by_refresh(browser: Browser, url: str, box: SmallBox, tmp_path: Path) -> None:
    browser.scripts(on=False)
    begin(browser, url)
    study = tmp_path / "scan.zip"
    study.write_text("corrupt")
    browser.go(f"{url}/upload")
    browser.choose("input[name=files]", study)
    browser.press("#send")
    browser.until_text("waiting to be read")
    box.turn(1)
    browser.until_text("The images are damaged.")


def test_nothing_is_cut_off_on_a_phone(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    box.drop("A study with quite a long name, as scanners give them 20260302", a="fine")
    box.turn()
    browser.size(360, 740, phone=True)
    for path in ("/today", "/upload", "/history", "/manual", "/study/job0001"):
        browser.go(url + path)
        assert browser.run("document.documentElement.scrollWidth") <= 360, path
