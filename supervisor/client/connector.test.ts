import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Connection } from "./connection.ts";
import { connector } from "./connector.ts";
import { encodeMessage, MessageReader } from "./framing.ts";

let folder: string;
let endpoint: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "om-connector-"));
  endpoint = join(folder, "session.sock");
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Answers hello with what it was asked, and everything else by hanging up. */
async function listen() {
  const hellos: unknown[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const reader = new MessageReader();
    sockets.add(socket.on("error", () => {})); // The client may be gone first.
    socket.on("data", (chunk) => {
      reader.push(chunk);
      const told = reader.next();
      const { id, params } = (told !== undefined && "json" in told ? told.json : {}) as { id: number; params: unknown };
      hellos.push(params);
      const supervisor = { version: "1", buildId: "b", pid: 1 };
      socket.write(encodeMessage({ jsonrpc: "2.0", id, result: { protocol: 1, supervisor } }));
    });
  });
  await new Promise<void>((listening) => server.listen(endpoint, listening));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  };
  return { hellos, close };
}

test("inside a session: with its token, starting nothing, and again when the connection is lost", async () => {
  const environment = { OVERMIND_ENDPOINT: endpoint, OVERMIND_TOKEN: "secret", XDG_STATE_HOME: folder };
  const open = connector({ clientName: "test", environment });
  await expect(open()).rejects.toMatchObject({
    fault: { code: "unreachable", message: expect.stringContaining("above this session"), hint: expect.any(String) },
  });
  const first = await listen();
  const connection: Connection = await open();
  expect(first.hellos).toMatchObject([{ token: "secret", client: { name: "test" } }]);
  await first.close();
  await connection.lost;
  const waiting = open();
  const second = await listen();
  (await waiting).close();
  expect(second.hellos).toMatchObject([{ token: "secret" }]);
  await second.close();
});
