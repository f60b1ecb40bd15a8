/** Durations as people write and read them. No zod: the command line imports it. */
import { failed, fault, ok, type Result } from "./fault.ts";

const MS_PER_UNIT: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** The protocol's bound on a time in milliseconds: some thirty years. */
const LONGEST_MS = 1e12;

/** `500ms`, `10s`, `1.5m`, `2h`; a bare number is seconds. Milliseconds, whole. */
export function parseDuration(text: string): Result<number> {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  const unit = MS_PER_UNIT[match?.[2] ?? "s"];
  if (match?.[1] === undefined || unit === undefined) {
    return failed(
      fault("usage", `${JSON.stringify(text)} is no duration`, {
        hint: "write it as in 500ms, 10s, 5m or 2h; a bare number is seconds",
      }),
    );
  }
  const milliseconds = Math.round(Number(match[1]) * unit);
  if (milliseconds > LONGEST_MS) return failed(fault("usage", `${text} is too long: the longest is ${LONGEST_MS} ms`));
  return ok(milliseconds);
}

/** For times that people wait for: `800ms`, `3.2s`, else as formatDuration. */
export function formatDelay(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)}ms`;
  return milliseconds < 10_000 ? `${Number((milliseconds / 1000).toFixed(1))}s` : formatDuration(milliseconds);
}

/** The two largest units that matter: `0s`, `12s`, `5m12s`, `3h20m`, `2d4h`. Below a second it is `0s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return hours > 0 ? `${days}d${hours}h` : `${days}d`;
  if (hours > 0) return minutes > 0 ? `${hours}h${minutes}m` : `${hours}h`;
  if (minutes > 0) return seconds % 60 > 0 ? `${minutes}m${seconds % 60}s` : `${minutes}m`;
  return `${seconds}s`;
}
