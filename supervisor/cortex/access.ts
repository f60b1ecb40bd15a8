/** Which sessions a caller may read and act on: a person all, a session itself and its descendants. */
import { ancestorsOf } from "../core/family.ts";
import type { SessionRecord } from "../core/session.ts";
import type { Store } from "../ports/store.ts";
import type { Caller } from "./handler.ts";

type Records = Pick<Store, "session">;

export function mayRead(store: Records, caller: Caller, session: SessionRecord): boolean {
  return (
    caller.kind === "person" || session.id === caller.session.id || descendsFrom(store, session, caller.session.id)
  );
}

/** A session ends, signals and types into its descendants, not itself: it ends by exiting. */
export function mayAct(store: Records, caller: Caller, session: SessionRecord): boolean {
  return caller.kind === "person" || descendsFrom(store, session, caller.session.id);
}

function descendsFrom(store: Records, session: SessionRecord, ancestorId: string): boolean {
  return ancestorsOf(session, (id) => store.session(id)).some(({ id }) => id === ancestorId);
}
