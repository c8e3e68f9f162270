"""The page in a real browser: a technician's day, a doctor's review, a phone, a keyboard, no JavaScript."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waitress.server import create_server

from appliance.adapters.accounts import Accounts
from appliance.adapters.broker import free_port
from appliance.core.roles import Role
from tests.fakes import SmallBox
from tests.web.browser import CHROMIUM, DRIVER, Browser
from tests.web.conftest import CODE, PASSWORD

pytestmark = pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="chromium and its driver are not installed")

LONG_NAME = "A study with quite a long name, as scanners give them 20260302_LWS_nativ_1_2_840"


@pytest.fixture
def url(app: Flask) -> Iterator[str]:
    server = create_server(app, host="127.0.0.1", port=free_port("127.0.0.1"), threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("chromium"))
    yield made
    made.close()


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The window as if it were new."""
    chromium.scripts(on=True)
    chromium.offline(False)
    chromium.emulate()
    chromium.size(1280, 900)
    chromium.go("about:blank")
    chromium.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.errors()
    chromium.requested()
    return chromium


def begin(browser: Browser, url: str) -> None:
    browser.go(f"{url}/setup?code={CODE}")
    browser.fill(name="Ada", password=PASSWORD, again=PASSWORD)
    browser.press("main button")
    browser.until_text("Today")


def log_in(browser: Browser, url: str, name: str) -> None:
    browser.go(f"{url}/login")
    browser.fill(name=name, password=PASSWORD)
    browser.press("main button")
    browser.until_text("Today")


def read(box: SmallBox, name: str, text: str) -> None:
    box.drop(name, a=text)
    box.turn()


def canvas_mean(browser: Browser) -> float:
    """How bright the picture on the canvas is."""
    return float(
        browser.run(
            "(() => { const c = document.getElementById('canvas');"
            " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
            " let sum = 0; for (let i = 0; i < d.length; i += 4) sum += d[i]; return sum * 4 / d.length; })()"
        )
    )


# -- a technician's day ------------------------------------------------------------------------------------------------


def test_first_login_upload_and_report(browser: Browser, url: str, box: SmallBox, tmp_path: Path) -> None:
    begin(browser, url)
    study = tmp_path / "IM0001.dcm"
    study.write_text("fine")
    browser.go(f"{url}/upload")
    browser.choose("input[name=files]", study)
    browser.fill(name="Visit 9")
    browser.press("#send")
    browser.until_text("waiting to be read")
    assert "It is the next one." in browser.text()
    box.turn(1)
    browser.until_text("Findings")
    page = browser.text()
    assert "Severe spinal canal stenosis at L4/L5" in page and page.count("Normal/mild") >= 24
    browser.until("document.querySelector('.pictures img').naturalWidth === 64")
    assert browser.errors() == []
    outside = [r for r in browser.requested() if not r.startswith((url, "data:", "about:", "chrome:", "blob:"))]
    assert outside == []


