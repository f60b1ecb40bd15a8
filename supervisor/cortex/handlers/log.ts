/** Logs: log/follow, log/unfollow. Output goes from the stream to the client as it is. */
import type { Params } from "../../../schemas/client-protocol.ts";
import { failed, fault, ok } from "../../../schemas/fault.ts";
import { mayStartAgain, startedAttempt } from "../../core/session.ts";
import type { Store } from "../../ports/store.ts";
import { followLog } from "../../sessions/log-follow.ts";
import { readLogOnce } from "../../sessions/log-once.ts";
import type { FollowedSession, FollowedState, LogSink } from "../../sessions/log-reading.ts";
import type { ClientConnection, Handlers } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import { named, type Services } from "../services.ts";

type LogServices = Pick<Services, "store" | "hive" | "clock" | "log" | "logReaders">;

export function logHandlers(services: LogServices): Pick<Handlers, "log/follow" | "log/unfollow"> {
  return {
    "log/follow": (params, { caller, connection, afterReply }) => {
      const found = resolveSession(services.store, caller, params.session);
      if (!found.ok) return found;
      const subscription = subscribe(services, connection, found.value.id, params, afterReply);
      return subscription === undefined ? failed(tooMany()) : ok({ subscription, session: named(found.value) });
    },
    // Idempotent: its end may have crossed this on the way.
    "log/unfollow": (params, { connection }) => {
      connection.release(params.subscription);
      return ok({});
    },
  };
}

export function tooMany() {
  return fault("busy", "this connection holds too many subscriptions", {
    hint: "unfollow some, or open another connection",
  });
}

function subscribe(
  services: LogServices,
  connection: ClientConnection,
  sessionId: string,
  params: Params<"log/follow">,
  afterReply: (run: () => void) => void,
): number | undefined {
  const { store, hive, clock, log } = services;
  const request = {
    streams: hive.streams,
    clock,
    log,
    session: followedSession(store, sessionId),
    process: params.process ?? "main",
    from: params.from,
    creditBytes: params.creditBytes,
    sink: sinkOf(connection, () => subscription ?? 0),
  };
  const reading = params.follow ? followLog(request) : readLogOnce(request);
  const counted = services.logReaders.begin(sessionId);
  const subscription = connection.hold({
    credit: (bytes) => reading.credit(bytes),
    dispose() {
      reading.dispose();
      counted.dispose();
    },
  });
  if (subscription === undefined) counted.dispose();
  else afterReply(() => reading.begin());
  return subscription;
}

/** Its number is known once it is held, and nothing is sent before. */
function sinkOf(connection: ClientConnection, subscription: () => number): LogSink {
  return {
    data: (attempt, offset, bytes) => connection.sendOutput(subscription(), attempt, offset, bytes),
    dropped: (attempt, offset) => connection.notify("log/dropped", { subscription: subscription(), attempt, offset }),
    end(reason) {
      connection.notify("log/end", { subscription: subscription(), reason });
      connection.release(subscription());
    },
    get saturated() {
      return connection.saturated;
    },
    drained: () => connection.drained(),
  };
}

function followedSession(store: Store, id: string): FollowedSession {
  return {
    id,
    state: () => stateOf(store, id),
    onChange: (listener) => store.onChange((change) => void (change.sessionId === id && listener())),
  };
}

function stateOf(store: Store, id: string): FollowedState | undefined {
  const session = store.session(id);
  if (session === undefined) return undefined;
  const ended = !mayStartAgain(session);
  return {
    // Until its process runs there is no stream to follow.
    attempt: startedAttempt(session),
    ended,
    settled: !ended || store.unmarkedTransitions(id).length === 0,
    removing: session.desired.state === "removed" || (ended && session.spec.removeWhenEnded),
  };
}
