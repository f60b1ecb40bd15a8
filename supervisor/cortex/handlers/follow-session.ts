/**
 * What happens to one session: session/follow, session/unfollow. What the store keeps is read from it, from where the
 * reply's snapshot was taken on; activity is in no record and is put in its place between.
 */
import type { NotificationParams } from "../../../schemas/client-protocol.ts";
import { failed, ok } from "../../../schemas/fault.ts";
import { type Activity, type MessageState, mayStartAgain, type Phase } from "../../core/session.ts";
import type { Store, StoredEvent } from "../../ports/store.ts";
import type { ClientConnection, Handlers } from "../handler.ts";
import { createPump } from "../pump.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { iso, messageView } from "../session-view.ts";
import { tooMany } from "./log.ts";
import { viewOf } from "./views.ts";

/** Changes of one notification, and of one read of the store. */
const BATCH_CHANGES = 500;
/** Of a client that does not read the latest activities are enough. */
const MOST_ACTIVITIES = 100;

type Change = NotificationParams<"session/change">["changes"][number];

export function followSessionHandlers(services: Services): Pick<Handlers, "session/follow" | "session/unfollow"> {
  return {
    "session/follow": (params, { caller, connection, afterReply }) => {
      const found = resolveSession(services.store, caller, params.session);
      if (!found.ok) return found;
      const session = viewOf(services, found.value);
      const subscription = follow(services, connection, found.value.id, afterReply);
      return subscription === undefined ? failed(tooMany()) : ok({ subscription, session });
    },
    // Idempotent: its end may have crossed this on the way.
    "session/unfollow": (params, { connection }) => {
      connection.release(params.subscription);
      return ok({});
    },
  };
}

/** Happened when the event of this id was the last of all. */
interface SeenActivity {
  readonly behindEvent: number;
  readonly atMs: number;
  readonly activity: Activity;
}

/** Sends what happens from now on, in its order, as fast as the client reads it. */
function follow(
  services: Services,
  connection: ClientConnection,
  sessionId: string,
  afterReply: (run: () => void) => void,
): number | undefined {
  const { store, activity, clock, log } = services;
  let cursor = store.eventIdBeforeLast(0);
  let activities: SeenActivity[] = [];
  const pump = createPump(connection, log, "what happened to a session could not be sent to a follower", sendBatch);
  const held = [
    store.onChange((change) => {
      if (change.sessionId === sessionId || change.event?.sessionId === sessionId) pump.wake();
    }),
    activity.onChange((changed, now) => {
      if (changed !== sessionId) return;
      const seen = { behindEvent: store.eventIdBeforeLast(0), atMs: clock.now(), activity: now };
      activities = [...activities, seen].slice(-MOST_ACTIVITIES);
      pump.wake();
    }),
  ];
  const subscription = connection.hold({
    dispose() {
      pump.dispose();
      for (const one of held) one.dispose();
    },
  });
  if (subscription === undefined) return undefined;
  const id = subscription;
  afterReply(pump.begin);

  /** False when there is nothing more now. */
  function sendBatch(): boolean {
    const events = store.events({ afterId: cursor, limit: BATCH_CHANGES, sessionId });
    const isMore = events.length === BATCH_CHANGES;
    const changes = events.flatMap((event) => [...activitiesBefore(event.id), ...changeOf(store, event)]);
    cursor = events.at(-1)?.id ?? cursor;
    if (!isMore) changes.push(...activitiesBefore(Number.POSITIVE_INFINITY));
    const last = isMore || changes.some(({ type }) => type === "removed") ? [] : ending();
    const told = [...changes, ...last];
    if (told.length > 0) connection.notify("session/change", { subscription: id, changes: told });
    if (told.some(({ type }) => type === "end" || type === "removed")) connection.release(id);
    return isMore;
  }

  function activitiesBefore(eventId: number): Change[] {
    const before = activities.filter(({ behindEvent }) => behindEvent < eventId);
    activities = activities.slice(before.length);
    return before.map(({ atMs, activity: seen }) => ({ type: "activity", at: iso(atMs), activity: seen }));
  }

  /** Nothing when a further start is due. */
  function ending(): Change[] {
    const session = store.session(sessionId);
    if (session === undefined) return [{ type: "removed", at: iso(clock.now()) }];
    if (mayStartAgain(session)) return [];
    const { phase, exit, endedAtMs } = session.observed;
    return [{ type: "end", at: iso(endedAtMs ?? clock.now()), phase, exit: exit ?? null }];
  }

  return id;
}

/** Nothing for what followers are not told. */
function changeOf(store: Store, event: StoredEvent): Change[] {
  const at = iso(event.atMs);
  if (event.kind === "session.removed") return [{ type: "removed", at }];
  if (event.kind === "session.transition") {
    const { from, to, reason, attempt } = event.data as {
      readonly from: Phase | null;
      readonly to: Phase;
      readonly reason: string;
      readonly attempt: number;
    };
    return [{ type: "transition", at, from, to, attempt, reason }];
  }
  if (!event.kind.startsWith("message.")) return [];
  const message = store.message(String(event.data.message));
  if (message === undefined) return []; // Of the oldest no record is kept.
  // As it was then: it may have gone on since.
  const state = event.kind.slice("message.".length) as MessageState;
  return [{ type: "message", at, message: messageView({ ...message, state, reason: String(event.data.reason) }) }];
}
