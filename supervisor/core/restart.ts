/** Whether and when a session that has ended by itself is started again, by its own rule. Pure, jitter included. */
import { formatDelay } from "../../schemas/duration.ts";
import type { SessionRecord } from "./session.ts";
import type { ObservedChange } from "./session-action.ts";

/** An attempt that ran for so long was healthy: what failed before it no longer counts. */
export const HEALTHY_AFTER_MS = 60_000;
/** However often it was doubled. */
export const LONGEST_BACKOFF_MS = 60_000;
/** Up to so much of a backoff is left out, so that sessions that fell together do not rise together. */
const JITTER_SHARE = 0.25;
/** 2 to this power times the shortest backoff is beyond LONGEST_BACKOFF_MS. */
const MOST_DOUBLINGS = 16;

export type RestartDecision =
  /** Its rule does not ask for it. */
  | { readonly type: "none" }
  /** Its rule would ask for it, but allows no more. */
  | { readonly type: "used-up"; readonly reason: string; readonly evidence: Readonly<Record<string, unknown>> }
  | {
      readonly type: "restart";
      readonly reason: string;
      readonly evidence: Readonly<Record<string, unknown>>;
      readonly set: ObservedChange;
    };

/** `failed` is what `on-failure` asks for; `how` begins the reason: "exited with code 1". */
export function decideRestart(
  session: SessionRecord,
  end: { readonly nowMs: number; readonly failed: boolean; readonly how: string },
): RestartDecision {
  const { restart: rule } = session.spec;
  const { nowMs, how } = end;
  if (rule.policy === "never" || (rule.policy === "on-failure" && !end.failed)) return { type: "none" };
  const healthy = ranForMs(session) >= HEALTHY_AFTER_MS;
  const counted = stillCounted(session, nowMs, healthy);
  if (counted.length >= rule.maxRestarts) {
    const since = rule.windowMs === undefined ? "since it was last healthy" : `in ${formatDelay(rule.windowMs)}`;
    return {
      type: "used-up",
      reason: `restarts used up: ${counted.length} ${since}, last ${how}`,
      evidence: { restarts: counted.length, maxRestarts: rule.maxRestarts },
    };
  }
  const step = healthy ? 0 : (session.observed.backoffStep ?? 0);
  const delayMs = backoffMs(session, step);
  const next = counted.length + 1;
  return {
    type: "restart",
    reason: `${how}; restart ${next} of ${rule.maxRestarts} ${delayMs === 0 ? "at once" : `in ${formatDelay(delayMs)}`}`,
    evidence: { restart: next, maxRestarts: rule.maxRestarts, delayMs },
    set: {
      restarts: session.observed.restarts + 1,
      countedRestarts: [...counted, nowMs],
      backoffStep: Math.min(MOST_DOUBLINGS, step + 1),
      nextStartAtMs: nowMs + delayMs,
    },
  };
}

/** How many of its restarts count against its bound now. */
export function countedRestarts(session: SessionRecord, nowMs: number): number {
  const running = session.observed.phase === "RUNNING" && session.observed.startedAtMs !== undefined;
  const healthy = running && nowMs - (session.observed.startedAtMs ?? nowMs) >= HEALTHY_AFTER_MS;
  return stillCounted(session, nowMs, healthy).length;
}

function stillCounted(session: SessionRecord, nowMs: number, healthy: boolean): readonly number[] {
  const { windowMs } = session.spec.restart;
  const counted = session.observed.countedRestarts ?? [];
  if (windowMs === undefined) return healthy ? [] : counted;
  // A clock that was set back has made times of the future: they count, and leave the window like any other.
  return counted.filter((atMs) => nowMs - atMs < windowMs);
}

function ranForMs({ observed }: SessionRecord): number {
  if (observed.startedAtMs === undefined || observed.endedAtMs === undefined) return 0;
  return observed.endedAtMs - observed.startedAtMs;
}

function backoffMs(session: SessionRecord, step: number): number {
  const longest = Math.min(LONGEST_BACKOFF_MS, session.spec.restart.backoffMs * 2 ** step);
  return Math.round(longest * (1 - JITTER_SHARE * share(`${session.id} ${session.observed.attempt}`)));
}

/** A number from 0 to 1 that looks random and is always the same for a text (FNV-1a): a plan that is made again says the same. */
function share(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  // The last characters differ most and are mixed least.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  return hash / 0x1_0000_0000;
}
