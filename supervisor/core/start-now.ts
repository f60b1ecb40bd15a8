import { type SessionRecord, startAsked } from "./session.ts";
import type { ObservedChange, SessionAction } from "./session-action.ts";

/** Nobody is in line or in BACKOFF any more. */
export const NOT_WAITING: ObservedChange = { waitsFor: null, queuedAtMs: null, nextStartAtMs: null };
/** Nothing is known of a process: what was is told by transitions. */
export const NOT_STARTED: ObservedChange = {
  hostId: null,
  main: null,
  startedAtMs: null,
  endedAtMs: null,
  exit: null,
  ending: null,
  fault: null,
};
/** Somebody looked into it: what failed before no longer counts. */
const COUNTS_ANEW: ObservedChange = { countedRestarts: null, backoffStep: null };

/** The first attempt is counted when it is made; a further one begins with nothing of the one before. */
export function startNow(session: SessionRecord, reason: string): SessionAction {
  const { attempt } = session.observed;
  return {
    type: "transition",
    to: "STARTING",
    reason,
    evidence: attempt === 0 ? {} : { attempt: attempt + 1 },
    set: {
      ...NOT_WAITING,
      ...(attempt === 0 ? {} : { ...NOT_STARTED, attempt: attempt + 1 }),
      ...(startAsked(session) ? COUNTS_ANEW : {}),
    },
  };
}
