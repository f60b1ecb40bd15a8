-- Sessions with their transitions, and the events of this store.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  -- The order in which sessions were made. No number is given twice.
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  hive_id TEXT NOT NULL,
  colony TEXT NOT NULL,
  -- No foreign key: a session may outlive the one that started it.
  parent_id TEXT,
  phase TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  token TEXT NOT NULL UNIQUE,
  revision INTEGER NOT NULL,
  labels TEXT NOT NULL,
  workspace TEXT NOT NULL,
  desired TEXT NOT NULL,
  observed TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX living_session_names ON sessions (name)
  WHERE phase NOT IN ('COMPLETED', 'CRASHED', 'STOPPED', 'LOST');

-- A spec never changes and holds the whole environment: apart, so that a change of phase need not write it again.
CREATE TABLE session_specs (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  spec TEXT NOT NULL
) STRICT;

CREATE TABLE transitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  hive_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  from_phase TEXT,
  to_phase TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  reason TEXT NOT NULL,
  evidence TEXT NOT NULL,
  -- 1 once its marker is known to stand in the session's log.
  marked INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX transitions_of_session ON transitions (session_id, id);
CREATE INDEX unmarked_transitions ON transitions (session_id, id) WHERE marked = 0;

-- Events stay when their session is removed.
CREATE TABLE events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  hive_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  session_id TEXT,
  session_name TEXT,
  data TEXT NOT NULL
) STRICT;

CREATE INDEX events_of_session ON events (session_id, id) WHERE session_id IS NOT NULL;

INSERT INTO meta (key, value) VALUES ('hive_id', 'hive-' || lower(hex(randomblob(8)))), ('epoch', 0);
