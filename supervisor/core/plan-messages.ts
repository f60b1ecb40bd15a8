/**
 * What to do next about the messages of one session: a pure function of the records and of what was just seen. Each is
 * typed once while its process host lives; after the host's death a message that was under way is `unconfirmed`.
 */
import { IDLE_AFTER_MS } from "./activity.ts";
import { type Activity, hasEnded, type MessageRecord, type SessionRecord } from "./session.ts";

/** A raw program that never falls silent gets its message after so long: by then it is its way to be. */
export const RAW_PATIENCE_MS = 10_000;

export interface MessageFacts {
  readonly nowMs: number;
  /** The process host that answers now. */
  readonly hostId: string;
  readonly activity: Activity;
  /** The session's main process of the attempt that is asked about, as that host knows it. */
  readonly main:
    | { readonly state: "unknown" }
    | { readonly state: "running"; readonly startedAtMs: number; readonly lastOutputMs: number }
    | { readonly state: "exited" };
  /** The last message that was typed in its turn, without `now`: those that stood behind it then go out with it. */
  readonly lastInTurn: Pick<MessageRecord, "attempt" | "deliveredAtMs"> | undefined;
  /**
   * What the host answered before `main` was seen: of this message nothing was typed. `gone`: because the process is not
   * there or takes nothing; else because of the message itself.
   */
  readonly refused: { readonly messageId: string; readonly gone: boolean; readonly why: string } | undefined;
}

/** One step. The controller applies it and looks again; each may be repeated without harm. */
export type MessageAction =
  /** Record that it is handed to this host, before it is. */
  | {
      readonly type: "begin";
      readonly message: MessageRecord;
      readonly attempt: number;
      readonly hostId: string;
    }
  /** Hand it over, for the first time or again: the host types it once. */
  | { readonly type: "deliver"; readonly message: MessageRecord }
  | {
      readonly type: "settle";
      readonly message: MessageRecord;
      readonly state: "queued" | "failed" | "unconfirmed";
      readonly reason: string;
    }
  /** It is asked again after a while. */
  | { readonly type: "retry"; readonly why: string }
  /** Nothing to do before this time. */
  | { readonly type: "wait"; readonly untilMs: number }
  /** Nothing to do until something is told. */
  | { readonly type: "rest" };

const REST: MessageAction = { type: "rest" };

/** `messages`: those to which something still happens, in order of arrival. `session`: undefined once it is removed. */
export function planMessages(
  session: SessionRecord | undefined,
  messages: readonly MessageRecord[],
  facts: MessageFacts,
): MessageAction {
  const delivering = messages.find(({ state }) => state === "delivering");
  if (delivering !== undefined) return planDelivering(session, delivering, facts);
  const message = nextInLine(messages);
  if (message === undefined) return REST;
  if (session === undefined || startsNoMore(session)) {
    return { type: "settle", message, state: "failed", reason: endedReason(session) };
  }
  if (!takesMessages(session, facts)) return REST;
  const dueAtMs = dueTime(message, session, facts);
  if (dueAtMs === undefined) return REST;
  if (dueAtMs > facts.nowMs) return { type: "wait", untilMs: dueAtMs };
  return { type: "begin", message, attempt: session.observed.attempt, hostId: facts.hostId };
}

/** Those with `now` go first, among themselves in order; the others wait in order of arrival. */
function nextInLine(messages: readonly MessageRecord[]): MessageRecord | undefined {
  return messages.find(({ now }) => now) ?? messages[0];
}

/** It has ended and no start is asked for: what is queued for it will never be typed. */
export function startsNoMore({ desired, observed }: SessionRecord): boolean {
  if (!hasEnded(observed.phase)) return false;
  return !(desired.state === "running" && desired.restart?.afterAttempt === observed.attempt);
}

/** The message was under way when somebody last looked, perhaps a supervisor that died since. */
function planDelivering(
  session: SessionRecord | undefined,
  message: MessageRecord,
  facts: MessageFacts,
): MessageAction {
  if (facts.hostId !== message.hostId) {
    const reason = "its process host died while it was typed: it may have arrived, in part or whole";
    return { type: "settle", message, state: "unconfirmed", reason };
  }
  const { refused, main } = facts;
  if (refused?.messageId !== message.id) return { type: "deliver", message };
  // A pipe can be closed while its program runs on, and never takes anything again.
  const isClosed = main.state === "running" && session?.spec.stdio === "pipes";
  if (!refused.gone || isClosed) return { type: "settle", message, state: "failed", reason: refused.why };
  // Of a terminal it is the first sign of its program's end, which is told soon.
  if (main.state === "running") return { type: "retry", why: refused.why };
  if (session === undefined || startsNoMore(session)) {
    return { type: "settle", message, state: "failed", reason: endedReason(session) };
  }
  return { type: "settle", message, state: "queued", reason: "its process ended before it was typed" };
}

function endedReason(session: SessionRecord | undefined): string {
  if (session === undefined) return "the session was removed";
  return `the session has ended: ${session.observed.phase}, ${session.observed.reason}`;
}

/** Its process runs, as recorded and as seen, and is meant to go on. */
function takesMessages({ observed, desired }: SessionRecord, facts: MessageFacts): boolean {
  const goesOn = desired.state === "running" && desired.restart?.afterAttempt !== observed.attempt;
  return observed.phase === "RUNNING" && goesOn && facts.main.state === "running";
}

/** When the message may be typed; undefined: once something is told. */
function dueTime(message: MessageRecord, session: SessionRecord, facts: MessageFacts): number | undefined {
  if (message.now || isBehindBegun(message, session, facts)) return facts.nowMs;
  if (facts.activity === "waiting" || facts.main.state !== "running") return undefined;
  const { startedAtMs, lastOutputMs } = facts.main;
  const queuedAtMs = Math.max(message.createdAtMs, startedAtMs);
  // The wall clock was set back: how long it has waited is not known, and it must not wait for ever.
  const patienceEndsMs = queuedAtMs > facts.nowMs ? facts.nowMs : queuedAtMs + RAW_PATIENCE_MS;
  if (facts.activity === "working") return patienceEndsMs;
  // A program that has just started is not idle because it is silent yet, and a new supervisor may not have heard of
  // what it wrote last.
  const idleAtMs = Math.min(facts.nowMs, Math.max(startedAtMs, lastOutputMs)) + IDLE_AFTER_MS;
  return Math.min(idleAtMs, patienceEndsMs);
}

/** It stood behind one that was typed: a queue that has begun goes out whole, whatever the program makes of the first. */
function isBehindBegun(
  { createdAtMs }: MessageRecord,
  { observed }: SessionRecord,
  { lastInTurn }: MessageFacts,
): boolean {
  return lastInTurn?.attempt === observed.attempt && (lastInTurn.deliveredAtMs ?? 0) >= createdAtMs;
}

/** Why a queued message is not typed yet, for people. */
export function whyQueued(session: SessionRecord, activity: Activity, message: Pick<MessageRecord, "now">): string {
  const { phase } = session.observed;
  if (phase !== "RUNNING") return `it waits until ${session.name} runs, which is ${phase}`;
  if (message.now) return "it waits for its turn";
  if (activity === "waiting") return `it waits until ${session.name} is idle, which waits for somebody`;
  return `it waits until ${session.name} is idle`;
}
