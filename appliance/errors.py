"""Every error the box raises on purpose. The branch decides the action; the code names the case.

    LumbarboxError
    ├── InputError        this study cannot be read     -> to _failed with its reason; the box goes on
    ├── SystemicError     the box or the share is ill   -> the queue pauses, an alarm is raised, nothing fails
    ├── ModelError        a model is not what it says   -> refuse to be ready
    ├── DeliveryError     a broker or network is away   -> keep and retry
    └── ConfigError       the configuration is wrong    -> say which key, exit 3

Each has a `code` for machines and folders, a `message` in plain words and an `action`: what a person does now.
`docs/errors.md` documents every code; `tests/test_docs.py` fails when one is missing.
"""

from __future__ import annotations

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
    CONFIG = "config"
    CRASHED_TWICE = "crashed_twice"
    FAULT = "fault"


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
