/** Who may command the host, what it is told, and what no connection can do to it. */
import { existsSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { encodeFrame } from "../../schemas/frame.ts";
import { type HostSubscribed, MAX_CATCH_UP_BYTES, OFFSET_NOTICE_INTERVAL_MS } from "../../schemas/host-protocol.ts";
import { parseRecords, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import {
  buildHost,
  type Controller,
  type HostUnderTest,
  specOf,
  startHost,
  until,
} from "../../test/harness/process-host.ts";

const KEY: StreamKey = { sessionId: "session", process: "main", attempt: 1 };
const MUCH = 1 << 30;

let folder: string;
let bundle: string;
let host: HostUnderTest;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-bundle-"));
  bundle = await buildHost(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  host = await startHost(bundle);
});
afterEach(() => host.close());

const shell = (controller: Controller, script: string, key = KEY) => controller.start(key, ["sh", "-c", script]);
const type = (controller: Controller, text: string) => controller.must({ type: "input", key: KEY }, Buffer.from(text));
const subscribe = (controller: Controller, fromOffset: number, creditBytes = MUCH, key = KEY) =>
  controller.must<HostSubscribed>({ type: "subscribe", key, fromOffset, creditBytes });
const textOf = (bytes: Buffer) =>
  Buffer.concat(
    parseRecords(bytes, 0)
      .records.filter(({ kind }) => kind === RecordKind.terminal)
      .map(({ payload }) => payload),
  ).toString();
const offsetsTold = (controller: Controller, sessionId = KEY.sessionId) =>
  controller.told
    .flatMap((message) => (message.type === "offsets" ? message.streams : []))
    .filter(({ key }) => key.sessionId === sessionId);

test("the socket is the user's alone", () => {
  expect(statSync(host.socket).mode & 0o777).toBe(0o600);
});

test("the highest epoch commands: a higher one takes over, a lower one is refused and commands nothing", async () => {
  const first = await host.connect(5);
  const second = await host.connect(6);
  await until(() => first.isClosed, "the first controller to be closed");
  const late = await host.connectSilently();
  const refused = await late.ask({ type: "hello", protocol: 1, oldest: 1, epoch: 5, version: "0.0.0" });
  expect(refused).toMatchObject({ fault: { code: "conflict", message: expect.stringContaining("6") as string } });
  await until(() => late.isClosed, "the late one to be closed");
  second.close();
  await expect(host.connect(5)).rejects.toThrow(/epoch 6/);
  const again = await host.connect(6);
  expect(again.hello?.pid).toBe(host.process.pid);
});

test.each([
  ["only a newer protocol", 9, 2],
  ["only an older protocol", 0, 0],
])("a controller that speaks %s is told so", async (_, protocol, oldest) => {
  const stranger = await host.connectSilently();
  const refused = await stranger.ask({ type: "hello", protocol, oldest, epoch: 1, version: "9.9.9" });
  expect(refused).toMatchObject({
    fault: { code: "incompatible-version", message: expect.stringContaining("9.9.9") as string },
  });
  await until(() => stranger.isClosed, "the connection to be closed");
});

test("before its hello a connection can do nothing", async () => {
  const stranger = await host.connectSilently();
  void stranger.ask({ type: "start", spec: specOf(KEY, ["true"]) });
  await until(() => stranger.isClosed, "the connection to be closed");
  expect((await host.connect()).hello?.processes).toEqual([]);
});

test("a subscriber gets what is written from then on, whole records that join, and its end", async () => {
  const controller = await host.connect();
  await shell(controller, "cat; exit 3");
  const { endOffset } = await subscribe(controller, 0);
  expect(endOffset).toBeGreaterThan(0);
  for (const line of ["one\n", "two\n", "three\n"]) {
    await type(controller, line);
    await until(() => textOf(controller.data(KEY)).endsWith(`${line.trim()}\r\n${line.trim()}\r\n`), line);
  }
  await controller.must({ type: "close-input", key: KEY });
  const ended = await controller.exitOf(KEY);
  expect(controller.data(KEY)).toHaveLength(ended.endOffset);
  expect(parseRecords(controller.data(KEY), 0).records.at(-1)?.kind).toBe(RecordKind.exit);
  expect(
    offsetsTold(controller).filter((told) => told.endOffset > (endOffset ?? 0)),
    "nothing is told twice",
  ).toEqual([]);
});

test("a subscriber a little behind is caught up with; one far behind, ahead or over its credit reads the files", async () => {
  const controller = await host.connect();
  await shell(controller, "stty raw -echo; head -c 3000000 /dev/zero | tr '\\0' x; cat");
  await until(() => offsetsTold(controller).some(({ endOffset }) => endOffset > 3_000_000), "the output");
  const records = host.records(KEY);
  const end = (records.at(-1)?.offset ?? 0) + 16 + (records.at(-1)?.payload.length ?? 0);
  expect(await subscribe(controller, 0)).toEqual({ endOffset: end, live: false });
  expect(await subscribe(controller, end + 1)).toEqual({ endOffset: end, live: false });
  const near = records.find(({ offset }) => offset > end - MAX_CATCH_UP_BYTES / 2)?.offset ?? 0;
  expect(await subscribe(controller, near, 1000)).toEqual({ endOffset: end, live: false });
  expect(await subscribe(controller, near)).toEqual({ endOffset: end, live: true });
  await type(controller, "last");
  await until(() => textOf(controller.data(KEY)).endsWith("last"), "the live end");
  expect(controller.data(KEY)).toHaveLength(end - near + 16 + 4);
  expect((await subscribe(controller, 0, MUCH, { ...KEY, sessionId: "unknown" })).endOffset).toBeNull();
});

test("a subscriber whose credit is used up is told of growth alone, and live again when it subscribes anew", async () => {
  const controller = await host.connect();
  await shell(controller, "stty raw -echo; echo ready; cat");
  await until(() => offsetsTold(controller).length > 0, "ready");
  await until(
    () =>
      textOf(Buffer.concat(host.records(KEY).map(({ payload }) => Buffer.from(payload)))) !== undefined &&
      host.records(KEY).length === 2,
    "both records",
  );
  const start = (host.records(KEY).at(-1)?.offset ?? 0) + 16 + "ready\n".length;
  expect((await subscribe(controller, start, 100)).live).toBe(true);
  await type(controller, "a".repeat(50));
  await until(() => controller.data(KEY).length === 66, "what the credit covers");
  const told = offsetsTold(controller).length;
  await type(controller, "b".repeat(50));
  const growth = await until(() => offsetsTold(controller)[told], "the notice");
  expect(growth.endOffset).toBe(start + 132);
  expect(growth.lastOutputMs).toBeGreaterThan(Date.now() - 10_000);
  controller.credit(KEY, MUCH);
  await type(controller, "c".repeat(50));
  await until(() => (offsetsTold(controller).at(-1)?.endOffset ?? 0) === start + 198, "growth to be told, not sent");
  expect(controller.data(KEY)).toHaveLength(66);
  expect((await subscribe(controller, start + 66)).live).toBe(true);
  await until(() => controller.data(KEY).length === 198, "what it lacked");
});

test("growth is told at once, then rarely, and for many streams together", async () => {
  const controller = await host.connect();
  const keys = Array.from({ length: 5 }, (_, index) => ({ ...KEY, sessionId: `s${index}` }));
  for (const key of keys)
    await shell(controller, "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 0.05; done", key);
  await Promise.all(keys.map((key) => controller.exitOf(key)));
  const ends = new Map(keys.map((key) => [key.sessionId, host.records(key).at(-1)]));
  for (const { sessionId } of keys) {
    const told = offsetsTold(controller, sessionId);
    const end = ends.get(sessionId);
    await until(
      () => (offsetsTold(controller, sessionId).at(-1)?.endOffset ?? 0) > (end?.offset ?? 0),
      "the last growth",
    );
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(4 + (12 * 50) / OFFSET_NOTICE_INTERVAL_MS);
  }
});

test("a controller that does not read holds up no program, and loses its place alone", async () => {
  const controller = await host.connect();
  const done = join(host.root, "done");
  await shell(controller, `stty raw -echo; read x; head -c 30000000 /dev/zero | tr '\\0' x; touch ${done}; exit 2`);
  await subscribe(controller, 0);
  controller.pause();
  void type(controller, "\n");
  await until(() => existsSync(done), "the program to write all of it");
  controller.resume();
  expect((await controller.exitOf(KEY)).exit).toMatchObject({ code: 2 });
  expect(controller.data(KEY).length).toBeLessThan(10_000_000);
  expect(offsetsTold(controller).length).toBeGreaterThan(0);
});

test("what is dropped is told to a subscriber that still needed it", async () => {
  const controller = await host.connect();
  await controller.must({ type: "limits", sessionLogBytes: 1 << 20, totalLogBytes: 1 << 30 });
  await shell(controller, "stty raw -echo; read x; head -c 5000000 /dev/zero | tr '\\0' x; exit 0");
  await subscribe(controller, 0, 1000);
  await type(controller, "\n");
  await controller.exitOf(KEY);
  const told = controller.told.filter((message) => message.type === "dropped");
  expect(told.at(-1)).toEqual({ type: "dropped", key: KEY, offset: host.records(KEY)[0]?.offset });
});

test("shutdown is refused while a process runs or its exit is not acknowledged", async () => {
  const controller = await host.connect();
  await shell(controller, "cat");
  expect(await controller.ask({ type: "shutdown" })).toMatchObject({ fault: { code: "conflict" } });
  await controller.must({ type: "close-input", key: KEY });
  await controller.exitOf(KEY);
  expect(await controller.ask({ type: "shutdown" })).toMatchObject({ fault: { code: "conflict", retryable: true } });
  await controller.must({ type: "acknowledge-exit", key: KEY });
  await controller.must({ type: "shutdown" });
  await until(() => host.process.exitCode === 0, "the host to end");
});

test("what is wrong in a request is named, and the next one is answered", async () => {
  const controller = await host.connect();
  const ask = (request: object) => controller.ask(request as Parameters<Controller["ask"]>[0]);
  const faultWith = (text: string) => ({
    fault: { code: "invalid-params", message: expect.stringContaining(text) as string },
  });
  expect(await ask({ type: "unheard-of" })).toMatchObject(faultWith("unheard-of"));
  expect(await ask({ type: "start", spec: { ...specOf(KEY, ["true"]), argv: [] } })).toMatchObject(faultWith("spec"));
  for (const sessionId of ["..", "a/b", "", "a b", 7, null]) {
    expect(await ask({ type: "forget-session", sessionId }), String(sessionId)).toMatchObject(faultWith("sessionId"));
    expect(await ask({ type: "close-input", key: { ...KEY, sessionId } })).toMatchObject(faultWith("key"));
  }
  expect(await ask({ type: "close-input", key: { ...KEY, process: "\ud800" } })).toMatchObject(faultWith("key"));
  expect(await ask({ type: "signal", key: KEY, signal: "SIGNOTHING" })).toMatchObject(faultWith("SIGNOTHING"));
  expect(await controller.must({ type: "list" })).toEqual([]);
});

test("frames with one thing wrong harm at most their own connection", async () => {
  const bystander = await host.connect(1_000_000);
  await shell(bystander, "cat");
  const valid = [
    { type: "hello", id: 1, protocol: 1, oldest: 1, epoch: 3, version: "x" },
    { type: "start", id: 2, spec: specOf({ ...KEY, sessionId: "evil" }, ["true"]) },
    { type: "input", id: 3, key: KEY },
    {
      type: "deliver",
      id: 6,
      key: KEY,
      messageId: "m1",
      marker: { id: "message:m1", marker: "message", text: "" },
      steps: [{ bytes: 0, pauseMs: 1 }],
    },
    { type: "append", id: 4, key: KEY, record: { kind: "gap", payload: { bytes: null, reason: "host-lost" } } },
    { type: "subscribe", id: 5, key: KEY, fromOffset: 0, creditBytes: 1 },
  ];
  const mutated = fc.tuple(fc.constantFrom(...valid), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean());
  const seed = Date.now() % 2 ** 31;
  let round = 0;
  await fc.assert(
    fc.asyncProperty(mutated, async ([message, at, byte, cut]) => {
      const bytes = Buffer.concat(encodeFrame(message));
      bytes[at % bytes.length] = byte;
      const stranger = await host.connectSilently();
      stranger.write(cut ? bytes.subarray(0, at % bytes.length) : bytes);
      round += 1;
      await type(bystander, `${round}\n`);
      stranger.close();
    }),
    { numRuns: 300, seed },
  );
  await until(
    () => host.records(KEY).some(({ payload }) => Buffer.from(payload).includes(`${round}\r\n`)),
    `round ${round}, seed ${seed}`,
  );
  expect(bystander.isClosed).toBe(false);
  expect(host.process.exitCode).toBeNull();
});

test("deep nesting, and a length of 1 GB, close their connection alone", async () => {
  const bystander = await host.connect();
  const nested = await host.connectSilently();
  const json = Buffer.from(`${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`);
  const prefix = Buffer.alloc(8);
  prefix.writeUInt32BE(4 + json.length, 0);
  prefix.writeUInt32BE(json.length, 4);
  nested.write(prefix, json);
  const huge = await host.connectSilently();
  huge.write(Buffer.from([0x40, 0, 0, 0, 0, 0, 0, 2]));
  await until(() => nested.isClosed && huge.isClosed, "both to be closed");
  expect(await bystander.must({ type: "list" })).toEqual([]);
});