def test_a_folder_dropped_on_the_page_is_sent_in_pieces(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    browser.go(f"{url}/upload")
    browser.driver.execute_script(
        """const files = ['.DS_Store', 'IM1', 'IM2'].map((name) => new File(['fine ' + name], name));
        const carried = new DataTransfer();
        for (const file of files) carried.items.add(file);
        document.getElementById('drop').dispatchEvent(
          new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true }));"""
    )
    browser.until_text("3 files, 1 kB.")
    browser.press("#send")
    browser.until_text("waiting to be read")
    (job,) = box.ledger.newest(5)
    assert job.manifest is not None and job.manifest.files == 2


def test_a_cut_connection_costs_a_piece_and_not_the_study(
    browser: Browser, url: str, box: SmallBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.web.upload.PIECE_BYTES", 1000)
    begin(browser, url)
    study, real_add = tmp_path / "IM1", box.transfers.add
    study.write_bytes(bytes(range(250)) * 40)
    met: list[int] = []

    def add(transfer: object, offset: int, *more: object) -> int:
        met.append(offset)
        if len(met) == 4:
            browser_offline.set()
        if len(met) > 3:
            time.sleep(0.05)
        return real_add(transfer, offset, *more)  # type: ignore[arg-type]

    browser_offline = threading.Event()
    monkeypatch.setattr(box.transfers, "add", add)
    browser.go(f"{url}/upload")
    browser.choose("input[name=files]", study)
    browser.press("#send")
    assert browser_offline.wait(20)
    browser.offline(True)
    browser.until_text("The connection was lost. It goes on by itself")
    assert box.ledger.newest(1)[0].state == "received"
    browser.offline(False)
    browser.until_text("waiting to be read")
    (job,) = box.ledger.newest(5)
    (copy,) = box.spool.folder(job.id).iterdir()
    assert copy.read_bytes() == study.read_bytes()


def test_stopping_an_upload_leaves_nothing(
    browser: Browser, url: str, box: SmallBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.web.upload.PIECE_BYTES", 100)
    real_add = box.transfers.add
    monkeypatch.setattr(box.transfers, "add", lambda *a: (time.sleep(0.05), real_add(*a))[1])
    begin(browser, url)
    study = tmp_path / "IM1"
    study.write_bytes(b"x" * 100_000)
    browser.go(f"{url}/upload")
    browser.choose("input[name=files]", study)
    browser.press("#send")
    browser.until_text("Sending: ")
    browser.press("#stop")
    browser.until_text("Stopped. Nothing was kept.")
    browser.until(lambda: box.ledger.newest(5) == ())
    assert list((box.folder / "spool").iterdir()) == []


def test_limits_are_told_before_a_byte_is_sent(browser: Browser, url: str, box: SmallBox, tmp_path: Path) -> None:
    begin(browser, url)
    study = tmp_path / "big.zip"
    study.write_bytes(b"x" * (2 << 20))
    browser.go(f"{url}/upload")
    assert "At most 1.0 MB" in browser.text()
    browser.choose("input[name=files]", study)
    browser.until_text("That is more than this box takes at once.")
    assert not browser.find("#send").is_enabled() and box.ledger.newest(5) == ()


def test_today_changes_by_itself_while_someone_watches(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    read(box, "Visit 9", "corrupt")
    box.drop("Visit 10", a="fine")
    box.intake.step(box.clock.tick())
    browser.until_text("Seen, arriving")
    browser.until_text("Export the study again.")
    browser.driver.execute_script("document.querySelector('[data-key=job0001] a').focus()")
    box.turn()
    browser.until_text("gravest finding: severe")
    assert "Show it to a doctor first" in browser.text()
    assert browser.run("document.activeElement.textContent") == "Visit 9", "what had the focus keeps it"
    assert browser.errors() == []


def test_a_failed_study_is_tried_again_from_its_page(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    read(box, "bad", "corrupt")
    browser.go(f"{url}/today")
    browser.press("a.cover")
    browser.until_text("says nothing about the patient's spine")
    browser.press("main form button")
    browser.until_text("arriving")
    assert box.states() == {"bad": "received"}


# -- the doctor's review -----------------------------------------------------------------------------------------------


def test_a_doctor_looks_corrects_and_moves_the_level_names(
    browser: Browser, url: str, box: SmallBox, accounts: Accounts
) -> None:
    accounts.add_first("Ada", PASSWORD)
    accounts.add("Dr Bo", PASSWORD, Role.DOCTOR)
    read(box, "Visit 7", "spine")
    log_in(browser, url, "Dr Bo")
    browser.go(f"{url}/study/job0001")
    browser.until("!document.getElementById('viewer').hidden && !!document.getElementById('canvas').dataset.shown")
    browser.find("a[data-place=spinal_canal_stenosis_l4_l5]").click()
    browser.until("document.getElementById('where').textContent === 'Sagittal T2, slice 6 of 11'")
    assert "L4/L5 canal severe" in str(browser.find("#canvas").get_attribute("aria-label"))
    browser.find("details.review summary").click()
    browser.find("select[name='spinal_canal_stenosis.l4_l5']").send_keys("Moderate")
    browser.fill(comment="a disc, not bone")
    browser.find("input[name=agree_with_rest]").click()
    browser.find("details.review button").click()
    browser.until_text("Dr Bo: moderate")
    assert browser.text().count("Dr Bo agrees") == 19, "what was not assessed is nothing to agree with"
    assert "● Severe" in browser.text(), "the model's own finding stays"
    renumbering = browser.driver.find_elements(By.CSS_SELECTOR, "details.more")[1]
    renumbering.find_element(By.CSS_SELECTOR, "summary").click()
    renumbering.find_element(By.CSS_SELECTOR, "input[value='1']").click()
    renumbering.find_element(By.CSS_SELECTOR, "button").click()
    browser.until_text("A person moved the level names by one towards the head.")
    assert "Severe spinal canal stenosis at L3/L4." in browser.text()
    moved = browser.find("a[data-place=spinal_canal_stenosis_l3_l4]").find_element(By.XPATH, "./ancestor::td")
    assert "Dr Bo: moderate" in moved.text, "an opinion follows its disc"
    assert browser.errors() == []


def test_the_viewer_scrolls_windows_zooms_and_hides_its_marks(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    read(box, "Visit 7", "spine")
    browser.go(f"{url}/study/job0001")
    browser.until("!!document.getElementById('canvas').dataset.shown")
    assert browser.find("#series button").text == "Sagittal T2 11"
    canvas = browser.find("#canvas")
    canvas.send_keys(Keys.ARROW_DOWN)
    browser.until("document.getElementById('canvas').dataset.shown.endsWith('/6')")
    canvas.send_keys(Keys.ARROW_UP * 20)
    browser.until("document.getElementById('canvas').dataset.shown.endsWith('/0')")
    plain = canvas_mean(browser)
    canvas.send_keys(Keys.ARROW_RIGHT * 8)
    browser.until(lambda: canvas_mean(browser) > plain * 1.2)
    canvas.send_keys("0")
    browser.until(lambda: abs(canvas_mean(browser) - plain) < 0.5)
    canvas.send_keys("++++")
    browser.until(lambda: abs(canvas_mean(browser) - plain) > 1)
    canvas.send_keys("0" + Keys.ARROW_DOWN * 5)
    browser.until("document.getElementById('canvas').dataset.shown.endsWith('/5')")
    marked = canvas_mean(browser)
    browser.press("#boxes")
    browser.press("#names")
    browser.until(lambda: abs(canvas_mean(browser) - marked) > 0.05)
    assert browser.errors() == []


# -- everyone ----------------------------------------------------------------------------------------------------------


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
    box.drop(LONG_NAME, a="spine")
    box.turn()
    browser.size(360, 740, phone=True)
    for path in ("/today", "/upload", "/history", "/manual", "/study/job0001", "/accounts", "/audit", "/account"):
        browser.go(url + path)
        assert browser.run("document.documentElement.scrollWidth") <= 360, path


def test_the_keyboard_alone_reads_a_report(browser: Browser, url: str, box: SmallBox) -> None:
    read(box, "Visit 7", "spine")
    browser.go(f"{url}/setup?code={CODE}")
    browser.tab_to("e.name === 'name'")
    browser.keys("Ada")
    browser.tab_to("e.name === 'password'")
    browser.keys(PASSWORD)
    browser.tab_to("e.name === 'again'")
    browser.keys(PASSWORD, Keys.ENTER)
    browser.until_text("Visit 7")
    browser.tab_to("e.textContent === 'Visit 7'")
    browser.keys(Keys.ENTER)
    browser.until("!!(document.getElementById('canvas') || {dataset: {}}).dataset.shown")
    browser.tab_to("e.dataset.place === 'spinal_canal_stenosis_l4_l5'")
    browser.keys(Keys.ENTER)
    browser.until("document.activeElement.id === 'canvas'")
    browser.keys(Keys.ARROW_DOWN)
    browser.until_text("slice 7 of 11")
    browser.tab_to("e.id === 'slice'")
    browser.tab_to("e.tagName === 'SUMMARY'")
    browser.keys(Keys.ENTER)
    browser.tab_to("e.name === 'spinal_canal_stenosis.l1_l2'")


def test_no_grave_fault_of_accessibility(browser: Browser, url: str, box: SmallBox, accounts: Accounts) -> None:
    browser.go(f"{url}/setup")
    assert browser.faults() == []
    begin(browser, url)
    read(box, "Visit 6", "spine ID=7")
    read(box, "Visit 7", "spine again ID=7")
    read(box, "bad", "corrupt")
    paths = ["/today", "/upload", "/history", "/manual", "/study/job0002", "/study/job0003", "/accounts", "/audit",
             "/account", "/tokens", "/ask", "/ask/red-flags",
             "/study/job0002/with/job0001", f"/kiosk/{accounts.new_kiosk_token()}", "/nothing"]  # fmt: skip
    for dark in (False, True):
        browser.emulate(dark=dark)
        for path in paths:
            browser.go(url + path)
            assert browser.faults() == [], (path, dark)


def test_the_keyboard_alone_reviews_a_study(browser: Browser, url: str, box: SmallBox, accounts: Accounts) -> None:
    """From the list to a kept review, without the mouse."""
    accounts.add_first("Ada", PASSWORD)
    accounts.add("Dr Bo", PASSWORD, Role.DOCTOR)
    read(box, "Visit 7", "spine")
    log_in(browser, url, "Dr Bo")
    browser.go(f"{url}/study/job0001")
    browser.tab_to("e.dataset && e.dataset.place === 'spinal_canal_stenosis_l4_l5'")
    browser.keys(Keys.ENTER)
    browser.until("document.getElementById('where').textContent.endsWith('slice 6 of 11')")
    browser.tab_to("e.matches('details.review summary')")
    browser.keys(Keys.ENTER)
    browser.tab_to("e.name === 'spinal_canal_stenosis.l4_l5'")
    browser.keys("Mod")
    browser.tab_to("e.name === 'agree_with_rest'")
    browser.keys(Keys.SPACE)
    browser.tab_to("e.matches('details.review button')")
    browser.keys(Keys.ENTER)
    browser.until_text("Dr Bo: moderate")
    assert browser.text().count("Dr Bo agrees") == 19


def test_the_wall_shows_how_the_work_stands_and_nobodys_name(
    browser: Browser, url: str, box: SmallBox, accounts: Accounts
) -> None:
    token = accounts.new_kiosk_token()
    browser.go(f"{url}/kiosk/{token}")
    browser.until_text("All is well." if box.vitals.take().reader_ready else "Stopped")
    read(box, "Doe Jane", "fine")
    read(box, "Roe Richard", "corrupt")
    browser.until_text("report ready")
    page = browser.text()
    assert "needs a person" in page and "Doe" not in page and "Roe" not in page and "severe" not in page.lower()


def crowd(folder: Path) -> None:
    """As much as a report can hold: every grade severe with its picture, many alerts, notes and reasons."""
    path = folder / "report.json"
    report = json.loads(path.read_text("utf-8"))
    for number, finding in enumerate(report["findings"]):
        if finding["status"] == "graded":
            shutil.copy(folder / "levels.png", folder / f"{finding['condition']}_{finding['level']}.png")
        else:
            finding["reason_text"] = f"A reason of some length, and another one for each place it is said of. {number}"
    report["alerts"] = report["alerts"] * 6
    report["warnings"] = [f"Not read: {number:03d}_a_file_of_some_name.dcm because only MR is." for number in range(40)]
    path.write_text(json.dumps(report), "utf-8")


@pytest.mark.timeout(300)
def test_a_study_prints_on_one_sheet_of_a4_in_every_language(browser: Browser, url: str, box: SmallBox) -> None:
    begin(browser, url)
    read(box, "Plain", "spine")
    read(box, "Crowded", "spine again")
    crowd(box.reports.folder("job0002"))
    for language in ("en", "sw", "ar"):
        browser.go(f"{url}/today")
        browser.press(f"button[name=language][value={language}]")
        for job in ("job0001", "job0002"):
            browser.go(f"{url}/study/{job}")
            browser.until("[...document.images].every(i => i.complete || i.loading === 'lazy')")
            assert browser.printed_pages() == 1, (language, job)


# -- languages and help ------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_arabic_reads_from_right_to_left_on_every_page(browser: Browser, url: str, box: SmallBox) -> None:
    """Chosen at the foot of the page; no serious fault by axe, nothing sticks out, the scripts speak it too."""
    begin(browser, url)
    read(box, "Visit 9", "partly")
    browser.press("button[name=language][value=ar]")
    browser.until("document.documentElement.dir === 'rtl'")
    for path in ("/today", "/study/job0001", "/upload", "/manual", "/ask"):
        browser.go(f"{url}{path}")
        assert browser.run("document.documentElement.lang") == "ar", path
        assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), path
        assert browser.faults() == [], path
    browser.go(f"{url}/upload")
    browser.press("#send")
    browser.until_text("اختر أولًا ملفات الدراسة")
    assert browser.errors() == []


def test_the_assistant_answers_without_scripts(browser: Browser, url: str) -> None:
    begin(browser, url)
    browser.scripts(on=False)
    browser.go(f"{url}/ask")
    browser.find("input[name=question]").send_keys("What is the cauda equina?", Keys.ENTER)
    browser.until_text("bundle of nerve roots")
    assert "Gray's Anatomy" in browser.text()
