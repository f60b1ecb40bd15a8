/** Listens on a socket that only this user can reach: a file of mode 0600 in a folder of mode 0700, or a named pipe. */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { FaultError, fault } from "../../../schemas/fault.ts";
import type { Log } from "../../ports/clock.ts";

/** Clients at once on one socket: every session of a large hive and its helpers, and far fewer than files may be open. */
const MAX_CONNECTIONS = 1024;
const FOLDER_MODE = 0o700;
const SOCKET_MODE = 0o600;
const ACCESSIBLE_TO_OTHERS = 0o077;
/** The shortest sockaddr_un (macOS) less its NUL. Node cuts a longer path off silently and listens elsewhere. */
const LONGEST_SOCKET_PATH = 103;
const NAMED_PIPE = "\\\\.\\pipe\\";

export interface SocketServer {
  /** Takes no more connections and closes those that are open; resolves when the socket is gone. */
  close(): Promise<void>;
}

/**
 * A socket file that is there already was left by a supervisor that died: the caller holds the lock of this home, so
 * nobody listens on it. Throws FaultError when the place is not this user's alone.
 */
export async function listenOn(
  endpoint: string,
  onConnection: (socket: Socket) => void,
  log: Log,
): Promise<SocketServer> {
  const isPipe = endpoint.startsWith(NAMED_PIPE);
  if (!isPipe) {
    if (Buffer.byteLength(endpoint) > LONGEST_SOCKET_PATH)
      throw cannotListen(endpoint, "the path is too long for a socket");
    claimFolder(dirname(endpoint));
    removeStaleSocket(endpoint);
  }
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    // A client that goes away while it is written to is no fault of ours; the close that follows is what counts.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    onConnection(socket);
  });
  server.maxConnections = MAX_CONNECTIONS;
  let dropping = false;
  server.on("connection", () => {
    dropping = false;
  });
  server.on("drop", () => {
    if (!dropping) log.warn("a client was turned away: too many are connected", { endpoint, most: MAX_CONNECTIONS });
    dropping = true;
  });
  await listening(server, endpoint);
  server.on("error", (error) => log.error("a socket can take no client", { endpoint, reason: error.message }));
  if (!isPipe) chmodSync(endpoint, SOCKET_MODE);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

function claimFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const found = lstatSync(folder);
  const mine = process.getuid === undefined || found.uid === process.getuid();
  if (!found.isDirectory() || !mine) {
    const what = found.isDirectory() ? "belongs to another user" : "is no folder";
    throw new FaultError(
      fault("not-permitted", `the sockets' folder ${folder} ${what}`, {
        hint: "remove it, or set OVERMIND_HOME to a short path of your own",
      }),
    );
  }
  if ((found.mode & ACCESSIBLE_TO_OTHERS) !== 0) chmodSync(folder, FOLDER_MODE);
}

function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new FaultError(
      fault("conflict", `${path} is there and is no socket`, { hint: "move it away: the supervisor listens there" }),
    );
  }
  unlinkSync(path);
}

function listening(server: Server, endpoint: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error) => reject(cannotListen(endpoint, error.message));
    server.once("error", refuse);
    server.listen(endpoint, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

function cannotListen(endpoint: string, why: string): FaultError {
  return new FaultError(
    fault("failed", `the supervisor cannot listen on ${endpoint}: ${why}`, {
      hint: "a shorter OVERMIND_HOME may help; `overmind doctor` looks at the place",
    }),
  );
}
