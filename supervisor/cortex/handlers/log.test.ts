/** Logs and events over a real socket: what a client is sent, in which form, and what becomes of one that does not read. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ok } from "../../../schemas/fault.ts";
import { OUTPUT_PREFIX_BYTES } from "../../../schemas/protocol-version.ts";
import { parseRecords, RECORD_HEADER_BYTES, RecordKind, writeRecordHeader } from "../../../schemas/segment.ts";
import { createFakeHive } from "../../../test/fakes/fake-hive.ts";
import { sessionRecord } from "../../../test/fakes/session-record.ts";
import { type Answer, WireClient } from "../../../test/harness/wire-client.ts";
import type { Phase } from "../../core/session.ts";
import type { Streams } from "../../ports/hive.ts";
import { createLogReaders } from "../../sessions/log-readers.ts";
import { SETTLE_RECHECK_MS } from "../../sessions/log-reading.ts";
import { memoryStreams, type WrittenStreams } from "../../sessions/written-streams.fake.ts";
import { type ServedCortex, serveCortex } from "../served-cortex.fake.ts";
import { eventHandlers } from "./event.ts";
import { logHandlers } from "./log.ts";

let streams: WrittenStreams;
let served: ServedCortex;
const clients: WireClient[] = [];

async function serve(port: Streams): Promise<ServedCortex> {
  return serveCortex(({ store, clock, log }) => {
    const hive = { ...createFakeHive({ now: clock.now }), streams: port };
    return {
      ...logHandlers({ store, hive, clock, log, logReaders: createLogReaders() }),
      ...eventHandlers({ store, log }),
      "session/list": () => ok({ sessions: [], others: [] }),
    };
  });
}

beforeEach(async () => {
  streams = memoryStreams();
  served = await serve(streams);
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await served.close();
});

async function connect(hello: Record<string, unknown> = {}, endpoint = served.main): Promise<WireClient> {
  const client = await WireClient.greeted(endpoint, hello);
  clients.push(client);
  return client;
}

function makeSession(phase: Phase, id = "session"): void {
  const created = served.store.createSession(
    sessionRecord({ id, name: `${id}-name`, observed: { attempt: 1 } }),
    "test",
  );
  become(phase, id, created.revision);
}

function become(phase: Phase, id = "session", revision = served.store.session(id)?.revision ?? 0): void {
  served.store.changeSession(id, revision, { transition: { atMs: 1, to: phase, reason: "test", evidence: {} } });
  served.store.markTransitions(served.store.unmarkedTransitions(id).map((transition) => transition.id));
}

const FOLLOW = { session: "session", from: { start: true }, follow: true, creditBytes: 1 << 20 };

/** What one message of output holds, whichever way it came. */
function outputOf(answer: Answer): {
  subscription: number;
  attempt: number;
  offset: number;
  text: string;
  bytes: number;
} {
  if (answer.raw !== undefined) {
    const records = answer.raw.subarray(OUTPUT_PREFIX_BYTES);
    const [subscription, attempt] = [answer.raw.readUInt32LE(0), answer.raw.readUInt32LE(4)];
    const offset = answer.raw.readDoubleLE(8);
    return { subscription, attempt, offset, text: textOf(records, offset), bytes: records.length };
  }
  const { subscription, attempt, offset, bytes } = answer.params as {
    subscription: number;
    attempt: number;
    offset: number;
    bytes: string;
  };
  const records = Buffer.from(bytes, "base64");
  return { subscription, attempt, offset, text: textOf(records, offset), bytes: records.length };
}

function textOf(records: Buffer, offset: number): string {
  const parsed = parseRecords(records, offset);
  if (parsed.consumed !== records.length) throw new Error("not whole records");
  return parsed.records.map(({ payload }) => Buffer.from(payload).toString()).join("");
}

