/** Messages as the controller sees them typed: once, whole, in order, whatever becomes of it or of the program. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import {
  type DeliveryStep,
  type HostDelivered,
  MAX_DELIVERY_PAUSE_MS,
  MAX_DELIVERY_STEPS,
} from "../../schemas/host-protocol.ts";
import { type MarkerPayload, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import { buildHost, type Controller, type HostUnderTest, startHost, until } from "../../test/harness/process-host.ts";
import { payloadsOnDisk } from "../../test/harness/segments.ts";

const KEY: StreamKey = { sessionId: "session", process: "main", attempt: 1 };
const NEXT: StreamKey = { ...KEY, attempt: 2 };
/** Long enough for a slow machine to do what the test asks for within it. */
const PAUSE_MS = 2_000;
/** A timer and a clock round each in their own way. */
const ROUNDING_MS = 2;

let folder: string;
let bundle: string;
let host: HostUnderTest;
let controller: Controller;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-bundle-"));
  bundle = await buildHost(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  host = await startHost(bundle);
  controller = await host.connect();
});
afterEach(() => host.close());

const step = (bytes: number, pauseMs = 0): DeliveryStep => ({ bytes, pauseMs });
const marker = (messageId: string) => ({ id: `message:${messageId}`, marker: "message", text: messageId }) as const;
const shell = (script: string, stdio: "terminal" | "pipes" = "terminal", key = KEY) =>
  controller.start(key, ["sh", "-c", script], { stdio });
/** Each text is a step, with the pause before the next. */
function deliver(messageId: string, texts: readonly string[], pauseMs = 0, key = KEY, by = controller) {
  const bytes = texts.map((text) => Buffer.from(text));
  const last = texts.length - 1;
  const steps = bytes.map((one, index) => step(one.length, index < last ? pauseMs : 0));
  return by.ask<HostDelivered>(
    { type: "deliver", key, messageId, marker: marker(messageId), steps },
    Buffer.concat(bytes),
  );
}
const payloads = (kind: number, key = KEY) =>
  host
    .records(key)
    .filter((record) => record.kind === kind)
    .map(({ payload }) => Buffer.from(payload).toString());
const output = (key = KEY) => payloads(RecordKind.terminal, key).join("");
const markers = (key = KEY) =>
  payloadsOnDisk<MarkerPayload>(host.records(key), RecordKind.marker).map(({ text }) => text);
const printed = (text: string, key = KEY) => until(() => output(key).includes(text), `${text} in the log`);

test("terminal: the marker stands before what the message brings about", async () => {
  await shell("echo ready; read line; echo got $line");
  await printed("ready");
  expect(await deliver("m1", ["hello", "\n"])).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  await controller.exitOf(KEY);
  const records = host.records(KEY);
  const at = records.findIndex(({ kind }) => kind === RecordKind.marker);
  const behind = records.slice(at).filter(({ kind }) => kind === RecordKind.terminal);
  expect(Buffer.concat(behind.map(({ payload }) => Buffer.from(payload))).toString()).toBe("hello\r\ngot hello\r\n");
});

test("pipes: each step is one write, and the next comes after its pause", async () => {
  await shell("cat >&2", "pipes");
  const askedAtMs = Date.now();
  const delivered = await deliver("m1", ["one", "two", "\n"], 50);
  expect(delivered).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  expect(delivered.ok && delivered.value.atMs - askedAtMs).toBeGreaterThanOrEqual(100 - 2 * ROUNDING_MS);
  expect(payloads(RecordKind.stdin)).toEqual(["one", "two", "\n"]);
  expect(host.records(KEY)[0]?.kind).toBe(RecordKind.marker);
});

test("asked twice while it is under way: one answer for both, and it is typed once", async () => {
  await shell("cat", "pipes");
  const first = deliver("m1", ["text", "\n"], 100);
  const second = deliver("m1", ["text", "\n"], 100);
  const [one, two] = [await first, await second];
  expect(one).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  expect(two).toEqual(one);
  expect(payloads(RecordKind.stdin)).toEqual(["text", "\n"]);
  expect(markers()).toEqual(["m1"]);
});

test("asked again after it is done: the same answer, to the end of the process, of its exit and of the attempt", async () => {
  await shell("read line; read end; exit 0", "pipes");
  const first = await deliver("m1", ["text\n"]);
  expect(first).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  expect(await deliver("m1", ["text\n"])).toEqual(first);
  expect(payloads(RecordKind.stdin)).toEqual(["text\n"]);
  await controller.must({ type: "input", key: KEY }, Buffer.from("\n"));
  await controller.exitOf(KEY);
  expect(await deliver("m1", ["text\n"])).toEqual(first);
  await controller.must({ type: "acknowledge-exit", key: KEY });
  expect(await deliver("m1", ["text\n"])).toEqual(first);
  await shell("cat", "pipes", NEXT);
  expect(await deliver("m1", ["text\n"], 0, NEXT)).toEqual(first);
  expect(await deliver("m2", ["next\n"], 0, NEXT)).toMatchObject({ ok: true });
  expect(payloads(RecordKind.stdin, NEXT)).toEqual(["next\n"]);
  expect(markers(NEXT)).toEqual(["m2"]);
});

