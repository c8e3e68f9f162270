"""The picture in the README: `python -m benchmarks.report_picture` writes `docs/report.png`.

The shipped synthetic study goes through a whole box of its own, the study's page is saved with its pictures, and a
headless Chromium photographs it. Needs Debian's `chromium`; nothing is fetched.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flask.testing import FlaskClient
from PIL import Image

from appliance import config
from appliance.box import Box
from appliance.demo import Demo
from appliance.running import Running

OUT = Path(__file__).resolve().parents[1] / "docs" / "report.png"
WIDTH, HEIGHT = 1120, 1512
"""CSS pixels: the matrix whole and two rows of pictures."""
COLOURS = 200
"""The page is mostly grey: a palette is a quarter of the size and looks the same."""
LARGEST_BYTES = 300_000
ORIGIN = {"Origin": "http://localhost"}
CODE, PASSWORD = "setup", "only for this picture"


def save_page(folder: Path) -> Path:
    """The study's page as a browser sees it, with all it shows, as files under `folder`."""
    settings = config.load(
        None, {}, box__data=str(folder / "box"), mqtt__enabled=False, broker__enabled=False, web__enabled=False,
        inbox__poll_seconds=0.2, inbox__quiet_seconds=0.2,
    )  # fmt: skip
    running = Running(Box(settings), ("intake", "reader"))
    try:
        Demo(running.box, "").run()
        client = _logged_in(running.box)
        job = running.box.ledger.newest(1)[0]
        return _saved(client, f"/study/{job.id}", folder / "page")
    finally:
        running.stop()


def _logged_in(box: Box) -> FlaskClient:
    client = box.page(CODE, box.transfers()).test_client()
    form = client.get(f"/setup?code={CODE}").text
    found = re.search(r'name="csrf" value="([^"]+)"', form)
    assert found, "the setup form has no CSRF token"
    answers = {"csrf": found[1], "code": CODE, "name": "Ada", "password": PASSWORD, "again": PASSWORD}
    assert client.post("/setup", data=answers, headers=ORIGIN).status_code == 302, "nobody could log in"
    return client


def _saved(client: FlaskClient, address: str, folder: Path) -> Path:
    """`address` and every picture and sheet it names, with relative addresses."""
    html = client.get(address).text
    for path in set(re.findall(r'(?:src|rel="stylesheet" href)="/([^"?]+)[^"]*"', html)):
        there = folder / path
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(client.get(f"/{path}").data)
    page = folder / "index.html"
    page.write_text(re.sub(r'(src|href)="/([^"?]*)[^"]*"', r'\1="\2"', html).replace(' loading="lazy"', ""), "utf-8")
    return page


def photograph(page: Path, out: Path, chromium: str) -> None:
    """The page's upper part as PNG with a small palette. Raises SystemExit when it would be too large for a README."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.png"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}/profile"]
        shot = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={raw}", page.as_uri()]
        subprocess.run([chromium, *flags, *shot], check=True, capture_output=True, timeout=120)
        with Image.open(raw) as image:
            image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(out, optimize=True)
    if out.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"{out} has {out.stat().st_size} bytes; {LARGEST_BYTES} are allowed")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.report_picture", description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args(arguments)
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is missing. On Debian: sudo apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder:
        photograph(save_page(Path(folder)), args.out, chromium)
    print(args.out, args.out.stat().st_size // 1000, "kB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
