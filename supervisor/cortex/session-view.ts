/** The one file that turns records of the core into the shapes that clients see (schemas/session-view.ts). */
import type { EventView, MessageView, SessionView, TransitionView } from "../../schemas/session-view.ts";
import { countedRestarts } from "../core/restart.ts";
import {
  type Activity,
  hasEnded,
  type MessageRecord,
  type SessionRecord,
  type SessionSpec,
  type Transition,
  type TreeUsage,
} from "../core/session.ts";
import type { StoredEvent } from "../ports/store.ts";

/** Facts that are in no record. */
export interface LiveFacts {
  readonly nowMs: number;
  readonly activity: Activity | undefined;
  readonly usage: TreeUsage | undefined;
  /** Messages to which something still happens. */
  readonly queuedMessages: number;
  /** People attached to its terminal. */
  readonly attached: number;
}

/** What a view shows beside its record. */
interface Shown {
  readonly activity: Activity | null;
  /** Restarts that count now. */
  readonly counted: number;
  readonly usage: TreeUsage | undefined;
  readonly queuedMessages: number;
  readonly attached: number;
}

/** The last view of each record: a record never changes, and a list of two hundred is asked for again and again. */
const made = new WeakMap<SessionRecord, { readonly shown: Shown; readonly view: SessionView }>();

export function sessionView(session: SessionRecord, live: LiveFacts): SessionView {
  const running = session.observed.phase === "RUNNING";
  const shown: Shown = {
    activity: running ? (live.activity ?? null) : null,
    counted: countedRestarts(session, live.nowMs),
    usage: running ? live.usage : undefined,
    queuedMessages: live.queuedMessages,
    attached: live.attached,
  };
  const last = made.get(session);
  if (last !== undefined && isSame(last.shown, shown)) return last.view;
  const view = makeView(session, shown);
  made.set(session, { shown, view });
  return view;
}

function isSame(a: Shown, b: Shown): boolean {
  return (
    a.activity === b.activity &&
    a.counted === b.counted &&
    a.usage === b.usage &&
    a.queuedMessages === b.queuedMessages &&
    a.attached === b.attached
  );
}

function makeView(session: SessionRecord, live: Shown): SessionView {
  const { spec, observed, workspace } = session;
  return {
    id: session.id,
    name: session.name,
    phase: observed.phase,
    activity: live.activity,
    reason: observed.reason,
    agent: spec.agent,
    argv: [...spec.argv],
    project: workspace.project,
    colony: session.colony,
    labels: { ...session.labels },
    parentId: session.parentId ?? null,
    hiveId: session.hiveId,
    attempt: observed.attempt,
    restarts: observed.restarts,
    restart: restartView(session, live.counted),
    nextStartAt: isoOrNull(observed.phase === "BACKOFF" ? observed.nextStartAtMs : undefined),
    activityTimeoutMs: spec.activityTimeoutMs ?? null,
    priority: spec.priority,
    queuedMessages: live.queuedMessages,
    attached: live.attached,
    // Of a process that has ended the number may be another's by now.
    pid: observed.exit === undefined && !hasEnded(observed.phase) ? (observed.main?.pid ?? null) : null,
    createdAt: iso(session.createdAtMs),
    startedAt: isoOrNull(observed.startedAtMs),
    endedAt: isoOrNull(observed.endedAtMs),
    exit: observed.exit === undefined ? null : { code: observed.exit.code, signal: observed.exit.signal },
    workspace: {
      kind: workspace.kind,
      path: workspace.path,
      cwd: workspace.cwd,
      branch: workspace.branch,
      base: workspace.base,
    },
    environmentNames: environmentNames(spec),
    usage: live.usage === undefined ? null : usageView(live.usage),
  };
}

function restartView({ spec }: SessionRecord, counted: number): SessionView["restart"] {
  const { policy, maxRestarts, windowMs, backoffMs } = spec.restart;
  return { policy, maxRestarts, windowMs: windowMs ?? null, backoffMs, counted };
}

/** A session's environment never changes, and a list of two hundred sessions would sort it each time. */
const knownNames = new WeakMap<SessionSpec, string[]>();

function environmentNames(spec: SessionSpec): string[] {
  const known = knownNames.get(spec) ?? Object.keys(spec.environment).sort();
  knownNames.set(spec, known);
  return known;
}

function usageView(usage: TreeUsage): NonNullable<SessionView["usage"]> {
  return {
    cpu: usage.cpu,
    memoryBytes: usage.memoryBytes,
    processes: usage.processes,
    readBytesPerSecond: usage.readBytesPerSecond ?? null,
    writtenBytesPerSecond: usage.writtenBytesPerSecond ?? null,
    sampledAt: iso(usage.atMs),
  };
}

export function messageView(message: MessageRecord): MessageView {
  const isTyped = message.state !== "queued" && message.state !== "failed";
  return {
    id: message.id,
    sessionId: message.sessionId,
    createdAt: iso(message.createdAtMs),
    by: message.by,
    text: message.text,
    keys: [...message.keys],
    state: message.state,
    reason: message.reason,
    attempt: isTyped ? (message.attempt ?? null) : null,
    deliveredAt: isoOrNull(message.deliveredAtMs),
  };
}

export function transitionView(transition: Transition): TransitionView {
  return {
    id: transition.id,
    at: iso(transition.atMs),
    from: transition.from,
    to: transition.to,
    attempt: transition.attempt,
    reason: transition.reason,
    evidence: { ...transition.evidence },
  };
}

export function eventView(event: StoredEvent): EventView {
  return {
    id: event.id,
    at: iso(event.atMs),
    hiveId: event.hiveId,
    kind: event.kind,
    sessionId: event.sessionId ?? null,
    sessionName: event.sessionName ?? null,
    data: { ...event.data },
  };
}

export function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function isoOrNull(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : iso(timeMs);
}