test.each(["terminal", "pipes"] as const)("%s: an end between the steps interrupts it, for ever", async (stdio) => {
  await shell("echo ready >&2; exec cat", stdio);
  const asked = deliver("m1", ["half", "\n"], MAX_DELIVERY_PAUSE_MS);
  const waiting = deliver("m2", ["later\n"]);
  await until(() => markers().includes("m1"), "the message to be begun");
  await controller.must({ type: "signal", key: KEY, signal: "KILL" });
  const interrupted = await asked;
  expect(interrupted).toMatchObject({ ok: true, value: { outcome: "interrupted" } });
  expect(await deliver("m1", ["half", "\n"])).toEqual(interrupted);
  expect(await waiting).toMatchObject({ ok: false, fault: { code: "conflict" } });
  expect(markers()).toEqual(["m1"]);
});

test("two messages are typed one after the other; a person's typing is not held back by them", async () => {
  await shell("cat", "pipes");
  const first = deliver("m1", ["1a ", "1b\n"], PAUSE_MS);
  const second = deliver("m2", ["2a ", "2b\n"]);
  await controller.must({ type: "input", key: KEY }, Buffer.from("typed "));
  expect(payloads(RecordKind.stdin)).toEqual(["1a ", "typed "]);
  expect(markers(), "the second is marked when its turn comes").toEqual(["m1"]);
  expect(await first).toMatchObject({ ok: true });
  expect(await second).toMatchObject({ ok: true });
  expect(payloads(RecordKind.stdin)).toEqual(["1a ", "typed ", "1b\n", "2a ", "2b\n"]);
  expect(markers()).toEqual(["m1", "m2"]);
});

test("the pause of the last step holds back the next message, and not its own answer", async () => {
  await shell("cat", "pipes");
  const ask = (messageId: string) =>
    controller.must<HostDelivered>(
      { type: "deliver", key: KEY, messageId, marker: marker(messageId), steps: [step(2, 100)] },
      Buffer.from("x\n"),
    );
  const [first, second] = await Promise.all([ask("m1"), ask("m2")]);
  expect(second.atMs - first.atMs).toBeGreaterThanOrEqual(100 - ROUNDING_MS);
});

test("a controller that goes away in the middle stops nothing, and the next one hears what became of it", async () => {
  await shell("cat", "pipes");
  void deliver("m1", ["text", "\n"], PAUSE_MS);
  await until(() => markers().includes("m1"), "the message to be begun");
  controller.close();
  const next = await host.connect(2);
  expect(await deliver("m1", ["text", "\n"], 0, KEY, next)).toMatchObject({
    ok: true,
    value: { outcome: "delivered" },
  });
  expect(payloads(RecordKind.stdin)).toEqual(["text", "\n"]);
});

test("what cannot be typed is refused whole, leaves no mark, and may be asked for again", async () => {
  expect(await deliver("m1", ["x"])).toMatchObject({ ok: false, fault: { code: "not-found" } });
  await shell("stty raw -echo; echo ready; exec sleep 60");
  await printed("ready");
  const most = Buffer.alloc(1 << 20, 97);
  await controller.must({ type: "input", key: KEY }, most.subarray(0, most.length - 10));
  expect(await deliver("m1", ["a".repeat(200_000)])).toMatchObject({
    ok: false,
    fault: { code: "busy", retryable: true },
  });
  expect(markers()).toEqual([]);
  await shell("read line; exit 0", "pipes", NEXT);
  expect(await deliver("m1", ["text\n"], 0, NEXT)).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  await controller.exitOf(NEXT);
  expect(markers(NEXT)).toEqual(["m1"]);
  expect(await deliver("m2", ["text\n"], 0, NEXT)).toMatchObject({ ok: false, fault: { code: "conflict" } });
});

test("a program that has closed its stdin interrupts what is typed to it", async () => {
  await shell("exec <&-; echo closed >&2; exec sleep 60", "pipes");
  await until(() => payloads(RecordKind.stderr).join("").includes("closed"), "its stdin to be closed");
  expect(await deliver("m1", ["text", "\n"])).toMatchObject({ ok: true, value: { outcome: "interrupted" } });
});

test("a long message is taken whole by a slow reader, before its pause begins", async () => {
  const text = "0123456789".repeat(20_000);
  await shell(`stty raw -echo; echo ready; sleep 0.1; head -c ${text.length} | cksum; read end; echo $end`);
  await printed("ready");
  expect(await deliver("m1", [text, "end\n"], 20)).toMatchObject({ ok: true, value: { outcome: "delivered" } });
  await controller.exitOf(KEY);
  expect(output()).toMatch(/ready\r?\n\d+ 200000\r?\nend/);
});

test.each<[string, readonly DeliveryStep[], string]>([
  ["fewer bytes than are there", [step(1), step(1)], "2 bytes, and 3"],
  ["more bytes than are there", [step(3), step(3)], "6 bytes, and 3"],
  ["no step", [], "steps"],
  ["too many steps", Array.from({ length: MAX_DELIVERY_STEPS + 1 }, (_, index) => step(index < 3 ? 1 : 0)), "steps"],
  ["a pause that is too long", [step(3, MAX_DELIVERY_PAUSE_MS + 1)], "steps"],
  ["a pause that is negative", [step(3, -1)], "steps"],
  ["half a byte", [step(1.5), step(1.5)], "steps"],
])("steps with %s are refused", async (_, steps, message) => {
  await shell("cat", "pipes");
  const asked = { type: "deliver", key: KEY, messageId: "m1", marker: marker("m1"), steps } as const;
  expect(await controller.ask(asked, Buffer.from("abc"))).toMatchObject({
    ok: false,
    fault: { code: "invalid-params", message: expect.stringContaining(message) as string },
  });
  expect(host.records(KEY)).toEqual([]);
});
