/** From what people type to sessions. */
import type { SessionSelection } from "../../schemas/client-protocol.ts";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { nearestWord } from "../../schemas/nearest.ts";
import { parseLabelSelector } from "../core/label-selector.ts";
import { hasEnded, type SessionRecord } from "../core/session.ts";
import type { Store } from "../ports/store.ts";
import { mayAct, mayRead } from "./access.ts";
import type { Caller } from "./handler.ts";

/** Candidates named in an error: more would hide the hint. */
const MOST_NAMED = 5;

/**
 * A name means its living session, else its latest; else an id; else an unambiguous prefix of either. A caller that
 * may not read the session learns only that.
 */
export function resolveSession(store: Store, caller: Caller, reference: string): Result<SessionRecord> {
  const found = find(store, caller, reference);
  if (!found.ok || mayRead(store, caller, found.value)) return found;
  return failed(
    fault("not-permitted", `session ${found.value.name} is neither this session nor a descendant of it`, {
      hint: "a session reads itself and its descendants; of others `overmind ps` shows name, phase and activity",
    }),
  );
}

/** The same for what ends, signals or types into it: a session does that to its descendants alone. */
export function resolveForAction(store: Store, caller: Caller, reference: string): Result<SessionRecord> {
  const found = resolveSession(store, caller, reference);
  if (!found.ok || mayAct(store, caller, found.value)) return found;
  return failed(
    fault("not-permitted", `session ${found.value.name} is no descendant of this session`, {
      hint: "a session acts on its own descendants alone",
    }),
  );
}

function find(store: Store, caller: Caller, reference: string): Result<SessionRecord> {
  const exact = store
    .sessionsMatching(reference)
    .find((session) => session.name === reference || session.id === reference);
  if (exact !== undefined) return ok(exact);
  const all = store.sessions();
  const begun = all.filter((session) => session.id.startsWith(reference) || session.name.startsWith(reference));
  const living = begun.filter((session) => !hasEnded(session.observed.phase));
  const candidates = living.length > 0 ? living : begun;
  const [only, another] = candidates;
  if (only !== undefined && another === undefined) return ok(only);
  if (only !== undefined) {
    const names = candidates
      .slice(0, MOST_NAMED)
      .map((session) => (mayRead(store, caller, session) ? `${session.name} (${session.id})` : session.name));
    return failed(
      fault("ambiguous", `${reference} may be ${names.join(", ")}`, { hint: "write more of the name or id" }),
    );
  }
  const near = nearestWord(
    reference,
    all.map((session) => session.name),
  );
  return failed(
    fault("not-found", `there is no session ${reference}`, {
      hint: near === undefined ? "`overmind ps -a` lists all" : `did you mean ${near}? \`overmind ps -a\` lists all`,
    }),
  );
}

/** The sessions that a selection means and the caller may act on. A reference that means none is a fault; `all` may be none. */
export function resolveSelection(
  store: Store,
  caller: Caller,
  selection: SessionSelection,
): Result<readonly SessionRecord[]> {
  if ("references" in selection) {
    const chosen = new Map<string, SessionRecord>();
    for (const reference of selection.references) {
      const found = resolveForAction(store, caller, reference);
      if (!found.ok) return found;
      chosen.set(found.value.id, found.value);
    }
    return ok([...chosen.values()]);
  }
  const selector = parseLabelSelector("selector" in selection ? selection.selector : "");
  if (!selector.ok) return selector;
  return ok(store.sessions().filter((session) => selector.value(session.labels) && mayAct(store, caller, session)));
}