describe("log/follow", () => {
  test.each([
    ["base64 in JSON", []],
    ["raw, for a client that can", ["binary-output"]],
  ])("sends the reply first, then output as %s, then the end", async (_form, capabilities) => {
    makeSession("RUNNING");
    streams.write(1, "hällo ");
    const client = await connect({ capabilities });
    const id = client.ask("log/follow", FOLLOW);
    const reply = await client.next();
    expect(reply).toMatchObject({ id, result: { session: { id: "session", name: "session-name" } } });
    const first = await client.next();
    expect(first.raw === undefined).toBe(capabilities.length === 0);
    expect(outputOf(first)).toMatchObject({
      subscription: reply.result?.subscription,
      attempt: 1,
      offset: 0,
      text: "hällo ",
    });
    streams.write(1, "welt");
    expect(outputOf(await client.next())).toMatchObject({ offset: RECORD_HEADER_BYTES + 7, text: "welt" });
    become("COMPLETED");
    // Its transition is in the log a moment after the session has ended: that is looked for again.
    await (await connect()).must("session/list");
    served.clock.advance(SETTLE_RECHECK_MS);
    expect(await client.next()).toMatchObject({ method: "log/end", params: { reason: "end" } });
    expect(streams.followed()).toEqual([]);
  });

  test("sends no more than the credit, and goes on with log/credit", async () => {
    makeSession("COMPLETED");
    for (let count = 0; count < 20; count += 1) streams.write(1, "x".repeat(84));
    const client = await connect();
    const { subscription } = await client.must("log/follow", { ...FOLLOW, creditBytes: 500 });
    expect(outputOf(await client.next()).bytes).toBe(500);
    await client.must("session/list");
    expect(client.inbox).toEqual([]);
    client.notify("log/credit", { subscription, bytes: 100_000 });
    expect(outputOf(await client.next()).bytes).toBe(1500);
    expect(await client.next()).toMatchObject({ method: "log/end" });
  });

  test("credit that is malformed, or for what is not held, is passed over", async () => {
    const client = await connect();
    client.notify("log/credit", { subscription: 99, bytes: 1 });
    client.notify("log/credit", { subscription: "x", bytes: -1 });
    client.notify("log/credit", undefined);
    client.notify("no/such", {});
    expect(await client.request("session/list")).toMatchObject({ result: {} });
  });

  test("ends with unfollow, and with the connection", async () => {
    makeSession("RUNNING");
    const client = await connect();
    const { subscription } = await client.must("log/follow", FOLLOW);
    await client.must("log/follow", FOLLOW);
    await client.must("session/list");
    expect(streams.followed().length).toBe(2);
    await client.must("log/unfollow", { subscription });
    await client.must("log/unfollow", { subscription });
    expect(streams.followed().length).toBe(1);
    await client.close();
    const other = await connect();
    await other.must("session/list");
    expect(streams.followed()).toEqual([]);
  });

  test("of a session that is removed ends so", async () => {
    makeSession("COMPLETED");
    const client = await connect();
    await client.must("log/follow", { ...FOLLOW, creditBytes: 1 });
    served.store.removeSession("session", 1, {});
    expect((await client.next((answer) => answer.method === "log/end")).params).toMatchObject({
      reason: expect.stringMatching(/removed|end/),
    });
  });

  test("is refused for a stranger's session, whatever socket it came by", async () => {
    makeSession("RUNNING");
    makeSession("RUNNING", "stranger");
    const client = await connect({ token: "token-of-stranger" }, served.session);
    expect(await client.request("log/follow", FOLLOW)).toMatchObject({ error: { data: { code: "not-permitted" } } });
    expect(await client.request("log/follow", { ...FOLLOW, session: "stranger" })).toMatchObject({ result: {} });
  });

  test("is refused when a connection holds too many", async () => {
    makeSession("RUNNING");
    const client = await connect();
    const ids = Array.from({ length: 1025 }, () => client.ask("log/follow", FOLLOW));
    const answers = [];
    for (const _ of ids) answers.push(await client.next((answer) => answer.id !== undefined));
    expect(answers.filter((answer) => answer.result !== undefined).length).toBe(1024);
    expect(answers.at(-1)).toMatchObject({ error: { data: { code: "busy" } } });
  });
});

