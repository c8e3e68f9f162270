"""What the ledger is asked: jobs, the drops they are made of, the images in them, their histories. Changes nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from appliance.adapters.ledger.ledger_file import WORST, LedgerFile, marks, stamp
from appliance.core.drops import SeenFile
from appliance.core.gathering import Image
from appliance.core.jobs import Job, Search, State, Transition
from appliance.core.ledger_rows import image_of, job_of, transition_of
from appliance.core.printable import as_text, from_text


class Queries(LedgerFile):
    """Every answer is as of one moment."""

    def job(self, job_id: str) -> Job:
        found = self.find(job_id)
        if found is None:
            raise KeyError(job_id)
        return found

    def find(self, job_id: str) -> Job | None:
        return self._one("id = ?", job_id)

    def ids(self) -> frozenset[str]:
        """Of every job there ever was."""
        return frozenset(row["id"] for row in self.rows("SELECT id FROM jobs"))

    def in_state(self, *states: State) -> tuple[Job, ...]:
        """Oldest first."""
        return self._many(f"state IN ({marks(states)}) ORDER BY number", *states)

    def waiting_in_drop_area(self) -> dict[str, Job]:
        """Jobs not yet claimed, by the name of their entry."""
        found = self._many("state IN ('received', 'settling') AND source = 'share' AND content IS NULL")
        return {job.entry: job for job in found}

    def claimed_files(self, drop_id: str = "") -> frozenset[SeenFile]:
        """Files of the drop area that were copied and not yet moved away: of one drop, or of all."""
        where, values = ("WHERE drop_id = ?", (drop_id,)) if drop_id else ("", ())
        rows = self.rows(f"SELECT path, size, mtime_ns FROM claims {where}", *values)
        return frozenset(SeenFile(from_text(r["path"]), r["size"], r["mtime_ns"]) for r in rows)

    def claimant(self, entry: str) -> str | None:
        """The drop that was claimed last from this entry of the drop area, while its files are still there."""
        found = self.rows(
            "SELECT drop_id FROM claims JOIN jobs ON jobs.id = drop_id WHERE substr(path, 1, ?) = ? "
            "ORDER BY number DESC LIMIT 1",
            len(as_text(entry)) + 1,
            f"{as_text(entry)}/",
        )
        return found[0]["drop_id"] if found else None

    def claims_mark(self) -> tuple[int, int]:
        """Differs whenever `claimed_files` may."""
        return int(self.rows("SELECT COUNT(*) AS n FROM claims")[0]["n"]), self.last_transition()

    def gathering(self) -> tuple[Job, ...]:
        """Studies that wait for their rest, oldest first."""
        return self._many("state = 'settling' AND content IS NOT NULL ORDER BY number")

    def study_waiting(self, study_uid: str) -> Job | None:
        """The job that more images of this study still belong to."""
        return self._one(
            "study_uid = ? AND state IN ('settling', 'queued') AND content IS NOT NULL ORDER BY number DESC LIMIT 1",
            study_uid,
        )

    def study_read(self, study_uid: str) -> Job | None:
        """The reading of this study that counts: no later one has superseded it."""
        return self._one(
            "study_uid = ? AND state = 'done' AND duplicate_of = '' AND superseded_by = '' ORDER BY updated_at DESC LIMIT 1",
            study_uid,
        )

    def parts(self, job_id: str) -> tuple[str, ...]:
        """Drops that hold images of this job's study, newest first."""
        found = self.rows(
            "SELECT drop_id FROM parts LEFT JOIN jobs ON jobs.id = drop_id WHERE job_id = ? ORDER BY jobs.number DESC",
            job_id,
        )
        return tuple(row["drop_id"] for row in found)

    def images_of(self, job_id: str, study_uid: str) -> tuple[Image, ...]:
        """Of one study, in all drops of a job."""
        found = self.rows(
            "SELECT images.* FROM images JOIN parts USING (drop_id) WHERE job_id = ? AND study_uid = ?", job_id, study_uid
        )
        return tuple(image_of(row) for row in found)

    def images_in(self, drop_id: str) -> tuple[Image, ...]:
        """Everything one drop holds."""
        found = self.rows("SELECT * FROM images WHERE drop_id = ? ORDER BY rowid", drop_id)
        return tuple(image_of(row) for row in found)

    def unfinished_business(self) -> tuple[Job, ...]:
        """Read or refused, but the result not handed over or the files not moved: what a power cut may leave."""
        return self._many(
            "(filed = 0 OR handed_over = 0) AND ("
            "state = 'done' OR (state IN ('failed', 'quarantined') AND filed = 0) OR "
            "(state = 'joined' AND filed = 0 AND joined IN (SELECT id FROM jobs WHERE filed = 1))) "
            "ORDER BY number LIMIT 100"
        )

    def spool_needed(self, done_after: datetime) -> frozenset[str]:
        """Drops whose copy must stay: not filed yet, part of a study not finished, or of one done after this moment."""
        found = self.rows(
            "SELECT drop_id FROM parts JOIN jobs ON jobs.id = job_id WHERE filed = 0 OR state = 'quarantined' OR "
            "(state = 'done' AND (handed_over = 0 OR (duplicate_of = '' AND updated_at > ?))) "
            "UNION SELECT id FROM jobs WHERE content IS NOT NULL AND filed = 0",
            stamp(done_after),
        )
        return frozenset(row["drop_id"] for row in found)

    def done_before(self, moment: datetime) -> tuple[Job, ...]:
        """Jobs whose report is still kept, oldest first."""
        return self._many(
            "state = 'done' AND duplicate_of = '' AND forgotten = 0 AND updated_at < ? ORDER BY number", stamp(moment)
        )

    def read_before(self, content: str, fingerprint: str) -> Job | None:
        """The first job with the same content that these models have read."""
        found = self._many("content = ? AND state = 'done' AND duplicate_of = '' ORDER BY number", content)
        return next((job for job in found if job.result and job.result.fingerprint == fingerprint), None)

    def with_report(self, report_id: str) -> Job | None:
        return self._one("report_id = ? AND duplicate_of = '' ORDER BY number LIMIT 1", report_id)

    def newest(self, limit: int, offset: int = 0, *states: State) -> tuple[Job, ...]:
        """What a person would call a study: a drop that became part of another is listed only when asked for."""
        where = f"state IN ({marks(states)})" if states else "state != 'joined'"
        return self._many(f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *states, limit, offset)

    def search(self, wanted: Search, limit: int, offset: int = 0) -> tuple[tuple[Job, ...], int]:
        """Newest first, and how many there are in all."""
        clauses, values = _clauses(wanted)
        where = " AND ".join(clauses) or "1"
        total = int(self.rows(f"SELECT COUNT(*) AS n FROM jobs WHERE {where}", *values)[0]["n"])
        return self._many(f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *values, limit, offset), total

    def copies_of(self, job_id: str) -> tuple[Job, ...]:
        """Jobs whose images were the same, so that they show this one's report."""
        return self._many("duplicate_of = ? ORDER BY number", job_id)

    def count(self, *states: State) -> int:
        where = f"WHERE state IN ({marks(states)})" if states else ""
        return int(self.rows(f"SELECT COUNT(*) AS n FROM jobs {where}", *states)[0]["n"])

    def history(self, job_id: str) -> tuple[Transition, ...]:
        found = self.rows("SELECT * FROM transitions WHERE job_id = ? ORDER BY number", job_id)
        return tuple(transition_of(row) for row in found)

    def transitions_after(self, number: int, limit: int = 100) -> tuple[Transition, ...]:
        found = self.rows("SELECT * FROM transitions WHERE number > ? ORDER BY number LIMIT ?", number, limit)
        return tuple(transition_of(r) for r in found)

    def last_transition(self) -> int:
        return int(self.rows("SELECT COALESCE(MAX(number), 0) AS n FROM transitions")[0]["n"])

    def version(self) -> tuple[int, int]:
        """Another one after every change, whoever made it: what was drawn from the ledger before is then old."""
        with self.held() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0]), db.total_changes

    def _one(self, where: str, *values: Any) -> Job | None:
        found = self._many(where, *values)
        return found[0] if found else None

    def _many(self, where: str, *values: Any) -> tuple[Job, ...]:
        return tuple(job_of(row) for row in self.rows(f"SELECT * FROM jobs WHERE {where}", *values))


def _clauses(wanted: Search) -> tuple[list[str], list[Any]]:
    """Days compare as text: every stamp is the box's local time, which begins with its day."""
    found: list[tuple[str, tuple[Any, ...]]] = []
    if wanted.states:
        found.append((f"state IN ({marks(wanted.states)})", wanted.states))
    if wanted.worst:
        found.append((f"{WORST} = ?", (wanted.worst,)))
    if wanted.since:
        found.append(("updated_at >= ?", (wanted.since,)))
    if wanted.until:
        found.append(("updated_at < ?", ((date.fromisoformat(wanted.until) + timedelta(days=1)).isoformat(),)))
    if wanted.name:
        found.append(("instr(lower(name), lower(?))", (wanted.name,)))
    if wanted.ids is not None:
        found.append((f"id IN ({marks(wanted.ids)})", wanted.ids))
    return [clause for clause, _ in found], [value for _, values in found for value in values]
