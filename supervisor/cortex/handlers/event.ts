/** What has happened: event/list, event/follow, event/unfollow. Events announce; the store keeps them. */
import { failed, ok, type Result } from "../../../schemas/fault.ts";
import type { StoredEvent } from "../../ports/store.ts";
import type { Caller, ClientConnection, Handlers } from "../handler.ts";
import { createPump } from "../pump.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { eventView } from "../session-view.ts";
import { tooMany } from "./log.ts";

/** Events of one reply; whoever wants more asks for those after the last. */
const MOST_LISTED = 10_000;
/** When nothing is said: what fits a few screens. */
const LISTED_BY_DEFAULT = 100;
/** Events of one notification, and of one read of the store. */
const BATCH_EVENTS = 500;

type EventServices = Pick<Services, "store" | "log">;

export function eventHandlers(
  services: EventServices,
): Pick<Handlers, "event/list" | "event/follow" | "event/unfollow"> {
  const { store } = services;
  return {
    "event/list": (params, { caller }) => {
      const sessionId = sessionOf(services, caller, params.session);
      if (!sessionId.ok) return sessionId;
      const { afterId, last } = params;
      const events =
        afterId === undefined
          ? lastEvents(services, sessionId.value, last ?? LISTED_BY_DEFAULT)
          : store.events({ afterId, limit: last ?? MOST_LISTED, ...filterOf(sessionId.value) });
      return ok({ events: events.map(eventView) });
    },
    "event/follow": (params, { caller, connection, afterReply }) => {
      const sessionId = sessionOf(services, caller, params.session);
      if (!sessionId.ok) return sessionId;
      const subscription = follow(services, connection, sessionId.value, params.afterId, afterReply);
      return subscription === undefined ? failed(tooMany()) : ok({ subscription });
    },
    // Idempotent: the client may say it twice.
    "event/unfollow": (params, { connection }) => {
      connection.release(params.subscription);
      return ok({});
    },
  };
}

/** Undefined: of all. A session's events stay when it is removed, and are then found by its id. */
function sessionOf(
  { store }: EventServices,
  caller: Caller,
  reference: string | undefined,
): Result<string | undefined> {
  if (reference === undefined) return ok(undefined);
  const found = resolveSession(store, caller, reference);
  if (found.ok) return ok(found.value.id);
  const removed = found.fault.code === "not-found" && store.events({ limit: 1, sessionId: reference }).length > 0;
  return removed ? ok(reference) : found;
}

function filterOf(sessionId: string | undefined): { readonly sessionId?: string } {
  return sessionId === undefined ? {} : { sessionId };
}

function lastEvents({ store }: EventServices, sessionId: string | undefined, count: number): readonly StoredEvent[] {
  if (count === 0) return [];
  if (sessionId === undefined) return store.events({ afterId: store.eventIdBeforeLast(count), limit: count });
  // The store counts back over all events; one session's are few enough to go through.
  let last: StoredEvent[] = [];
  for (;;) {
    const batch = store.events({ afterId: last.at(-1)?.id ?? 0, limit: MOST_LISTED, sessionId });
    if (batch.length === 0) return last;
    last = [...last, ...batch].slice(-count);
  }
}

/** Sends what comes after `afterId` (without it: what comes from now on), as fast as the client reads it. */
function follow(
  { store, log }: EventServices,
  connection: ClientConnection,
  sessionId: string | undefined,
  afterId: number | undefined,
  afterReply: (run: () => void) => void,
): number | undefined {
  let cursor = afterId ?? store.eventIdBeforeLast(0);
  const pump = createPump(connection, log, "events could not be sent to a follower", () => {
    const events = store.events({ afterId: cursor, limit: BATCH_EVENTS, ...filterOf(sessionId) });
    if (events.length === 0 || subscription === undefined) return false;
    connection.notify("event/new", { subscription, events: events.map(eventView) });
    cursor = events.at(-1)?.id ?? cursor;
    return true;
  });
  const changes = store.onChange(({ event }) => {
    if (event !== undefined && (sessionId === undefined || event.sessionId === sessionId)) pump.wake();
  });
  const subscription = connection.hold({
    dispose() {
      pump.dispose();
      changes.dispose();
    },
  });
  if (subscription !== undefined) afterReply(pump.begin);
  return subscription;
}
