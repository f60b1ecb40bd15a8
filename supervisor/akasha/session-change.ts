/** What a write makes of a session: the record, the transition and the event. The same for every store. */
import { type Fault, fault } from "../../schemas/fault.ts";
import { applyObservedChange } from "../core/observed-change.ts";
import type { SessionRecord, Transition } from "../core/session.ts";
import type { NewTransition, SessionChange, StoredEvent } from "../ports/store.ts";

type UnsavedTransition = Omit<Transition, "id">;
type UnsavedEvent = Omit<StoredEvent, "id">;

export function changedSession(session: SessionRecord, change: SessionChange): SessionRecord {
  const { transition } = change;
  const observed = applyObservedChange(session.observed, change.observed ?? {});
  return {
    ...session,
    name: change.name ?? session.name,
    desired: change.desired ?? session.desired,
    workspace: change.workspace ?? session.workspace,
    observed: transition === undefined ? observed : { ...observed, phase: transition.to, reason: transition.reason },
    revision: session.revision + 1,
  };
}

export function firstTransition(session: SessionRecord, reason: string): UnsavedTransition {
  const { phase, attempt } = session.observed;
  return { sessionId: session.id, atMs: session.createdAtMs, from: null, to: phase, attempt, reason, evidence: {} };
}

export function transitionBetween(before: SessionRecord, after: SessionRecord, made: NewTransition): UnsavedTransition {
  return { sessionId: after.id, from: before.observed.phase, attempt: after.observed.attempt, ...made };
}

export function createdEvent(session: SessionRecord, reason: string): UnsavedEvent {
  const { agent } = session.spec;
  return sessionEvent(session, session.createdAtMs, "session.created", {
    reason,
    agent,
    project: session.workspace.project,
  });
}

export function transitionEvent(
  session: SessionRecord,
  { atMs, from, to, reason, attempt }: UnsavedTransition,
): UnsavedEvent {
  return sessionEvent(session, atMs, "session.transition", { from, to, reason, attempt });
}

/** Undefined when the name is as it was. */
export function renamedEvent(before: SessionRecord, after: SessionRecord, atMs: number): UnsavedEvent | undefined {
  if (before.name === after.name) return undefined;
  return sessionEvent(after, atMs, "session.renamed", { from: before.name, to: after.name });
}

export function removedEvent(session: SessionRecord, atMs: number, data: StoredEvent["data"]): UnsavedEvent {
  return sessionEvent(session, atMs, "session.removed", data);
}

export function sessionEvent(
  session: Pick<SessionRecord, "id" | "name" | "hiveId">,
  atMs: number,
  kind: string,
  data: StoredEvent["data"],
): UnsavedEvent {
  return { atMs, hiveId: session.hiveId, kind, sessionId: session.id, sessionName: session.name, data };
}

/** Somebody else wrote first: the writer's decision is on what no longer is. */
export function staleWrite(session: Pick<SessionRecord, "id" | "name">): Fault {
  return fault("conflict", `session ${session.name} has changed meanwhile`, {
    hint: "repeat the command",
    retryable: true,
    data: { session: session.id },
  });
}

export function sessionGone(id: string): Fault {
  return fault("conflict", `session ${id} has been removed meanwhile`, { data: { session: id } });
}

export function nameTaken(name: string): Fault {
  return fault("conflict", `a living session is named ${name}`, {
    hint: `choose another name, or end it first: overmind stop ${name}`,
  });
}
