/** From the text of flags to values. Each throws a usage fault (FaultError) that names the flag. */
import { parseDuration } from "../../schemas/duration.ts";
import { FaultError, fault } from "../../schemas/fault.ts";

export function usageError(message: string, hint?: string): FaultError {
  return new FaultError(fault("usage", message, hint === undefined ? {} : { hint }));
}

export function durationFlag(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  if (parsed.ok) return parsed.value;
  throw usageError(`--${name}: ${parsed.fault.message}`, parsed.fault.hint);
}

export function countFlag(name: string, text: string | undefined, most: number): number | undefined {
  return wholeNumberFlag(name, text, { least: 0, most });
}

export function wholeNumberFlag(
  name: string,
  text: string | undefined,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw usageError(`--${name} ${text}: a whole number from ${least} to ${most} is expected`);
}

/** A duration ago, or a time: ms since 1970. */
export function sinceFlag(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  const ago = parseDuration(text);
  if (ago.ok) return Math.max(0, nowMs - ago.value);
  // A date without a clock, or a time without a zone, is meant as local: Date.parse takes a bare date as UTC.
  const time = Date.parse(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00:00` : text);
  if (/^\d{4}-/.test(text) && Number.isFinite(time)) return Math.max(0, time);
  throw usageError(
    `--since ${text} is neither a duration nor a time`,
    "write 10m, 2h, 2026-01-31 or 2026-01-31T12:00:00Z",
  );
}

export function patternFlag(name: string, text: string | undefined): RegExp | undefined {
  if (text === undefined) return undefined;
  try {
    return new RegExp(text, "u");
  } catch {
    return looserPattern(name, text);
  }
}

/** Patterns that `u` refuses, such as `\-`, mean what people think without it. */
function looserPattern(name: string, text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw usageError(
      `--${name}: ${error instanceof Error ? error.message : String(error)}`,
      "it is a JavaScript regular expression",
    );
  }
}

/** `K=V` pairs into a record; a later one wins. */
export function pairsFlag(name: string, pairs: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw usageError(`--${name} ${pair}: it is written ${name === "label" ? "K=V" : "NAME=VALUE"}`);
    values[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return values;
}
