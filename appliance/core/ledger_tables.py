"""The ledger's tables, version by version: text only. A version once released is never edited; a new one is added."""

from __future__ import annotations

VERSION_1 = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL,
    entry TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    content TEXT, files INTEGER, bytes INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    stage TEXT NOT NULL DEFAULT '', fraction REAL NOT NULL DEFAULT 0,
    reason TEXT, result TEXT, report_id TEXT, duplicate_of TEXT NOT NULL DEFAULT '',
    handed_over INTEGER NOT NULL DEFAULT 0, filed INTEGER NOT NULL DEFAULT 0, filed_as TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_content ON jobs (content);
CREATE INDEX jobs_by_report ON jobs (report_id);
CREATE TABLE transitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL,
    state TEXT NOT NULL, note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX transitions_by_job ON transitions (job_id);
CREATE TABLE alarms (
    code TEXT NOT NULL, part TEXT NOT NULL, message TEXT NOT NULL, action TEXT NOT NULL, since TEXT NOT NULL,
    PRIMARY KEY (code, part)
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

VERSION_2 = """
ALTER TABLE jobs ADD COLUMN study_uid TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN images INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN missing TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN due_at TEXT;
ALTER TABLE jobs ADD COLUMN hurried INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN joined TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN revises TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN superseded_by TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_by_study ON jobs (study_uid, number);
CREATE INDEX jobs_unfiled ON jobs (number) WHERE filed = 0;
CREATE TABLE parts (job_id TEXT NOT NULL, drop_id TEXT NOT NULL, PRIMARY KEY (job_id, drop_id));
CREATE INDEX parts_by_drop ON parts (drop_id);
CREATE TABLE claims (drop_id TEXT NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    PRIMARY KEY (drop_id, path)) WITHOUT ROWID;
CREATE TABLE images (
    drop_id TEXT NOT NULL, file TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL, sop_uid TEXT NOT NULL,
    role TEXT NOT NULL, modality TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE INDEX images_by_drop ON images (drop_id, study_uid);
INSERT INTO parts SELECT id, id FROM jobs;
"""

VERSIONS = (VERSION_1, VERSION_2)
"""In order: the first makes a new ledger, each further one brings an older one up."""

SCHEMA_VERSION = len(VERSIONS)
