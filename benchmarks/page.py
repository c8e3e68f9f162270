"""Twenty people at the page while a study is read, beside nobody: `python -m benchmarks.page [--rounds 8] [--studies 5]`.

A real box (`lumbarbox serve`) in a process of its own reads the built-in study again and again; each time with nobody
at the page and then with twenty. The twenty do what people do: Today is left open and asks for news, and every few
seconds one of them opens another page or scrolls through slices. Machines are noisy, so both go in turn and the medians
are compared; only the ratio means something. The people run on the same machine and take their share of it.
"""

from __future__ import annotations

import argparse
import http.client
import io
import itertools
import json
import os
import platform
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from pydicom import dcmread

from appliance.adapters.accounts import Accounts
from appliance.adapters.ledger import Ledger
from appliance.core.jobs import Event
from appliance.selftest import STUDY
from benchmarks.results import Table, save

ROOT = Path(__file__).resolve().parents[1]
PEOPLE = 20
PATIENCE_SECONDS = 900.0
"""For one reading, on a machine that does much else."""
NEWS_SECONDS, LOOK_SECONDS = 1.5, (3.0, 8.0)
NAME, PASSWORD = "bench", "only for a benchmark"


@dataclass
class Crowd:
    """What the people met: seconds by page, and what was no good answer."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Person:
    """One login with a connection of its own, as a browser holds it."""

    def __init__(self, port: int, crowd: Crowd) -> None:
        self._port, self._crowd = port, crowd
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._cookie = ""
        self.log_in()

    def log_in(self) -> None:
        csrf = re.search(rb'name="csrf" value="([^"]+)"', self.get("/login"))
        assert csrf is not None
        form = {"name": NAME, "password": PASSWORD, "csrf": csrf.group(1).decode()}
        self.ask("POST", "/login", urllib.parse.urlencode(form).encode(), "application/x-www-form-urlencoded")

    def get(self, path: str, page: str = "") -> bytes:
        return self.ask("GET", path, page=page)

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "", page: str = "") -> bytes:
        headers = {"Cookie": self._cookie, "Origin": f"http://127.0.0.1:{self._port}"}
        headers |= {"Content-Type": kind} if kind else {}
        started = time.perf_counter()
        try:
            self._http.request(method, path, body or None, headers)
            answer = self._http.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            self._note(page or path, None, f"{type(exc).__name__} at {path}")
            self._http.close()
            return b""
        if "Set-Cookie" in answer.headers:
            self._cookie = answer.headers["Set-Cookie"].split(";")[0]
        self._note(page, time.perf_counter() - started, f"{answer.status} at {path}" if answer.status >= 400 else "")
        return found

    def live(self, job_id: str, until: threading.Event) -> None:
        """Today open on the desk, something else now and then."""
        look = time.monotonic() + random.uniform(0, LOOK_SECONDS[1])
        turns = itertools.cycle(range(11))
        while not until.wait(NEWS_SECONDS * random.uniform(0.8, 1.2)):
            self.get("/today/events", "news of Today")
            if time.monotonic() > look:
                look = time.monotonic() + random.uniform(*LOOK_SECONDS)
                self._look(job_id, next(turns))

    def _look(self, job_id: str, slice_number: int) -> None:
        page, path = random.choice(
            [("Today", "/today"), ("History", "/history"), ("a study", f"/study/{job_id}"), ("Upload", "/upload"),
             ("a slice", f"/study/{job_id}/images/1/{slice_number}")]
        )  # fmt: skip
        self.get(path, page)

    def _note(self, page: str, seconds: float | None, error: str) -> None:
        with self._crowd.lock:
            if seconds is not None and page:
                self._crowd.seconds[page].append(seconds)
            if error:
                self._crowd.errors.append(error)


@contextmanager
def serving(data: Path) -> Iterator[int]:
    """A box of its own, its models ready, one login made."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data.mkdir()
    Accounts(data / "accounts.db").add_first(NAME, PASSWORD)
    environment = {"LUMBARBOX_WEB_PORT": str(port), "LUMBARBOX_MQTT_ENABLED": "false",
                   "LUMBARBOX_INBOX_POLL_SECONDS": "0.5", "LUMBARBOX_INBOX_QUIET_SECONDS": "0",
                   "LUMBARBOX_INBOX_SERIES_QUIET_SECONDS": "0"}  # fmt: skip
    command = [sys.executable, "-m", "appliance", "serve", "--data", str(data)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield port
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


class Reading:
    """Drops the built-in study, each time as another patient's visit, and times its reading by the ledger."""

    def __init__(self, data: Path) -> None:
        self._inbox, self._data = data / "inbox", data
        self._numbers = itertools.count(1)

    def once(self) -> tuple[str, float]:
        """The job, and the seconds from its being taken to its being read."""
        number = next(self._numbers)
        name = f"study {number}.zip"
        beside = self._inbox / f"{name}.part"
        _write_another(beside, number)
        beside.rename(self._inbox / name)
        ledger = Ledger(self._data / "ledger.db")
        try:
            return self._wait(ledger, name)
        finally:
            ledger.close()

    def _wait(self, ledger: Ledger, name: str) -> tuple[str, float]:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            job = next((j for j in ledger.newest(5) if j.name == name and j.state.is_final), None)
            if job is not None:
                at = {t.event: t.at for t in ledger.history(job.id)}
                return job.id, (at[Event.READ] - at[Event.TAKEN]).total_seconds()
            time.sleep(0.1)
        raise TimeoutError(name)


def _write_another(target: Path, number: int) -> None:
    """The built-in study under UIDs of its own: the same ones would be recognised and not read again."""
    with zipfile.ZipFile(STUDY) as source, zipfile.ZipFile(target, "w") as archive:
        for entry in source.namelist():
            dataset = dcmread(io.BytesIO(source.read(entry)))
            for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
                dataset[keyword].value = f"{dataset[keyword].value}.{number}"
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            out = io.BytesIO()
            dataset.save_as(out)
            archive.writestr(entry, out.getvalue())


def measure(rounds: int, studies: int) -> tuple[list[float], list[float], Crowd, Mapping[str, int], dict[str, float]]:
    crowd = Crowd()
    paints: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "box") as port:
        data = Path(folder) / "box"
        while not (data / "inbox" / ".lumbarbox-inbox").exists():
            time.sleep(0.2)
        reading = Reading(data)
        job_id, _ = reading.once()
        people = [Person(port, crowd) for _ in range(PEOPLE)]
        alone: list[float] = []
        together: list[float] = []
        for number in range(rounds):
            quiet, crowded = _quiet(reading, studies), _crowded(reading, people, job_id, studies)
            both = (quiet(), crowded()) if number % 2 else tuple(reversed((crowded(), quiet())))
            alone.append(both[0])
            together.append(both[1])
            print(f"round {number + 1}: alone {both[0]:.3f} s, together {both[1]:.3f} s", file=sys.stderr)
        with _at_work(people, job_id), _reading_on(reading):
            paints = first_paints(port, job_id, people[0])
        sizes = {page: len(people[0].get(path)) for page, path in pages(job_id).items()}
    return alone, together, crowd, sizes, paints


