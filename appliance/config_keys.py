"""Every key of the configuration: its default, its range and its meaning, declared once.

The checks, `config schema` and the tables of docs/config.md all come from these lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def _key(
    default: Any, text: str, low: float | None = None, high: float | None = None, choices: tuple[str, ...] = ()
) -> Any:
    return field(default=default, metadata={"text": text, "low": low, "high": high, "choices": choices})


@dataclass(frozen=True, slots=True)
class Box:
    """Who and where this box is."""

    node: str = _key("box", "Name of this box in MQTT topics: letters, digits, `-` and `_`.")
    data: str = _key("data", "Folder of the box itself: ledger, spool, reports, accounts. A local disk, never a share.")


@dataclass(frozen=True, slots=True)
class Inbox:
    """The watched share."""

    path: str = _key("", "The shared folder studies are dropped into. Empty: `inbox` inside `box.data`.")
    mount: bool = _key(False, "`path` must be a mount point: a marker lying on the bare folder does not count.")
    poll_seconds: float = _key(2.0, "Seconds between two looks at what lies on a local disk.", 0.1, 600)
    network_poll_seconds: float = _key(5.0, "... and at what lies on a network share.", 0.1, 600)
    looks: int = _key(3, "A drop is whole when this many looks in a row see the same sizes and times.", 2, 100)
    quiet_seconds: float = _key(4.0, "... and at least this many seconds passed without a change.", 0, 3600)
    network_quiet_seconds: float = _key(10.0, "... on a network share, where copies stall.", 0, 3600)
    series_quiet_seconds: float = _key(
        10.0, "A study with all three series is read when nothing more of it came for this long.", 0, 86_400
    )
    study_quiet_seconds: float = _key(60.0, "... and one that lacks a series, when nothing came for this long.", 0, 86_400)
    ignore: tuple[str, ...] = _key((), "File name patterns ignored besides the built-in ones, as `*.bak`.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Every file is hostile until read. What is over a limit is refused with its reason."""

    files: int = _key(5_000, "Most files in one study, counted inside archives too.", 1, 1_000_000)
    file_mb: int = _key(1_024, "Largest single file, in MB.", 1, 1_000_000)
    study_mb: int = _key(4_096, "Largest study, all files together, after unpacking.", 1, 1_000_000)
    rows: int = _key(4_096, "Most rows of one picture.", 16, 65_535)
    columns: int = _key(4_096, "Most columns of one picture.", 16, 65_535)
    frames: int = _key(2_000, "Most pictures in one multi-frame file.", 1, 100_000)
    decoded_mb: int = _key(1_024, "All decoded pictures of a study together.", 16, 1_000_000)
    archive_entries: int = _key(10_000, "Most entries in one archive.", 1, 1_000_000)
    archive_ratio: int = _key(200, "An archive that grows by more than this when unpacked is refused.", 2, 100_000)
    archive_nesting: int = _key(1, "How deep archives may lie inside archives.", 0, 8)
    decode_seconds: float = _key(30.0, "Longest decoding of one file; then its process is ended.", 1, 3600)
    decode_memory_mb: int = _key(1_536, "Memory (address space) of the process that opens files.", 512, 1_000_000)