describe("a client that does not read", () => {
  const PART = 256 << 10;
  const TOTAL = 48 << 20;

  /** One stream of TOTAL bytes, sent as fast as credit allows; counts what left it. */
  function flood() {
    const record = Buffer.alloc(1024, "z");
    writeRecordHeader(record, 0, {
      kind: RecordKind.terminal,
      sequence: 0,
      length: 1024 - RECORD_HEADER_BYTES,
      timeMs: 1,
    });
    const part = Buffer.concat(Array.from({ length: PART / 1024 }, () => record));
    const sent = { bytes: 0, follows: 0 };
    const port: Streams = {
      ...memoryStreams(),
      list: () =>
        Promise.resolve(
          ok([{ key: { sessionId: "session", process: "main", attempt: 1 }, firstOffset: 0, endOffset: TOTAL }]),
        ),
      follow(_key, fromOffset, creditBytes, follower) {
        let [next, credit, disposed] = [fromOffset, creditBytes, false];
        sent.follows += 1;
        const pump = () => {
          if (disposed || credit <= 0 || next >= TOTAL) return;
          const offset = next;
          next += part.length;
          credit -= part.length;
          sent.bytes += part.length;
          follower.onData({ offset, bytes: part });
          setImmediate(pump);
        };
        setImmediate(pump);
        return {
          credit(bytes) {
            credit += bytes;
            setImmediate(pump);
          },
          dispose() {
            disposed = true;
          },
        };
      },
    };
    return { port, sent };
  }

  test("loses its place, holds a bounded part of a flood, and gets every byte once it reads", async () => {
    const { port, sent } = flood();
    await served.close();
    served = await serve(port);
    makeSession("COMPLETED");
    const slow = await connect({ capabilities: ["binary-output"] });
    const bystander = await connect();
    await slow.must("log/follow", { ...FOLLOW, creditBytes: 1 << 26 });
    slow.socket.pause();
    let before = -1;
    while (sent.bytes !== before) {
      before = sent.bytes;
      for (let trip = 0; trip < 50; trip += 1) await bystander.must("session/list");
    }
    // What the socket may hold, what the kernel holds, and a part that was on its way.
    expect(sent.bytes).toBeLessThan(8 << 20);
    slow.socket.resume();
    let next = 0;
    for (;;) {
      const answer = await slow.next();
      if (answer.method === "log/end") break;
      const { offset, bytes } = outputOf(answer);
      expect(offset).toBe(next);
      next += bytes;
    }
    expect(next).toBe(TOTAL);
    expect(sent.follows).toBeGreaterThan(1);
    expect(served.logged).toEqual([]);
  }, 30_000);
});

describe("events", () => {
  const kinds = (answer: { events?: unknown }) => (answer.events as { kind: string }[]).map((event) => event.kind);
  const append = (kind: string, sessionId?: string) =>
    served.store.appendEvent({ atMs: 1, kind, data: {}, ...(sessionId === undefined ? {} : { sessionId }) });

  test("are listed: the last, those after one, and of one session", async () => {
    for (const kind of ["a", "b", "c"]) append(kind);
    append("d", "session");
    append("e", "session");
    const client = await connect();
    expect(kinds(await client.must("event/list"))).toEqual(["a", "b", "c", "d", "e"]);
    expect(kinds(await client.must("event/list", { last: 2 }))).toEqual(["d", "e"]);
    expect(kinds(await client.must("event/list", { last: 0 }))).toEqual([]);
    expect(kinds(await client.must("event/list", { afterId: 3 }))).toEqual(["d", "e"]);
    expect(kinds(await client.must("event/list", { afterId: 1, last: 1 }))).toEqual(["b"]);
    // Of a session that is no longer there.
    expect(kinds(await client.must("event/list", { session: "session", last: 1 }))).toEqual(["e"]);
    expect(await client.request("event/list", { session: "nobody" })).toMatchObject({
      error: { data: { code: "not-found" } },
    });
  });

  test("are followed from one on, without a hole or a double, and no longer than asked for", async () => {
    for (const kind of ["a", "b", "c"]) append(kind);
    const client = await connect();
    const { subscription } = await client.must("event/follow", { afterId: 1 });
    expect(await client.next()).toMatchObject({ method: "event/new", params: { subscription } });
    append("d");
    append("e");
    expect(kinds((await client.next()).params ?? {})).toEqual(["d", "e"]);
    await client.must("event/unfollow", { subscription });
    append("f");
    await client.must("session/list");
    expect(client.inbox).toEqual([]);
  });

  test("are followed from now on when nothing is said, and of one session when it is named", async () => {
    makeSession("RUNNING");
    makeSession("RUNNING", "other");
    const client = await connect();
    await client.must("event/follow", { session: "session-name" });
    append("of another", "other");
    append("mine", "session");
    const answer = await client.next();
    expect(kinds(answer.params ?? {})).toEqual(["mine"]);
  });

  test("thousands that were missed come in batches", async () => {
    for (let count = 0; count < 2345; count += 1) append(`k${count}`);
    const client = await connect();
    await client.must("event/follow", { afterId: 0 });
    const seen: string[] = [];
    while (seen.length < 2345) seen.push(...kinds((await client.next()).params ?? {}));
    expect(seen).toEqual(Array.from({ length: 2345 }, (_, at) => `k${at}`));
  });
});
