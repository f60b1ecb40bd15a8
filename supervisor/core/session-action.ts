/** What a look at a session sees, and what may follow from it. */
import type { Fault } from "../../schemas/fault.ts";
import type { ExitPayload } from "../../schemas/segment.ts";
import type { Place } from "./admission.ts";
import type { Ending, Observed, Phase, ProcessIdentity, TreeMember } from "./session.ts";

/** What this tick saw. A `main` of another attempt is not reported here. */
export interface SessionFacts {
  readonly nowMs: number;
  /** The process host that answers now. */
  readonly hostId: string;
  /** The session's main process as that host knows it. */
  readonly main:
    | { readonly state: "unknown" }
    | { readonly state: "running"; readonly identity: ProcessIdentity; readonly startedAtMs: number }
    | {
        readonly state: "exited";
        readonly identity: ProcessIdentity;
        readonly startedAtMs: number;
        readonly exit: ExitPayload;
        readonly atMs: number;
      };
  /** Living members of the session's tree; undefined when they have not been looked for in this tick. */
  readonly tree: readonly TreeMember[] | undefined;
  /** Whether it may start now. Asked of a session that is in line or would come into it. */
  readonly place: Place;
  /** How long it has written nothing; undefined while that clock stands. */
  readonly quietMs: number | undefined;
  /** Who reads its log now. */
  readonly logReaders: number;
  /** Children that live or are still to be removed. */
  readonly busyChildren: number;
}

/** One step. The controller applies it and looks again; each may be repeated without harm. */
export type SessionAction =
  | {
      readonly type: "transition";
      readonly to: Phase;
      readonly reason: string;
      readonly evidence: Readonly<Record<string, unknown>>;
      readonly set: ObservedChange;
    }
  /** Observed fields alone, without a change of phase. */
  | { readonly type: "record"; readonly set: ObservedChange }
  | { readonly type: "prepare-workspace" }
  | { readonly type: "start-main"; readonly attempt: number }
  /** Look for the tree's living members and plan again. */
  | { readonly type: "look-for-tree" }
  | { readonly type: "signal-tree"; readonly signal: "SIGTERM" | "SIGKILL" }
  | { readonly type: "acknowledge-exit" }
  | { readonly type: "remove"; readonly force: boolean }
  /** Nothing to do before this time. */
  | { readonly type: "wait"; readonly untilMs: number }
  /** Nothing to do until something is told. */
  | { readonly type: "rest" };

type Nullable<T> = { readonly [K in keyof T]?: T[K] | null };

/** Observed fields that an action sets; null clears one. */
export type ObservedChange = Partial<Pick<Observed, "attempt" | "restarts">> &
  Nullable<
    Pick<
      Observed,
      | "countedRestarts"
      | "backoffStep"
      | "nextStartAtMs"
      | "queuedAtMs"
      | "waitsFor"
      | "loginPassed"
      | "hostId"
      | "main"
      | "startedAtMs"
      | "endedAtMs"
      | "exit"
    >
  > & { readonly ending?: Ending | null; readonly fault?: Fault | null };
