import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FaultError, failed, fault, ok } from "../../schemas/fault.ts";
import { FAULT_ERROR_CODE } from "../../schemas/protocol-version.ts";
import { frame, WireClient } from "../../test/harness/wire-client.ts";
import type { RequestContext } from "./handler.ts";
import { type ServedCortex, serveCortex } from "./served-cortex.fake.ts";

/** Lets a test say when a request is answered. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

const LIST = { sessions: [], others: [] };
let served: ServedCortex;
let client: WireClient;
let held: ReturnType<typeof gate>;
let begun: string[];
let contexts: RequestContext[];

beforeEach(async () => {
  held = gate();
  begun = [];
  contexts = [];
  served = await serveCortex({
    "session/list": () => ok(LIST),
    "session/prune": () => {
      throw new TypeError("a planted bug");
    },
    "settings/reload": async () => {
      throw new FaultError(fault("disk-full", "no space", { hint: "make some" }));
    },
    "session/wait": async (_params, context) => {
      contexts.push(context);
      await Promise.race([held.opened, new Promise((resolve) => context.cancelled.addEventListener("abort", resolve))]);
      return ok({ session: null, timedOut: context.cancelled.aborted, ended: [] });
    },
    "session/input": async (params) => {
      begun.push(params.bytes);
      if (begun.length === 1) await held.opened;
      return ok({});
    },
    "session/resize": (params) => {
      begun.push(`${params.columns}`);
      return ok({});
    },
    "session/get": () => failed(fault("not-found", "there is no such session")),
  });
  client = await WireClient.greeted(served.main);
});
afterEach(async () => {
  await client.close();
  await served.close();
});

const WAIT = { session: "s", until: "ended" };

describe("a request", () => {
  test("of an unknown method is told so, names of objects' own methods included", async () => {
    for (const method of ["no/such", "toString", "__proto__", "constructor", "x\u0000y"]) {
      expect(await client.request(method)).toMatchObject({
        error: { code: -32601, data: { code: "incompatible-version" } },
      });
    }
  });

  test("with wrong parameters is told the place and what was expected, and is not echoed", async () => {
    const hostile = "h".repeat(100_000);
    const answer = await client.request("session/run", {
      argv: ["a", 7],
      folder: "/x",
      callerEnvironment: {},
      [hostile]: hostile,
    });
    expect(answer).toMatchObject({ error: { code: -32602, data: { code: "invalid-params" } } });
    expect(answer.error?.message).toMatch(/session\/run: argv\.1: .*expected string/);
    expect(JSON.stringify(answer).length).toBeLessThan(2000);
  });

  test("with parameters that fit no form of a union is told the forms", async () => {
    const answer = await client.request("session/stop", { sessions: { all: false }, mode: "stop" });
    expect(answer.error?.message).toMatch(/sessions: .*references.* or /);
  });

  test("without parameters has empty ones", async () => {
    client.send({ jsonrpc: "2.0", id: 77, method: "session/list" });
    expect(await client.next()).toMatchObject({ id: 77, result: LIST });
  });

  test("that meets a bug is answered, the bug is logged with its place, and the next is served", async () => {
    expect(await client.request("session/prune")).toMatchObject({
      error: { code: FAULT_ERROR_CODE, data: { code: "failed", message: expect.stringContaining("a planted bug") } },
    });
    expect(served.logged).toMatchObject([
      { level: "error", data: { method: "session/prune", stack: expect.stringContaining("dispatch.test.ts") } },
    ]);
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  });

  test("whose handler throws a fault is answered with it, and nothing is logged", async () => {
    expect(await client.request("settings/reload")).toMatchObject({
      error: { code: FAULT_ERROR_CODE, data: { code: "disk-full", hint: "make some" } },
    });
    expect(served.logged).toEqual([]);
  });

  test("that is malformed gets its error, and its connection goes on", async () => {
    client.write(frame("{"));
    client.write(frame([{ jsonrpc: "2.0", id: 1, method: "session/list" }]));
    client.write(frame({ jsonrpc: "2.0", id: 9, method: 7 }));
    expect(await client.next()).toMatchObject({ id: null, error: { code: -32700 } });
    expect(await client.next()).toMatchObject({
      id: null,
      error: { code: -32600, message: expect.stringContaining("batch") },
    });
    expect(await client.next()).toMatchObject({ id: 9, error: { code: -32600 } });
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  });

  test("that is no message closes its connection and no other", async () => {
    const other = await WireClient.greeted(served.main);
    other.write("Content-Length: 1073741824\r\n\r\n{");
    await other.closed;
    expect(other.inbox).toMatchObject([{ id: null, error: { code: -32600 } }]);
    expect(served.logged).toMatchObject([{ level: "warn", data: { why: expect.stringContaining("1073741824") } }]);
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  });

  test("of half a message that never ends harms nobody", async () => {
    const other = await WireClient.greeted(served.main);
    other.write('Content-Length: 100\r\n\r\n{"jsonrpc"');
    other.socket.end();
    await other.closed;
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  });
});

describe("requests of one connection", () => {
  test("run side by side", async () => {
    const waiting = client.ask("session/wait", WAIT);
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
    held.open();
    expect(await client.next()).toMatchObject({ id: waiting, result: { session: null } });
  });

  test("that type and resize keep their order, whatever the first of them waits for", async () => {
    const typed = [..."abcdefgh"].map((character) => Buffer.from(character).toString("base64"));
    const ids = typed.slice(0, 4).map((bytes) => client.ask("session/input", { session: "s", bytes }));
    ids.push(client.ask("session/resize", { session: "s", columns: 99, rows: 9 }));
    ids.push(...typed.slice(4).map((bytes) => client.ask("session/input", { session: "s", bytes })));
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
    expect(begun).toEqual([typed[0]]);
    held.open();
    const answered = [];
    for (const _ of ids) answered.push((await client.next()).id);
    expect(answered).toEqual(ids);
    expect(begun).toEqual([...typed.slice(0, 4), "99", ...typed.slice(4)]);
  });

  test("may not share an id while one is under way, as text or number", async () => {
    client.send({ jsonrpc: "2.0", id: 50, method: "session/wait", params: WAIT });
    client.send({ jsonrpc: "2.0", id: "50", method: "session/list" });
    expect(await client.next()).toMatchObject({ id: null, error: { code: -32600 } });
    held.open();
    expect(await client.next()).toMatchObject({ id: 50, result: {} });
    client.send({ jsonrpc: "2.0", id: "50", method: "session/list" });
    expect(await client.next()).toMatchObject({ id: "50", result: LIST });
  });

  test("are cancelled by their id", async () => {
    const waiting = client.ask("session/wait", WAIT);
    await client.must("session/list");
    for (let times = 0; times < 100; times += 1) client.notify("$/cancelRequest", { id: waiting });
    client.notify("$/cancelRequest", { id: 4711 });
    expect(await client.next()).toMatchObject({ id: waiting, result: { timedOut: true } });
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  });

  test("are cancelled when it closes", async () => {
    client.ask("session/wait", WAIT);
    await client.must("session/list");
    const aborted = new Promise((resolve) => contexts[0]?.cancelled.addEventListener("abort", resolve));
    await client.close();
    await aborted;
    expect(contexts[0]?.cancelled.aborted).toBe(true);
  });

  test("are refused when thousands wait at once; those that wait go on waiting", async () => {
    const most = 4096;
    for (let count = 0; count < most + 5; count += 1) client.ask("session/wait", WAIT);
    const refused = [];
    for (let count = 0; count < 5; count += 1) refused.push(await client.next());
    expect(refused.every((answer) => answer.error?.code === -32600)).toBe(true);
    held.open();
    for (let count = 0; count < most; count += 1) await client.next((answer) => answer.result !== undefined);
    expect(await client.request("session/list")).toMatchObject({ result: LIST });
  }, 30_000);
});

describe("a client that asks faster than it is served", () => {
  test("gets each answer once and in order", async () => {
    const count = 20_000;
    const ids = Array.from({ length: count }, (_, at) => at + 1000);
    client.write(Buffer.concat(ids.map((id) => frame({ jsonrpc: "2.0", id, method: "session/list" }))));
    const answered = [];
    for (const _ of ids) answered.push((await client.next()).id);
    expect(answered).toEqual(ids);
  }, 30_000);
});

test("closing ends every connection and both sockets", async () => {
  const waiting = client.ask("session/wait", WAIT);
  await client.must("session/list");
  await served.cortex.close();
  await client.closed;
  expect(client.inbox.some((answer) => answer.id === waiting)).toBe(false);
  await expect(WireClient.connect(served.main)).rejects.toThrow();
  await expect(WireClient.connect(served.session)).rejects.toThrow();
});

describe("a client that does not read its answers", () => {
  const MEBIBYTE = "m".repeat(1 << 20);

  test("is asked for no more questions, whatever it has sent, and gets every answer once it reads", async () => {
    let answered = 0;
    const large = await serveCortex({
      "supervisor/table": () => {
        answered += 1;
        return ok({ text: MEBIBYTE });
      },
      "session/list": () => ok(LIST),
    });
    try {
      const greedy = await WireClient.greeted(large.main);
      const bystander = await WireClient.greeted(large.main);
      const count = 200;
      const ids = Array.from({ length: count }, () => greedy.ask("supervisor/table"));
      greedy.socket.pause();
      for (let before = -1; answered !== before; ) {
        before = answered;
        for (let trip = 0; trip < 50; trip += 1) await bystander.must("session/list");
      }
      expect(answered).toBeGreaterThan(0);
      expect(answered).toBeLessThan(12);
      greedy.socket.resume();
      for (const id of ids) expect((await greedy.next()).id).toBe(id);
      expect(large.logged).toEqual([]);
      await Promise.all([greedy.close(), bystander.close()]);
    } finally {
      await large.close();
    }
  }, 30_000);

  test("and whose answers come all at once is let go, with a line in the log, before they fill the memory", async () => {
    const opening = gate();
    const large = await serveCortex({
      "supervisor/table": async () => {
        await opening.opened;
        return ok({ text: MEBIBYTE });
      },
      "session/list": () => ok(LIST),
    });
    try {
      const greedy = await WireClient.greeted(large.main);
      const bystander = await WireClient.greeted(large.main);
      for (let count = 0; count < 60; count += 1) greedy.ask("supervisor/table");
      await greedy.must("session/list");
      greedy.socket.pause();
      opening.open();
      for (let trip = 0; trip < 20; trip += 1) await bystander.must("session/list");
      expect(large.logged).toMatchObject([{ level: "warn", message: expect.stringContaining("does not read") }]);
      greedy.socket.resume();
      await greedy.closed;
      expect(greedy.inbox.length).toBeLessThan(30);
      await bystander.close();
    } finally {
      await large.close();
    }
  }, 30_000);
});
