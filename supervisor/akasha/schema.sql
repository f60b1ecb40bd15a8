-- The store's schema after migration 2. Written by migrations.test.ts: vitest -u.

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

CREATE UNIQUE INDEX living_session_names ON sessions (name)
  WHERE phase NOT IN ('COMPLETED', 'CRASHED', 'STOPPED', 'LOST');

CREATE TABLE messages (
  -- The order of arrival. No number is given twice.
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  created_at_ms INTEGER NOT NULL,
  sent_by TEXT NOT NULL,
  keys TEXT NOT NULL,
  presses_enter INTEGER NOT NULL,
  at_once INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  attempt INTEGER,
  host_id TEXT,
  delivered_at_ms INTEGER,
  revision INTEGER NOT NULL,
  -- Last: it may be long, and whoever looks for a state need not read past it.
  text TEXT NOT NULL
) STRICT;

CREATE INDEX messages_of_session ON messages (session_id, sequence);

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE screens (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  stream_offset INTEGER NOT NULL,
  held BLOB NOT NULL,
  column_count INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  full_screen INTEGER NOT NULL,
  ansi TEXT NOT NULL
) STRICT;

CREATE TABLE session_specs (
  session_id TEXT PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
  spec TEXT NOT NULL
) STRICT;

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

CREATE INDEX unsettled_messages ON messages (sequence) WHERE state IN ('queued', 'delivering');
