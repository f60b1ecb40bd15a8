import type { Disposable } from "./hive.ts";

/** Wall time in milliseconds since 1970, and timers that a test can move. */
export interface Clock {
  now(): number;
  /** Milliseconds from some moment on; it never goes back, and stands while the machine sleeps where the system says so. */
  awakeMs(): number;
  after(delayMs: number, run: () => void): Disposable;
}

/** Random identities, given by the rim so that rules and tests can repeat. */
export interface Identities {
  /** Twelve characters of a-z and 2-7, the first a letter: a new session id. */
  sessionId(): string;
  /** 32 bytes as base64url: a session's token. */
  token(): string;
  /** A whole number from 0 to `below` - 1. */
  index(below: number): number;
}

/** What the rooms write for whoever runs the supervisor; never on the bytes' path. */
export interface Log {
  info(message: string, data?: Readonly<Record<string, unknown>>): void;
  warn(message: string, data?: Readonly<Record<string, unknown>>): void;
  error(message: string, data?: Readonly<Record<string, unknown>>): void;
}
