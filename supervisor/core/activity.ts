/** A raw command's activity: told from bytes that come and go, and from nothing else. */
import type { Activity } from "./session.ts";

/** Silence of this length is idle; shorter pauses are part of most programs' work. */
export const IDLE_AFTER_MS = 1500;

/**
 * `lastByteMs`: when a byte last went either way, ms since 1970; 0 when none ever did. A time to come (the wall clock
 * was set back) counts as now.
 */
export function rawActivity(lastByteMs: number, nowMs: number): Activity {
  return nowMs - lastByteMs < IDLE_AFTER_MS ? "working" : "idle";
}
