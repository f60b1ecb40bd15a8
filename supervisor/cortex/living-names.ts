/** A name means one living session: who would take one that is taken is refused. */
import { type Fault, fault } from "../../schemas/fault.ts";
import { mayStartAgain, type SessionRecord } from "../core/session.ts";

/** Undefined when `name` is free among `sessions`, the one of id `ownId` apart. */
export function nameConflict(sessions: readonly SessionRecord[], name: string, ownId?: string): Fault | undefined {
  const isTaken = sessions.some((other) => other.name === name && other.id !== ownId && mayStartAgain(other));
  return isTaken ? nameTaken(name) : undefined;
}

export function nameTaken(name: string): Fault {
  return fault("conflict", `a living session is named ${name}`, {
    hint: `choose another name, or end it first: overmind stop ${name}`,
  });
}
