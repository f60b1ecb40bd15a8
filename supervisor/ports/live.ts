/** What is known of a running session and in no record: told by sessions/, used by the weaver. */
import type { Activity } from "../core/session.ts";
import type { Disposable } from "./hive.ts";

export interface SessionActivity {
  /** Of a running session; a session that nobody has heard of yet is idle. */
  of(sessionId: string): Activity;
  /**
   * How long a running session has written nothing while its clock ran, ms: the clock stands while it waits for a
   * human, while an agent is idle after a turn, and while the machine sleeps. Undefined while the clock stands.
   */
  quietMs(sessionId: string): number | undefined;
  /** Hears of each change of activity. */
  onChange(listener: (sessionId: string, activity: Activity) => void): Disposable;
}

/** What a program has asked of its terminal, as far as typing into it goes. */
export interface TerminalModes {
  readonly bracketedPaste: boolean;
  /** Arrow keys are sent as SS3 sequences. */
  readonly applicationCursor: boolean;
}

export interface Terminals {
  /** Once the model has come to the present end of the stream, or has been waited for long enough. */
  modes(sessionId: string): Promise<TerminalModes>;
}

/** Who reads the log of a session now. */
export interface LogAudience {
  count(sessionId: string): number;
  /** Hears when the last of a session's readers is done. */
  onNone(listener: (sessionId: string) => void): Disposable;
}