def _quiet(reading: Reading, studies: int) -> Callable[[], float]:
    return lambda: median(reading.once()[1] for _ in range(studies))


def _crowded(reading: Reading, people: list[Person], job_id: str, studies: int) -> Callable[[], float]:
    def measured() -> float:
        with _at_work(people, job_id):
            return median(reading.once()[1] for _ in range(studies))

    return measured


@contextmanager
def _at_work(people: list[Person], job_id: str) -> Iterator[None]:
    until = threading.Event()
    threads = [threading.Thread(target=p.live, args=(job_id, until), daemon=True) for p in people]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        until.set()
        for thread in threads:
            thread.join()


@contextmanager
def _reading_on(reading: Reading) -> Iterator[None]:
    """One study after another, for as long as it is looked at."""
    enough = threading.Event()

    def go() -> None:
        while not enough.is_set():
            reading.once()

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join()


def pages(job_id: str) -> dict[str, str]:
    return {"Today": "/today", "Upload": "/upload", "History": "/history", "a study": f"/study/{job_id}",
            "Manual": "/manual", "Ask": "/ask", "the sheet of styles": "/static/style.css",
            "the viewer": "/static/viewer.js"}  # fmt: skip


def first_paints(port: int, job_id: str, person: Person) -> dict[str, float]:
    """Seconds to the first paint in a real browser, with the twenty at work; empty where there is no chromium."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        return {}
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        base = f"http://127.0.0.1:{port}"
        browser.get(f"{base}/login")
        name, _, value = person._cookie.partition("=")
        browser.delete_all_cookies()
        browser.add_cookie({"name": name, "value": value})
        return {page: _paint(browser, base + path) for page, path in pages(job_id).items() if "/static" not in path}
    finally:
        browser.quit()


def _paint(browser: object, url: str) -> float:
    script = "return performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)[0]"
    browser.get(url)  # type: ignore[attr-defined]
    for _ in range(100):
        found = browser.execute_script(script)  # type: ignore[attr-defined]
        if found is not None:
            return float(found) / 1000
        time.sleep(0.05)
    return float("inf")


def tables(rounds: int, studies: int) -> list[Table]:
    alone, together, crowd, sizes, paints = measure(rounds, studies)
    data = (
        f"the built-in synthetic study, {len(alone)} rounds of {studies} readings each way; "
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"{os.getloadavg()[1]:.1f} processes wanting one on average at the end"
    )
    command = f"python -m benchmarks.page --rounds {rounds} --studies {studies}"
    slower = median(b / a for a, b in zip(alone, together, strict=True))
    work = (
        ("reading with nobody at the page", f"{median(alone):.3f} s"),
        (f"reading with {PEOPLE} people at the page", f"{median(together):.3f} s"),
        ("ratio, the median of the rounds", f"{slower:.2f}"),
        ("answers that were errors", f"{len(crowd.errors)} of {sum(map(len, crowd.seconds.values()))}"),
    )
    answers = tuple(
        (page, str(len(found)), f"{median(found) * 1000:.0f} ms", f"{_p95(found) * 1000:.0f} ms")
        for page, found in sorted(crowd.seconds.items())
    )
    weights = tuple(
        (page, f"{size / 1000:.1f} kB", f"{paints[page]:.2f} s" if page in paints else "")
        for page, size in sizes.items()
    )
    for error in sorted(set(crowd.errors)):
        print("error:", error, file=sys.stderr)
    return [
        Table(f"Reading beside {PEOPLE} people at the page", data, command, ("", "median"), work),
        Table("How long the people waited", data, command, ("page", "asked", "median", "95 of 100 within"), answers),
        Table("Weight, and first paint while a study is read", data, command, ("page", "bytes", "first paint"), weights),
    ]


def _p95(found: list[float]) -> float:
    return quantiles(found, n=20)[-1] if len(found) > 1 else found[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--studies", type=int, default=5, help="read in each half of a round")
    parser.add_argument("--dry", action="store_true", help="only look whether it runs: nothing is written")
    args = parser.parse_args()
    made = tables(args.rounds, args.studies)
    if not args.dry:
        save("page", made)
    print(json.dumps([t.rows for t in made], indent=1, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
