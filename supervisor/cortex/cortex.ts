/**
 * Cortex: the one API. It parses what clients ask, once, says who may ask it, hands it to a handler and writes the answer.
 * Handlers record what is wanted; it never starts, ends or signals a process itself, never listens on a network, and
 * knows hive and store as ports alone. main.ts imports it.
 */
import type { Disposable } from "../ports/hive.ts";
import { type DispatchParts, type ServedClient, serveClient } from "./dispatch.ts";
import type { Handlers } from "./handler.ts";
import type { Door } from "./hello.ts";
import { listenOn, type SocketServer } from "./transport/socket-server.ts";

export interface CortexParts {
  readonly services: DispatchParts["services"];
  readonly handlers: Handlers;
  /** Paths of sockets, or names of pipes on Windows. */
  readonly endpoints: Readonly<Record<Door, string>>;
}

export interface Cortex {
  /** Closes every connection and takes no more. Subscriptions and waiting requests end with them. */
  close(): Promise<void>;
}

/** Listens on both sockets; the caller holds this home's lock. Rejects with a FaultError when it cannot. */
export async function startCortex(parts: CortexParts): Promise<Cortex> {
  const { services, handlers, endpoints } = parts;
  const clients = new Set<ServedClient>();
  const serve = (door: Door): Promise<SocketServer> =>
    listenOn(
      endpoints[door],
      (socket) => {
        const client = serveClient(socket, { services, handlers, door });
        clients.add(client);
        socket.on("close", () => clients.delete(client));
      },
      services.log,
    );
  const main = await serve("main");
  let session: SocketServer;
  try {
    session = await serve("session");
  } catch (error) {
    await main.close();
    throw error;
  }
  const removals = endClientsOfRemovedSessions(services, clients);
  return {
    async close() {
      removals.dispose();
      await Promise.all([main.close(), session.close()]);
    },
  };
}

/** A token is worth as much as its session: what was let in with it goes when the session is removed. */
function endClientsOfRemovedSessions(
  { store }: DispatchParts["services"],
  clients: ReadonlySet<ServedClient>,
): Disposable {
  return store.onChange(({ sessionId }) => {
    if (sessionId === undefined || store.session(sessionId) !== undefined) return;
    for (const client of clients) {
      if (client.caller?.kind === "session" && client.caller.session.id === sessionId) client.end();
    }
  });
}
