import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { OUTPUT_CONTENT_TYPE } from "../../schemas/protocol-version.ts";
import { type Connection, connect } from "./connection.ts";
import { encodeMessage, MessageReader } from "./framing.ts";

interface Request {
  readonly id: number;
  readonly method: string;
  readonly params: Record<string, unknown>;
}

let folder: string;
let server: Server;
/** What the server says to each request, as bytes. */
let answer: (request: Request, socket: Socket) => string | Buffer;
const opened: Connection[] = [];
const endpoint = () => join(folder, "s.sock");

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-connection-"));
  answer = () => "";
  server = createServer((socket) => {
    const reader = new MessageReader();
    socket.on("error", () => {}); // The client may be gone first.
    socket.on("data", (chunk) => {
      reader.push(chunk);
      for (let next = reader.next(); next !== undefined; next = reader.next()) {
        const request = ("json" in next ? next.json : {}) as Request;
        socket.write(request.method === "hello" ? reply(request, HELLO) : answer(request, socket));
      }
    });
  });
  await new Promise<void>((listening) => server.listen(endpoint(), listening));
});

afterEach(async () => {
  for (const connection of opened.splice(0)) connection.close();
  await new Promise((closed) => server.close(closed));
  rmSync(folder, { recursive: true });
});

const HELLO = {
  protocol: 1,
  supervisor: { version: "1", buildId: "b", pid: 1 },
  hiveId: "h",
  capabilities: [],
  session: null,
};
const reply = ({ id }: Request, result: unknown) => encodeMessage({ jsonrpc: "2.0", id, result });
const open = async () => {
  const connection = await connect(endpoint(), { clientName: "test", token: "secret" });
  opened.push(connection);
  return connection;
};
const faultCode = (code: string) => expect.objectContaining({ fault: expect.objectContaining({ code }) });

test("a reply's subscription hears all that follows in the same breath, raw or in base64, in order", async () => {
  const connection = await open();
  answer = (request) => {
    const prefix = Buffer.alloc(16);
    prefix.writeUInt32LE(5, 0);
    prefix.writeUInt32LE(1, 4);
    const raw = Buffer.concat([prefix, Buffer.from("one")]);
    const base64 = { subscription: 5, attempt: 2, offset: 0, bytes: Buffer.from("two").toString("base64") };
    const end = { subscription: 5, reason: "end" };
    return Buffer.concat([
      Buffer.from(reply(request, { subscription: 5, session: { id: "i", name: "n" } })),
      Buffer.from(`Content-Length: ${raw.length}\r\nContent-Type: ${OUTPUT_CONTENT_TYPE}\r\n\r\n`),
      raw,
      Buffer.from(encodeMessage({ jsonrpc: "2.0", method: "from/the-future", params: {} })),
      Buffer.from(encodeMessage({ jsonrpc: "2.0", method: "log/data", params: base64 })),
      Buffer.from(encodeMessage({ jsonrpc: "2.0", method: "log/end", params: end })),
    ]);
  };
  const { subscription } = await connection.request("log/follow", {
    session: "n",
    from: { start: true },
    follow: true,
    creditBytes: 1,
  });
  const told: unknown[] = [];
  await new Promise<void>((done) => {
    connection.subscribe(subscription, {
      data: (attempt, offset, records) => told.push([attempt, offset, records.toString()]),
      end: (reason) => {
        told.push(reason);
        done();
      },
    });
  });
  expect(told).toEqual([[1, 0, "one"], [2, 0, "two"], "end"]);
});

test("a request throws the supervisor's own fault, and the connection goes on", async () => {
  const connection = await open();
  const fault = { code: "not-found", message: "no session x", retryable: false, hint: "look" };
  answer = (request) =>
    request.method === "session/get"
      ? encodeMessage({ jsonrpc: "2.0", id: request.id, error: { code: -32_000, message: "m", data: fault } })
      : reply(request, { text: "T" });
  await expect(connection.request("session/get", { session: "x" })).rejects.toMatchObject({ fault });
  expect(await connection.request("session/table", {})).toEqual({ text: "T" });
});

test("a reply that is followed by the end is still told; what was not answered is unconfirmed; later ones unreachable", async () => {
  const connection = await open();
  answer = (request, socket) => {
    if (request.method === "supervisor/stop") return "";
    socket.end(reply(request, { text: "last words" }));
    return "";
  };
  const stop = connection.request("supervisor/stop", {});
  const table = connection.request("session/table", {});
  await expect(stop).rejects.toEqual(faultCode("unconfirmed"));
  expect(await table).toEqual({ text: "last words" });
  await connection.lost;
  await expect(connection.request("session/table", {})).rejects.toEqual(faultCode("unreachable"));
});

test("garbage ends the connection", async () => {
  const connection = await open();
  answer = () => "HTTP/1.1 400 Bad Request\r\n\r\n";
  await expect(connection.request("session/table", {})).rejects.toEqual(faultCode("unconfirmed"));
  await connection.lost;
});

test("nobody there, and somebody who hangs up at once, are unreachable with what the system said", async () => {
  const absent = connect(join(folder, "absent.sock"), { clientName: "test" });
  await expect(absent).rejects.toMatchObject({ fault: { code: "unreachable", data: { systemCode: "ENOENT" } } });
  server.removeAllListeners("connection");
  server.on("connection", (socket) => socket.destroy());
  await expect(open()).rejects.toEqual(faultCode("unreachable"));
});
