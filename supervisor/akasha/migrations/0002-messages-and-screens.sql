-- Messages to sessions, the screens of their terminals, and what a spec says of restarts and its place in the queue.

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

-- Read at boot alone: what is still to be delivered, among all that has been.
CREATE INDEX unsettled_messages ON messages (sequence) WHERE state IN ('queued', 'delivering');

-- A cache: the stream itself says all that is in it.
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

-- Sessions of before are never started again by themselves. A spec that is no JSON is left: loading it says so.
UPDATE session_specs SET spec = json_insert(
  spec,
  '$.askedVariables', json('[]'),
  '$.restart', json('{"policy":"never","maxRestarts":5,"backoffMs":1000}'),
  '$.priority', 0
) WHERE json_valid(spec);
