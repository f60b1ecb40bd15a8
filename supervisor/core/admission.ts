/** Who may start now: a bound on sessions that run at once, and memory for one more. First come, first served within a priority. */
import type { Phase, SessionRecord } from "./session.ts";

/** Phases in which a session has, or is about to have, processes. */
const OCCUPYING: ReadonlySet<Phase> = new Set(["STARTING", "RUNNING", "STOPPING"]);
/** Memory comes back without telling anybody: so often it is asked for while somebody waits for it. */
export const MEMORY_RECHECK_MS = 2_000;

export interface AdmissionFacts {
  readonly maxSessions: number;
  readonly memoryFloorBytes: number;
  /** Undefined when it could not be told: then nobody waits for it. */
  readonly freeMemoryBytes: number | undefined;
}

export type Place =
  | { readonly free: true }
  | { readonly free: false; readonly waitsFor: "place" | "memory"; readonly reason: string };

/** Whether this session, one of `sessions`, which are all of one hive, may start now. */
export function placeFor(session: SessionRecord, sessions: readonly SessionRecord[], facts: AdmissionFacts): Place {
  const before = sessions.filter((other) => other.id !== session.id && waits(other) && comesBefore(other, session));
  return placeBehind(before.length, sessions, facts);
}

/** The same for a session that is not there yet: it would come last of its priority. */
export function placeForNew(priority: number, sessions: readonly SessionRecord[], facts: AdmissionFacts): Place {
  const before = sessions.filter((other) => waits(other) && other.spec.priority >= priority);
  return placeBehind(before.length, sessions, facts);
}

/** Those in line for whom there is a place, were there memory. */
export function firstInLine(sessions: readonly SessionRecord[], maxSessions: number): readonly SessionRecord[] {
  const free = Math.max(0, maxSessions - sessions.filter(occupies).length);
  const line = sessions.filter(waits);
  if (free === 0 || line.length === 0) return [];
  return line.sort((a, b) => (comesBefore(a, b) ? -1 : 1)).slice(0, free);
}

function placeBehind(before: number, sessions: readonly SessionRecord[], facts: AdmissionFacts): Place {
  const { maxSessions, memoryFloorBytes, freeMemoryBytes } = facts;
  const occupied = sessions.filter(occupies).length;
  if (occupied + before >= maxSessions) {
    return { free: false, waitsFor: "place", reason: `waits for a place: ${occupied} of ${maxSessions}` };
  }
  if (freeMemoryBytes !== undefined && freeMemoryBytes < memoryFloorBytes) {
    const reason = `waits for memory: ${gibibytes(freeMemoryBytes)} of ${gibibytes(memoryFloorBytes)} GiB free`;
    return { free: false, waitsFor: "memory", reason };
  }
  return { free: true };
}

function occupies(session: SessionRecord): boolean {
  return OCCUPYING.has(session.observed.phase);
}

function waits(session: SessionRecord): boolean {
  return session.observed.phase === "PENDING" && session.desired.state === "running";
}

function comesBefore(a: SessionRecord, b: SessionRecord): boolean {
  if (a.spec.priority !== b.spec.priority) return a.spec.priority > b.spec.priority;
  const [since, otherSince] = [queuedSince(a), queuedSince(b)];
  return since === otherSince ? a.id < b.id : since < otherSince;
}

/** A session in BACKOFF comes into line when its start is due. */
function queuedSince({ observed, createdAtMs }: SessionRecord): number {
  return observed.queuedAtMs ?? observed.nextStartAtMs ?? createdAtMs;
}

function gibibytes(bytes: number): string {
  return String(Math.floor((bytes / 2 ** 30) * 10) / 10);
}
