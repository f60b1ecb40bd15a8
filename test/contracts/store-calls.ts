/** Calls of a store that its tests make often. */
import { type Fault, FaultError } from "../../schemas/fault.ts";
import type { Phase, SessionRecord } from "../../supervisor/core/session.ts";
import type { Store } from "../../supervisor/ports/store.ts";

export function moveTo(store: Store, session: SessionRecord, to: Phase): SessionRecord {
  return store.changeSession(session.id, session.revision, {
    transition: { atMs: 1_500, to, reason: `to ${to}`, evidence: {} },
  });
}

/** The fault that the call throws; anything else that it does fails the test. */
export function faultOf(call: () => unknown): Fault {
  try {
    call();
  } catch (error) {
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
  throw new Error("the call threw no fault");
}
