"""A box as a process of its own, to be killed: it puts results into its outbox at a pace and publishes them.

`python -m tests.mqtt_box FOLDER COUNT PACE ADDRESS`, ADDRESS as JSON of `Address`. Started again it goes on where it was,
as the reader does: what was put but not noted is put again, under the same id.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.adapters.mqtt import Address, MqttLink, Tls
from appliance.box import clock
from appliance.core.messages import OFFLINE, Topics, availability
from appliance.publishing import Publishing
from tests.fakes import SmallBox
from tests.mqtt_lab import result


def address_of(text: str) -> Address:
    found: dict[str, Any] = json.loads(text)
    tls = Tls(**found.pop("tls")) if found.get("tls") else None
    return Address(**found | {"tls": tls})


def produce(box: SmallBox, noted: Path, count: int, pace: float) -> None:
    """Results numbered from where an earlier life stopped; the number is noted after the result is on disk."""
    number = int(noted.read_text()) if noted.exists() else 0
    while number < count:
        body = result(number)
        box.outbox.put(body["id"], body["rid"], body, datetime.now().astimezone())
        number += 1
        beside = noted.with_suffix(".new")
        with beside.open("w") as out:
            out.write(str(number))
            out.flush()
            os.fsync(out.fileno())
        beside.rename(noted)
        time.sleep(1 / pace)


def main(folder: str, count: str, pace: str, address: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    box = SmallBox(Path(folder))
    where = address_of(address)
    publishing = Publishing(
        lambda: box.publisher(MqttLink(where, availability(Topics("box"), OFFLINE))), clock
    )
    noted = Path(folder) / "noted"
    threading.Thread(target=produce, args=(box, noted, int(count), float(pace)), daemon=True).start()
    while True:
        time.sleep(1)
        publishing.supervise()


if __name__ == "__main__":
    main(*sys.argv[1:])
