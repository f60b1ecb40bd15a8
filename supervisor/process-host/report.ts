/** What the host has to say to people, in its log (stderr). Rare by design, and bounded: nobody rotates this file. */
import { writeSync } from "node:fs";

/** One host may live for months; a fault that repeats must not fill the disk. */
const MAX_REPORT_BYTES = 1 << 20;
const STDERR = 2;

let reported = 0;

export function report(message: string): void {
  const line = `${new Date().toISOString()} ${message}\n`;
  reported += Buffer.byteLength(line);
  if (reported > MAX_REPORT_BYTES) return;
  try {
    writeSync(STDERR, line);
  } catch {
    // Nobody listens, or the log's disk is full: the processes matter more than what we have to say.
  }
}

/** With the stack of a defect; what the system refused is said by its message. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return errorCode(error) === undefined ? (error.stack ?? error.message) : error.message;
}

/** ENOSPC and the like, or undefined for an error that the system did not make. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === "string" ? code : undefined;
}
