"""The register: whose study is whose, and what people said of it. One SQLite file beside the ledger.

A patient is known by a keyed hash, so that earlier studies are found without keeping who it is; the identifiers
themselves are written down only where `privacy.keep_identifiers` says so. Opinions are added, never changed.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from pathlib import Path

from appliance.core.review import Opinion
from appliance.core.spine import Condition, Level, Severity
from appliance.core.study import Patient
from appliance.database import Database
from appliance.secret_file import secret

_SCHEMA = """
CREATE TABLE IF NOT EXISTS studies (
    job_id TEXT PRIMARY KEY, patient_key TEXT NOT NULL, study_date TEXT NOT NULL,
    patient_id TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '', birth_date TEXT NOT NULL DEFAULT '',
    sex TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS studies_by_patient ON studies (patient_key, study_date);
CREATE TABLE IF NOT EXISTS opinions (
    number INTEGER PRIMARY KEY, job_id TEXT NOT NULL, condition TEXT NOT NULL, level TEXT NOT NULL,
    severity TEXT NOT NULL, model_severity TEXT NOT NULL, revision INTEGER NOT NULL, reviewer TEXT NOT NULL,
    at TEXT NOT NULL, comment TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS opinions_by_job ON opinions (job_id);
"""
MOST_FOUND = 500
"""Of one search for a patient; SQLite takes no endless list of job ids."""


class Register:
    """Safe to share between threads."""

    def __init__(self, path: Path, keep_identifiers: bool = False) -> None:
        """The key of the hashes lies in a file beside it: without it they say nothing."""
        self._keep = keep_identifiers
        self._db = Database(path, "The register cannot be used: {why}", _SCHEMA)
        self._key = secret(path.with_suffix(".key"))
        self.close = self._db.close

    def note(self, job_id: str, patient: Patient, study_date: str) -> None:
        """A study that was read. A second time replaces the first."""
        kept = (patient.patient_id, patient.name, patient.birth_date, patient.sex) if self._keep else ("",) * 4
        self._db.rows(
            "INSERT OR REPLACE INTO studies (job_id, patient_key, study_date, patient_id, name, birth_date, sex) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(job_id, self._hash(patient), study_date, *kept),
        )

    def patient(self, job_id: str) -> Patient | None:
        """Who it is, where that is kept."""
        found = self._db.rows("SELECT patient_id, name, birth_date, sex FROM studies WHERE job_id = ?", job_id)
        return Patient(*map(str, found[0])) if found and any(found[0]) else None

    def others(self, job_id: str) -> tuple[tuple[str, str], ...]:
        """Other studies of the same patient, newest first: (job id, study date as DICOM writes it)."""
        found = self._db.rows(
            "SELECT b.job_id, b.study_date FROM studies a JOIN studies b ON a.patient_key = b.patient_key "
            "WHERE a.job_id = ? AND b.job_id <> a.job_id AND a.patient_key <> '' ORDER BY b.study_date DESC, b.rowid DESC",
            job_id,
        )
        return tuple((str(job), str(day)) for job, day in found)

    def find_patient(self, words: str) -> tuple[str, ...]:
        """Job ids of studies whose patient's name or id holds `words`."""
        like = f"%{words.strip().replace(chr(92), '').replace('%', '').replace('_', '')}%"
        spaced = like.replace(" ", "^")  # DICOM parts family and given name so
        found = self._db.rows(
            "SELECT job_id FROM studies WHERE (name LIKE ? OR name LIKE ? OR patient_id LIKE ?) "
            f"AND name || patient_id <> '' ORDER BY rowid DESC LIMIT {MOST_FOUND}",
            *(like, spaced, like),
        )
        return tuple(str(row[0]) for row in found)

    def add_opinion(self, opinion: Opinion) -> None:
        model = opinion.model_severity.value if opinion.model_severity else ""
        self._db.rows(
            "INSERT INTO opinions (job_id, condition, level, severity, model_severity, revision, reviewer, at, comment) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(opinion.job_id, opinion.condition.value, opinion.level.value, opinion.severity.value, model),
            *(opinion.revision, opinion.reviewer, opinion.at.isoformat(), opinion.comment),
        )

    def opinions(self, job_id: str = "") -> tuple[Opinion, ...]:
        """Of one study, or of all; in the order they were given."""
        where, values = ("WHERE job_id = ?", (job_id,)) if job_id else ("", ())
        found = self._db.rows(
            "SELECT job_id, condition, level, severity, model_severity, revision, reviewer, at, comment "
            f"FROM opinions {where} ORDER BY number",
            *values,
        )
        return tuple(_opinion(row) for row in found)

    def _hash(self, patient: Patient) -> str:
        """By ID and date of birth; by name and date of birth where there is no ID. Nobody is like nobody else."""
        who = patient.patient_id.strip() or patient.name.replace("^", " ").strip().casefold()
        if not who:
            return ""
        told = f"{bool(patient.patient_id.strip())}\n{who}\n{patient.birth_date}"
        return hmac.new(self._key, told.encode(), hashlib.sha256).hexdigest()[:32]


def _opinion(row: tuple[object, ...]) -> Opinion:
    job_id, condition, level, severity, model, revision, reviewer, at, comment = map(str, row)
    return Opinion(
        job_id,
        Condition(condition),
        Level(level),
        Severity(severity),
        Severity(model) if model else None,
        int(revision),
        reviewer,
        datetime.fromisoformat(at),
        comment,
    )
