/** What a tick sees of one session, before the rules say what to do about it. */
import type { Result } from "../../schemas/fault.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { mayStartAgain, type SessionRecord, type TreeMember, waitsForChildren } from "../core/session.ts";
import type { SessionFacts } from "../core/session-action.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Hive } from "../ports/hive.ts";
import type { LogAudience, SessionActivity } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import type { Admission } from "./admission.ts";

export interface ControllerParts {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
  readonly activity: Pick<SessionActivity, "quietMs">;
  readonly logReaders: Pick<LogAudience, "count">;
  readonly admission: Pick<Admission, "placeFor" | "freeMemoryBytes">;
}

export function mainKey(session: SessionRecord): StreamKey {
  return { sessionId: session.id, process: "main", attempt: Math.max(1, session.observed.attempt) };
}

export async function observe(
  parts: ControllerParts,
  session: SessionRecord,
  tree: readonly TreeMember[] | undefined,
): Promise<Result<SessionFacts>> {
  const free = mayStart(session) ? await parts.admission.freeMemoryBytes() : undefined;
  const seen = await parts.hive.processes.observe(mainKey(session));
  if (!seen.ok) return seen;
  const { hostId, process } = seen.value;
  // From here on in one turn: whoever else starts meanwhile is counted.
  const facts = {
    nowMs: parts.clock.now(),
    hostId,
    tree,
    place: mayStart(session) ? parts.admission.placeFor(session, free) : ({ free: true } as const),
    quietMs: session.spec.activityTimeoutMs === undefined ? undefined : parts.activity.quietMs(session.id),
    logReaders: parts.logReaders.count(session.id),
    busyChildren: waitsForChildren(session) ? busyChildren(parts, session.id) : 0,
  };
  if (process === undefined) return { ok: true, value: { ...facts, main: { state: "unknown" } } };
  const identity = { pid: process.pid, startTime: process.startTime };
  const { startedAtMs, exit } = process;
  if (exit === undefined) return { ok: true, value: { ...facts, main: { state: "running", identity, startedAtMs } } };
  const { code, signal, atMs } = exit;
  return {
    ok: true,
    value: { ...facts, main: { state: "exited", identity, startedAtMs, exit: { code, signal }, atMs } },
  };
}

function mayStart({ observed }: SessionRecord): boolean {
  return observed.phase === "PENDING" || observed.phase === "BACKOFF";
}

/** Those that live, may start again, or are still to be removed. */
function busyChildren({ store }: ControllerParts, parentId: string): number {
  return store
    .sessions()
    .filter((child) => child.parentId === parentId && (mayStartAgain(child) || child.desired.state === "removed"))
    .length;
}
