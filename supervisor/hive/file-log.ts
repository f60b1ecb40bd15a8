/** The supervisor's own log: a JSON line an entry, appended to one file that is bounded by keeping one predecessor. */
import { appendFileSync, renameSync, statSync } from "node:fs";
import type { Log } from "../ports/clock.ts";

/** With its predecessor twice this: enough for weeks of transitions, small enough to attach to a report. */
const LOG_BYTES = 8 << 20;

const LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LEVELS)[number];

export function openFileLog(path: string, level: () => LogLevel): Log {
  let size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  function write(entryLevel: LogLevel, message: string, data: Readonly<Record<string, unknown>> | undefined): void {
    if (LEVELS.indexOf(entryLevel) < LEVELS.indexOf(level())) return;
    const line = `${JSON.stringify({ time: new Date().toISOString(), level: entryLevel, message, ...data })}\n`;
    try {
      if (size + line.length > LOG_BYTES) {
        renameSync(path, `${path}.1`);
        size = 0;
      }
      appendFileSync(path, line, { mode: 0o600 });
      size += line.length;
    } catch {
      // A full disk must not end the supervisor, and there is nowhere left to tell it.
    }
  }
  return {
    info: (message, data) => write("info", message, data),
    warn: (message, data) => write("warn", message, data),
    error: (message, data) => write("error", message, data),
  };
}
