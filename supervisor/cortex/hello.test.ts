import { afterEach, beforeEach, expect, test } from "vitest";
import { failed, fault, ok } from "../../schemas/fault.ts";
import { FAULT_ERROR_CODE, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { frame, HELLO, WireClient } from "../../test/harness/wire-client.ts";
import type { Caller } from "./handler.ts";
import { type ServedCortex, serveCortex } from "./served-cortex.fake.ts";

let served: ServedCortex;
let callers: Caller[];
let clients: WireClient[];

beforeEach(async () => {
  callers = [];
  clients = [];
  served = await serveCortex({
    "session/list": (_params, { caller }) => {
      callers.push(caller);
      return ok({ sessions: [], others: [] });
    },
    "supervisor/status": () => failed(fault("busy", "not now", { retryable: true, hint: "later" })),
  });
});
afterEach(async () => {
  for (const client of clients) await client.close();
  await served.close();
});

async function connect(endpoint = served.main): Promise<WireClient> {
  const client = await WireClient.connect(endpoint);
  clients.push(client);
  return client;
}
const request = (id: number, method: string, params: unknown = {}) => frame({ jsonrpc: "2.0", id, method, params });

test("hello and the first request go in one write", async () => {
  const client = await connect();
  client.write(Buffer.concat([request(1, "hello", HELLO), request(2, "session/list")]));
  expect(await client.next()).toMatchObject({
    id: 1,
    result: {
      protocol: PROTOCOL_VERSION,
      supervisor: { version: "9.9.9", buildId: "build", pid: 1 },
      hiveId: served.store.hiveId,
      capabilities: ["binary-output"],
      session: null,
    },
  });
  expect(await client.next()).toEqual({ jsonrpc: "2.0", id: 2, result: { sessions: [], others: [] } });
  expect(callers).toEqual([{ kind: "person" }]);
});

test("a request before hello is refused, and so is all that follows", async () => {
  const client = await connect();
  client.write(Buffer.concat([request(1, "session/list"), request(2, "hello", HELLO), request(3, "session/list")]));
  await client.closed;
  expect(client.inbox).toMatchObject([{ id: 1, error: { code: -32600, message: expect.stringContaining("hello") } }]);
  expect(callers).toEqual([]);
});

test("a notification before hello is refused too", async () => {
  const client = await connect();
  client.notify("log/credit", { subscription: 1, bytes: 1 });
  await client.closed;
  expect(client.inbox).toMatchObject([{ id: null, error: { code: -32600 } }]);
});

test("hello is said once", async () => {
  const client = await connect();
  await client.must("hello", HELLO);
  expect(await client.request("hello", HELLO)).toMatchObject({ error: { code: -32600 } });
  expect(await client.request("session/list")).toMatchObject({ result: { sessions: [] } });
});

test.each([
  [{ protocol: 0, oldest: 0 }, "client is too old", "update this client"],
  [{ protocol: PROTOCOL_VERSION + 5, oldest: PROTOCOL_VERSION + 1 }, "supervisor is too old", "supervisor restart"],
])("a client of versions %j is told which of the two is too old, and let go", async (versions, said, hint) => {
  const client = await connect();
  // Whatever else such a client says, and however it says it.
  client.ask("hello", { ...versions, who: "somebody from another age" });
  await client.closed;
  expect(client.inbox).toMatchObject([
    {
      error: {
        code: FAULT_ERROR_CODE,
        message: expect.stringContaining(said),
        data: { code: "incompatible-version", hint: expect.stringContaining(hint) },
      },
    },
  ]);
  expect(client.inbox[0]?.error?.message).toMatch(/9\.9\.9.*1 to 1/);
});

test("a newer client that still speaks this version is served in it", async () => {
  const client = await connect();
  expect(await client.must("hello", { ...HELLO, protocol: PROTOCOL_VERSION + 3 })).toMatchObject({
    protocol: PROTOCOL_VERSION,
  });
});

test("a hello that is none names what is wrong and is let go", async () => {
  const client = await connect();
  client.ask("hello", { ...HELLO, client: { name: 7, version: "x" } });
  await client.closed;
  expect(client.inbox).toMatchObject([
    { error: { code: -32602, message: expect.stringContaining("client.name"), data: { code: "invalid-params" } } },
  ]);
});

test("whoever says nothing is let go after ten seconds, whoever said hello is not", async () => {
  const silent = await connect();
  const greeted = await connect();
  await greeted.must("hello", HELLO);
  served.clock.advance(9_999);
  expect(await greeted.request("session/list")).toMatchObject({ result: {} });
  expect(silent.inbox).toEqual([]);
  served.clock.advance(1);
  await silent.closed;
  expect(silent.inbox).toMatchObject([{ id: null, error: { message: expect.stringContaining("hello") } }]);
  served.clock.advance(60_000);
  expect(await greeted.request("session/list")).toMatchObject({ result: {} });
  expect(served.clock.nextTimerMs()).toBeUndefined();
});

test("a first message that is longer than any hello is not read", async () => {
  const client = await connect();
  client.write("Content-Length: 20000\r\n\r\n");
  await client.closed;
  expect(client.inbox).toMatchObject([{ id: null, error: { code: -32600 } }]);
});

test("a fault of a handler is an error with the fault as its data", async () => {
  const client = await connect();
  await client.must("hello", HELLO);
  expect(await client.request("supervisor/status")).toMatchObject({
    error: {
      code: FAULT_ERROR_CODE,
      message: "not now",
      data: { code: "busy", message: "not now", retryable: true, hint: "later" },
    },
  });
});

test("on the session socket the token says whose session it is, and narrows what may be asked", async () => {
  const { id } = served.store.createSession(sessionRecord({ id: "inside", name: "calm-otter" }), "test");
  const client = await connect(served.session);
  expect(await client.must("hello", { ...HELLO, token: "token-of-inside" })).toMatchObject({
    session: { id, name: "calm-otter" },
  });
  await client.must("session/list");
  expect(callers).toEqual([{ kind: "session", session: { id, name: "calm-otter" } }]);
  for (const method of ["supervisor/status", "session/input", "session/remove", "settings/reload"]) {
    expect(await client.request(method, {})).toMatchObject({
      error: { code: FAULT_ERROR_CODE, data: { code: "not-permitted" } },
    });
  }
});

test.each([["wrong"], [""], [undefined]])("the session socket lets nobody in with the token %j", async (token) => {
  served.store.createSession(sessionRecord({ id: "inside" }), "test");
  const client = await connect(served.session);
  client.write(
    Buffer.concat([request(1, "hello", token === undefined ? HELLO : { ...HELLO, token }), request(2, "session/list")]),
  );
  await client.closed;
  expect(client.inbox).toMatchObject([{ id: 1, error: { code: FAULT_ERROR_CODE, data: { code: "unauthenticated" } } }]);
  expect(callers).toEqual([]);
});

test("a token narrows on the main socket too", async () => {
  served.store.createSession(sessionRecord({ id: "inside" }), "test");
  const client = await connect();
  await client.must("hello", { ...HELLO, token: "token-of-inside" });
  expect(await client.request("supervisor/status")).toMatchObject({ error: { data: { code: "not-permitted" } } });
});

test("when a session is removed its connections are closed, and no other", async () => {
  for (const id of ["first", "second"]) served.store.createSession(sessionRecord({ id, name: id }), "test");
  const first = await connect(served.session);
  await first.must("hello", { ...HELLO, token: "token-of-first" });
  const second = await connect(served.session);
  await second.must("hello", { ...HELLO, token: "token-of-second" });
  served.store.removeSession("first", served.clock.now(), {});
  await first.closed;
  expect(await second.request("session/list")).toMatchObject({ result: { sessions: [] } });
});
