"""Every error the box raises on purpose. The branch decides the action; the code names the case.

    LumbarboxError
    ├── InputError        this study cannot be read     -> to _failed with its reason; the box goes on
    ├── SystemicError     the box or the share is ill   -> the queue pauses, an alarm is raised, nothing fails
    ├── ModelError        a model is not what it says   -> refuse to be ready
    ├── DeliveryError     a broker or network is away   -> keep and retry
    ├── ConfigError       the configuration is wrong    -> say which key, exit 3
    └── UsageError        a command does not fit now    -> say why and what does, exit 2

Each has a `code` for machines and folders, a `message` in plain words and an `action`: what a person does now.
`docs/errors.md` documents every code; `tests/test_docs.py` fails when one is missing.
"""

from __future__ import annotations

import errno
from enum import StrEnum


class Code(StrEnum):
    """What went wrong, as one word that never changes its meaning."""

    EMPTY = "empty"
    NOT_DICOM = "not_dicom"
    CORRUPT = "corrupt"
    UNSUPPORTED = "unsupported"
    NOT_MR = "not_mr"
    NOT_LUMBAR = "not_lumbar"
    NO_PIXELS = "no_pixels"
    MIXED_PATIENTS = "mixed_patients"
    MIXED_STUDIES = "mixed_studies"
    TOO_LARGE = "too_large"
    UNSAFE_ARCHIVE = "unsafe_archive"
    NO_SPACE = "no_space"
    SHARE_GONE = "share_gone"
    NOT_WRITABLE = "not_writable"
    LEDGER = "ledger"
    MODEL_MISSING = "model_missing"
    MODEL_CHANGED = "model_changed"
    MODEL_WRONG = "model_wrong"
    BROKER = "broker"
    CLIENT_ID_TAKEN = "client_id_taken"
    CONFIG = "config"
    EARLIER_IMAGES_GONE = "earlier_images_gone"
    LEDGER_REBUILT = "ledger_rebuilt"
    CRASHED_TWICE = "crashed_twice"
    FAULT = "fault"
    USAGE = "usage"


PAUSES_ALL = (Code.NO_SPACE, Code.SHARE_GONE, Code.LEDGER, Code.FAULT)
"""Trouble that the next study would meet as well; a missing permission is one study's own."""


class LumbarboxError(Exception):
    """`str(error)` is the message; `error.action` what to do."""

    def __init__(self, code: Code, message: str, action: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.action = action


class InputError(LumbarboxError):
    """The study itself: set aside with its reason, the originals kept."""


class SystemicError(LumbarboxError):
    """Disk, share, permission: would fail every study alike, so none is blamed."""


class ModelError(LumbarboxError):
    """Hash mismatch, unreadable model, golden study read differently."""


class DeliveryError(LumbarboxError):
    """The broker or the network. Results wait."""


class ConfigError(LumbarboxError):
    """A key that is unknown, missing or out of range."""


class UsageError(LumbarboxError):
    """What a person asked for cannot be done as things stand; nothing was changed."""

    def __init__(self, message: str, action: str = "") -> None:
        super().__init__(Code.USAGE, message, action)


_BY_ERRNO: dict[int, tuple[Code, str]] = {
    errno.ENOSPC: (Code.NO_SPACE, "The disk is full."),
    errno.EDQUOT: (Code.NO_SPACE, "The quota of the disk or share is used up."),
    errno.EROFS: (Code.NOT_WRITABLE, "It is read-only."),
    errno.EACCES: (Code.NOT_WRITABLE, "The permission is missing."),
    errno.EPERM: (Code.NOT_WRITABLE, "The permission is missing."),
    errno.EIO: (Code.SHARE_GONE, "Reading or writing failed (EIO)."),
    errno.ESTALE: (Code.SHARE_GONE, "The server forgot it (ESTALE)."),
}


def from_os(exc: OSError, where: str, otherwise: Code = Code.SHARE_GONE) -> SystemicError:
    """What the operating system reported about `where`, as our own error: disk, share and permission are systemic."""
    words = exc.strerror or type(exc).__name__
    code, why = _BY_ERRNO.get(exc.errno or 0, (otherwise, f"The system says: {words}."))
    return SystemicError(code, f"{where} cannot be used. {why}", _ACTIONS[code])


_ACTIONS: dict[Code, str] = {
    Code.NO_SPACE: "Make room: nothing is lost, all goes on by itself once there is space.",
    Code.NOT_WRITABLE: "Give the user the box runs as the right to read and write there.",
    Code.SHARE_GONE: "Check the cable, the server and the mount; all goes on by itself once the share is back.",
    Code.LEDGER: "Check the box's disk: is it full, read-only or failing?",
    Code.FAULT: "Look at the log for what happened, and report it.",
}