@dataclass(frozen=True, slots=True)
class Disk:
    """What must stay free on the box's own disk."""

    warn_mb: int = _key(2048, "Below this the health says `degraded`.", 0, 10_000_000)
    stop_mb: int = _key(512, "Below this nothing new is taken in until there is room again.", 0, 10_000_000)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long the box itself keeps things. On the share it deletes nothing."""

    images_hours: float = _key(
        48.0, "Copies of the images of a study that was read, for slices that come late.", 0, 87_600
    )
    reports_days: int = _key(0, "Reports on the box; 0: for ever. Never one the broker has not taken.", 0, 36_500)


@dataclass(frozen=True, slots=True)
class Reader:
    """The models."""

    device: str = _key("auto", "Where the models run.", choices=("auto", "cpu", "gpu"))
    threads: int = _key(0, "CPU threads of one reading; 0: all cores.", 0, 256)
    models: str = _key("", "Folder of the INT8 models. Empty: the ones shipped.")
    second_opinion: bool = _key(
        False, "Ask a second grader of another kind at every place and average the two. Its models are not shipped: "
        "docs/second-opinion.md."
    )


@dataclass(frozen=True, slots=True)
class Mqtt:
    """Where results are published."""

    enabled: bool = _key(True, "Publish at all.")
    host: str = _key("", "The broker. Empty: the embedded one, when it is on.")
    port: int = _key(1883, "The broker's port.", 1, 65_535)
    version: str = _key(
        "auto", "Protocol: MQTT 5, or 3.1.1 where the broker knows no other.", choices=("auto", "5", "3.1.1")
    )
    username: str = _key("", "User at the broker; empty: none.")
    password_file: str = _key("", "File that holds the password alone. There is no key for the password itself.")
    password_credential: str = _key("", "Or: name of the systemd credential that holds it (`LoadCredential=`).")
    password_variable: str = _key("", "Or: name of the environment variable that holds it.")
    tls: bool = _key(False, "Encrypt, and check the broker's certificate.")
    ca_file: str = _key("", "Certificates to trust instead of the system's.")
    cert_file: str = _key("", "This box's own certificate, where the broker asks for one.")
    key_file: str = _key("", "The key of `mqtt.cert_file`, when it stands in a file of its own.")
    tls_anyone_may_pretend_to_be_the_broker: bool = _key(
        False, "Encrypt without checking whom to. Whoever is on the network may read along. For an hour of testing."
    )
    keepalive_seconds: int = _key(
        30, "A box that gives no sign is `offline` for everybody within this (what MQTT calls so is made shorter).", 15, 3600
    )
    health_seconds: int = _key(60, "Seconds between two `health` messages when nothing changes.", 5, 3600)
    live_seconds: int = _key(
        60, "A result sent later than this after its reading is marked `is_historical`.", 1, 86_400
    )
    replay_per_second: int = _key(
        2_000, "Most late results sent per second; less leaves a narrow line for what is new.", 1, 100_000
    )
    commands: tuple[str, ...] = _key(
        ("ping", "status", "rescan"), "Commands obeyed; all others are refused. Empty: none are listened to."
    )
    home_assistant: bool = _key(False, "Announce the box as a device to Home Assistant; switched off, it is removed.")
    home_assistant_prefix: str = _key("homeassistant", "Its discovery prefix.")


@dataclass(frozen=True, slots=True)
class Broker:
    """The embedded broker, for the clinic that has none."""

    enabled: bool = _key(False, "Start it. Not used when `mqtt.host` names another.")
    host: str = _key(
        "127.0.0.1", "Address it listens on. It knows no passwords, so only a loopback address is allowed."
    )
    port: int = _key(1883, "Its port; 0: any free one.", 0, 65_535)


@dataclass(frozen=True, slots=True)
class Web:
    """The page."""

    enabled: bool = _key(True, "Serve the page.")
    host: str = _key("127.0.0.1", "Address the page listens on.")
    port: int = _key(8080, "Its port; 0: any free one.", 0, 65_535)
    names: tuple[str, ...] = _key((), "Host names the page answers to besides its own address, as `box.clinic.lan`.")
    https: bool = _key(False, "A proxy in front speaks HTTPS: cookies are sent over HTTPS only.")
    upload_mb: int = _key(2048, "Largest upload.", 1, 1_000_000)
    session_hours: float = _key(12.0, "A login ends after this long.", 0.1, 720)
    threads: int = _key(8, "Requests answered at once.", 2, 64)


@dataclass(frozen=True, slots=True)
class Output:
    """What a reading leaves for people, on the share and where `read --out` says."""

    language: str = _key(
        "en", "Of report.pdf and of the words on the pictures. The page's own PDF speaks the language of who asks.",
        choices=("en", "fr", "es", "pt", "sw", "ar"),
    )  # fmt: skip
    dicom: bool = _key(
        False, "Write the report as DICOM too (structured report, pictures), beside report.json. Off: the page and "
        "`lumbarbox read --dicom` make them when asked."
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Privacy:
    """What may leave the box."""

    mqtt_identifiers: bool = _key(
        False, "Publish the Study Instance UID with each result, nothing else more. Off: nothing names a study or person."
    )
    keep_identifiers: bool = _key(
        False, "Keep patient name, ID, date of birth and sex on the box, shown and searched in the page, and written "
        "into the report's DICOM objects. Off: a patient is known by a keyed hash only."
    )  # fmt: skip
    keep_images_days: int = _key(
        90, "Days the slices stay on the box for the page's viewer; 0: none are kept. The oldest go first when the "
        "disk runs low. Reports and marked pictures stay.", 0, 36_500
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """The whole, checked. `load` makes it."""

    box: Box = field(default_factory=Box)
    inbox: Inbox = field(default_factory=Inbox)
    limits: Limits = field(default_factory=Limits)
    disk: Disk = field(default_factory=Disk)
    retention: Retention = field(default_factory=Retention)
    reader: Reader = field(default_factory=Reader)
    mqtt: Mqtt = field(default_factory=Mqtt)
    broker: Broker = field(default_factory=Broker)
    web: Web = field(default_factory=Web)
    output: Output = field(default_factory=Output)
    privacy: Privacy = field(default_factory=Privacy)

    @property
    def data(self) -> Path:
        return Path(self.box.data)

    @property
    def inbox_path(self) -> Path:
        return Path(self.inbox.path) if self.inbox.path else self.data / "inbox"

    @property
    def embedded_broker(self) -> bool:
        return self.broker.enabled and not self.mqtt.host

    @property
    def publishes(self) -> bool:
        return self.mqtt.enabled and bool(self.mqtt.host or self.embedded_broker)


SECTIONS: dict[str, type[Any]] = {
    "box": Box,
    "inbox": Inbox,
    "limits": Limits,
    "disk": Disk,
    "retention": Retention,
    "reader": Reader,
    "mqtt": Mqtt,
    "broker": Broker,
    "web": Web,
    "output": Output,
    "privacy": Privacy,
}
