/**
 * Faults: every failure that Overmind expects, as a value. One list of codes for the protocols, the store and the
 * command line. No zod here: the command line's hot path imports this file.
 */

/** What kind of failure it is. The command line's exit code follows from it (EXIT_CODE_OF_FAULT). */
export type FaultCode =
  | "failed"
  | "usage"
  | "invalid-params"
  | "not-found"
  | "ambiguous"
  | "conflict"
  | "work-would-be-lost"
  | "not-permitted"
  | "unauthenticated"
  | "incompatible-version"
  | "unreachable"
  | "unconfirmed"
  | "timed-out"
  | "program-not-found"
  | "program-not-executable"
  | "folder-not-found"
  | "too-many-processes"
  | "not-a-repository"
  | "git-failed"
  | "store-unavailable"
  | "disk-full"
  | "host-unavailable"
  | "busy";

/** A failure as a value. `message` names the thing; `hint` says what to do next. */
export interface Fault {
  readonly code: FaultCode;
  readonly message: string;
  /** True when the same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;
  readonly hint?: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failed(fault: Fault): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault };
}

export interface FaultDetails {
  readonly hint?: string;
  readonly retryable?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
}

export function fault(code: FaultCode, message: string, details: FaultDetails = {}): Fault {
  return {
    code,
    message,
    retryable: details.retryable ?? false,
    ...(details.hint === undefined ? {} : { hint: details.hint }),
    ...(details.data === undefined ? {} : { data: details.data }),
  };
}

/**
 * Carries a Fault through code where every caller would only pass it on (the store, the client's connection). It is
 * caught at the fences: one for each request, tick and command.
 */
export class FaultError extends Error {
  readonly fault: Fault;
  constructor(value: Fault) {
    super(value.message);
    this.name = "FaultError";
    this.fault = value;
  }
}

/** Turns whatever a fence caught into a Fault. Anything but a FaultError is a bug and is said to be one. */
export function faultOf(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault;
  const message = error instanceof Error ? error.message : String(error);
  return fault("failed", `internal error: ${message}`, {
    hint: "this is a defect of Overmind: please report it with `overmind supervisor logs`",
  });
}

/** Exit codes of the commands, except `wait`, `exec` and `run --attach`, which pass on the session's own. */
export const EXIT_CODE_OF_FAULT: Readonly<Record<FaultCode, number>> = {
  failed: 1,
  usage: 2,
  "invalid-params": 2,
  "not-found": 3,
  ambiguous: 4,
  conflict: 4,
  "work-would-be-lost": 4,
  "not-permitted": 1,
  unauthenticated: 1,
  "incompatible-version": 5,
  unreachable: 5,
  unconfirmed: 6,
  "timed-out": 124,
  "program-not-found": 1,
  "program-not-executable": 1,
  "folder-not-found": 1,
  "too-many-processes": 1,
  "not-a-repository": 1,
  "git-failed": 1,
  "store-unavailable": 1,
  "disk-full": 1,
  "host-unavailable": 1,
  busy: 1,
};
