/** What the handlers work with: ports and facts, put together by main.ts. */
import type { Settings } from "../../schemas/settings.ts";
import type { SessionRecord } from "../core/session.ts";
import type { Clock, Identities, Log } from "../ports/clock.ts";
import type { Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";
import type { ActivityTracker } from "../sessions/activity.ts";
import type { LogReaders } from "../sessions/log-readers.ts";
import type { Attachments } from "../sessions/screen-attachments.ts";
import type { Screens } from "../sessions/screens.ts";
import type { UsageSampler } from "./usage.ts";

export interface SupervisorIdentity {
  readonly version: string;
  readonly buildId: string;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly home: string;
  readonly endpoint: string;
}

/** What every session is given. */
export interface Injected {
  readonly sessionEndpoint: string;
  readonly binFolder: string;
  readonly pathDelimiter: string;
}

export interface HostState {
  readonly pid: number;
  readonly version: string;
  readonly hostId: string;
  readonly processes: number;
}

export interface Services {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly identities: Identities;
  readonly log: Log;
  readonly activity: ActivityTracker;
  readonly logReaders: LogReaders;
  readonly screens: Screens;
  readonly attachments: Attachments;
  readonly usage: UsageSampler;
  readonly identity: SupervisorIdentity;
  readonly injected: Injected;
  readonly settings: () => Settings;
  /** Why a new session of this priority could not start at once, or undefined. */
  readonly obstacleToStart: (priority: number) => Promise<string | undefined>;
  /** Reads the settings file anew; throws FaultError when it is wrong, and keeps what was. */
  readonly reloadSettings: () => Promise<void>;
  /** The process host that is connected now. */
  readonly host: () => HostState | undefined;
  readonly supervisorMemoryBytes: () => number;
  /** Ends the supervisor soon after the reply is out; sessions go on. */
  readonly stopSupervisor: () => void;
}

/** Who asked, in the words that a transition's reason uses. */
export function describeCaller(
  caller: { readonly kind: "person" } | { readonly kind: "session"; readonly session: { readonly name: string } },
): string {
  return caller.kind === "person" ? "the user" : `session ${caller.session.name}`;
}

export function named(session: SessionRecord): { readonly id: string; readonly name: string } {
  return { id: session.id, name: session.name };
}
