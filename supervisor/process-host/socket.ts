/** The host's socket: for this user alone, and this host's alone. */
import { chmodSync, existsSync, unlinkSync } from "node:fs";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { errorCode } from "./report.ts";

/** The controller, its successor, and strangers until their hello times out. */
const MAX_CONNECTIONS = 32;

/** Listens on `path`, in place of a socket that nobody answers on. Rejects when another host does. */
export async function listen(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  try {
    return await listenOnce(path, onConnection);
  } catch (error) {
    if (errorCode(error) !== "EADDRINUSE") throw error;
    if (await answers(path)) throw new Error(`another process host answers on ${path}`);
    unlinkSync(path);
    return listenOnce(path, onConnection);
  }
}

export function isMissing(path: string): boolean {
  return process.platform !== "win32" && !existsSync(path);
}

function listenOnce(path: string, onConnection: (socket: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer(onConnection);
    server.maxConnections = MAX_CONNECTIONS;
    server.once("error", reject);
    // The socket is made within this call: there is no moment in which others could open it. What we start later gets
    // the umask that we were started with.
    const before = process.umask(0o077);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        if (process.platform !== "win32") chmodSync(path, 0o600);
        resolve(server);
      });
    } finally {
      process.umask(before);
    }
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
