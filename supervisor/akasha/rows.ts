/** Rows of sessions, transitions and events, and how they become what the rules know: by hand, in this file alone. */
import type {
  Desired,
  Observed,
  Phase,
  SessionRecord,
  SessionSpec,
  Transition,
  WorkspaceRecord,
} from "../core/session.ts";
import type { StoredEvent } from "../ports/store.ts";

/** What a change writes. JSON columns are text. */
export interface ChangeableColumns {
  readonly name: string;
  readonly phase: string;
  readonly revision: number;
  readonly workspace: string;
  readonly desired: string;
  /** Without the phase, which has a column of its own. */
  readonly observed: string;
}

export interface SessionRow extends ChangeableColumns {
  readonly id: string;
  readonly hive_id: string;
  readonly colony: string;
  readonly parent_id: string | null;
  readonly created_at_ms: number;
  readonly token: string;
  readonly labels: string;
  readonly spec: string;
}

export interface TransitionRow {
  readonly id: number;
  readonly session_id: string;
  readonly at_ms: number;
  readonly from_phase: string | null;
  readonly to_phase: string;
  readonly attempt: number;
  readonly reason: string;
  readonly evidence: string;
}

export interface EventRow {
  readonly id: number;
  readonly hive_id: string;
  readonly at_ms: number;
  readonly kind: string;
  readonly session_id: string | null;
  readonly session_name: string | null;
  readonly data: string;
}

export function sessionRow(record: SessionRecord): SessionRow {
  return {
    ...changeableColumns(record),
    id: record.id,
    hive_id: record.hiveId,
    colony: record.colony,
    parent_id: record.parentId ?? null,
    created_at_ms: record.createdAtMs,
    token: record.token,
    labels: JSON.stringify(record.labels),
    spec: JSON.stringify(record.spec),
  };
}

export function changeableColumns(record: SessionRecord): ChangeableColumns {
  const { phase, ...observed } = record.observed;
  return {
    name: record.name,
    phase,
    revision: record.revision,
    workspace: JSON.stringify(record.workspace),
    desired: JSON.stringify(record.desired),
    observed: JSON.stringify(observed),
  };
}

export function sessionOf(row: SessionRow): SessionRecord {
  return {
    id: row.id,
    hiveId: row.hive_id,
    colony: row.colony,
    labels: parse<SessionRecord["labels"]>(row.labels),
    ...(row.parent_id === null ? {} : { parentId: row.parent_id }),
    createdAtMs: row.created_at_ms,
    spec: parse<SessionSpec>(row.spec),
    token: row.token,
    ...changeableOf(row),
  };
}

export function changeableOf(
  row: ChangeableColumns,
): Pick<SessionRecord, "name" | "workspace" | "desired" | "observed" | "revision"> {
  return {
    name: row.name,
    workspace: parse<WorkspaceRecord>(row.workspace),
    desired: parse<Desired>(row.desired),
    observed: { phase: row.phase as Phase, ...parse<Omit<Observed, "phase">>(row.observed) },
    revision: row.revision,
  };
}

export function transitionRow(
  transition: Omit<Transition, "id">,
  hiveId: string,
): Omit<TransitionRow, "id"> & { hive_id: string } {
  return {
    session_id: transition.sessionId,
    hive_id: hiveId,
    at_ms: transition.atMs,
    from_phase: transition.from,
    to_phase: transition.to,
    attempt: transition.attempt,
    reason: transition.reason,
    evidence: JSON.stringify(transition.evidence),
  };
}

export function transitionOf(row: TransitionRow): Transition {
  return {
    id: row.id,
    sessionId: row.session_id,
    atMs: row.at_ms,
    from: row.from_phase as Phase | null,
    to: row.to_phase as Phase,
    attempt: row.attempt,
    reason: row.reason,
    evidence: parse<Transition["evidence"]>(row.evidence),
  };
}

export function eventRow(event: Omit<StoredEvent, "id">): Omit<EventRow, "id"> {
  return {
    hive_id: event.hiveId,
    at_ms: event.atMs,
    kind: event.kind,
    session_id: event.sessionId ?? null,
    session_name: event.sessionName ?? null,
    data: JSON.stringify(event.data),
  };
}

export function eventOf(row: EventRow): StoredEvent {
  return {
    id: row.id,
    hiveId: row.hive_id,
    atMs: row.at_ms,
    kind: row.kind,
    ...(row.session_id === null ? {} : { sessionId: row.session_id }),
    ...(row.session_name === null ? {} : { sessionName: row.session_name }),
    data: parse<StoredEvent["data"]>(row.data),
  };
}

/** The store wrote it, from a value of this type: inside, types are trusted. */
function parse<T>(text: string): T {
  return JSON.parse(text) as T;
}
