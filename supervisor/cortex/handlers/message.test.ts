/** Sending messages: what is recorded, what is refused, and when the caller is answered. */
import { beforeEach, describe, expect, test } from "vitest";
import { messageViewSchema } from "../../../schemas/session-view.ts";
import { createMemoryStore, type MemoryStore } from "../../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../../test/fakes/session-record.ts";
import { IDLE_AFTER_MS } from "../../core/activity.ts";
import type { Activity, MessageState, Phase } from "../../core/session.ts";
import type { Caller, RequestContext } from "../handler.ts";
import { messageHandlers } from "./message.ts";

const PERSON: Caller = { kind: "person" };
const SETTLED = new AbortController();

let store: MemoryStore;
let clock: MovedClock;
let activity: Activity;
let tellActivity: () => void;
let handlers: ReturnType<typeof messageHandlers>;

beforeEach(() => {
  store = createMemoryStore();
  clock = createMovedClock();
  activity = "idle";
  const listeners = new Set<(sessionId: string, activity: Activity) => void>();
  tellActivity = () => {
    for (const listener of listeners) listener("abcdefghijkl", activity);
  };
  handlers = messageHandlers({
    store,
    clock,
    identities: { sessionId: () => "messageabcde", token: () => "", index: () => 0 },
    activity: {
      of: () => activity,
      quietMs: () => undefined,
      noteInput() {},
      onChange(listener) {
        listeners.add(listener);
        return { dispose: () => void listeners.delete(listener) };
      },
      dispose() {},
    },
  });
  make({});
});

function make(given: Parameters<typeof sessionRecord>[0]): void {
  store.createSession(sessionRecord({ ...given, observed: { attempt: 1, ...given?.observed } }), "test");
  become("RUNNING", given?.id);
}

function become(phase: Phase, id = "abcdefghijkl"): void {
  const revision = store.session(id)?.revision ?? 0;
  store.changeSession(id, revision, { transition: { atMs: 1, to: phase, reason: "test", evidence: {} } });
}

function settle(state: MessageState, id = "messageabcde"): void {
  const revision = store.message(id)?.revision ?? 0;
  const delivered = state === "delivered" ? { attempt: 1, deliveredAtMs: clock.now() } : {};
  store.changeMessage(id, revision, { state, reason: `now ${state}`, atMs: clock.now(), ...delivered });
}

type Params = Parameters<(typeof handlers)["message/send"]>[0];

async function send(given: Partial<Params>, caller = PERSON, cancelled: AbortSignal = SETTLED.signal) {
  const context = { caller, cancelled } as RequestContext;
  return handlers["message/send"]({ session: "calm-otter", text: "hello", until: "delivered", ...given }, context);
}

/** Whether it has been answered, once everything that was due has run. */
async function answered(sending: Promise<unknown>): Promise<boolean> {
  const pending = Symbol("pending");
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([sending, Promise.resolve(pending)])) !== pending;
}

async function list() {
  const listed = await handlers["message/list"]({ session: "calm-otter" }, { caller: PERSON } as RequestContext);
  if (!listed.ok) throw new Error(listed.fault.message);
  return listed.value.messages;
}

describe("what is recorded", () => {
  test("text, with Enter at its end, by whom, and queued", async () => {
    const sent = await send({ until: "queued", text: "one\r\ntwo" });
    expect(sent).toMatchObject({ ok: true, value: { timedOut: false, exitCode: 0 } });
    expect(store.messages("abcdefghijkl")).toMatchObject([
      { id: "messageabcde", text: "one\ntwo", keys: [], enter: true, now: false, by: "the user", state: "queued" },
    ]);
    const [view] = await list();
    expect(messageViewSchema.parse(view)).toEqual(view);
    expect(view).toMatchObject({ reason: "it waits until calm-otter is idle", attempt: null, deliveredAt: null });
  });

  test("keys alone press no Enter", async () => {
    await send({ until: "queued", text: undefined, keys: ["escape", "ctrl-c"], now: true });
    expect(store.messages("abcdefghijkl")).toMatchObject([
      { text: "", keys: ["escape", "ctrl-c"], enter: false, now: true },
    ]);
  });

  test.each([
    [{ text: undefined }, "usage", "nothing to send"],
    [{ text: "\x1b[201~" }, "usage", "U+001B"],
    [{ keys: ["entr"] }, "usage", "entr"],
    [{ session: "nobody" }, "not-found", "nobody"],
    [{ session: "piped", keys: ["enter"] }, "usage", "no terminal"],
    [{ session: "done" }, "conflict", "has ended"],
  ] as const)("%o is refused as %s", async (params, code, words) => {
    make({ id: "piped", name: "piped", spec: { stdio: "pipes" } });
    make({ id: "done", name: "done" });
    become("CRASHED", "done");
    const refused = await send({ until: "queued", ...params } as Partial<Params>);
    expect(refused).toMatchObject({ ok: false, fault: { code, message: expect.stringContaining(words) } });
    expect(store.sessionsWithMessages()).toEqual([]);
  });
});

describe("the same id", () => {
  test("is the same message: nothing is created, and the caller waits on", async () => {
    const first = send({ id: "chosen-id" });
    const again = send({ id: "chosen-id", text: "hello" });
    expect(await answered(again)).toBe(false);
    settle("delivered", "chosen-id");
    expect(await first).toEqual(await again);
    expect(await send({ id: "chosen-id" })).toMatchObject({ value: { message: { state: "delivered" } } });
    expect(store.messages("abcdefghijkl")).toHaveLength(1);
  });

  test("is its session's, whatever the name means by now, and after the session's end", async () => {
    await send({ id: "chosen-id", until: "queued" });
    settle("failed", "chosen-id");
    become("CRASHED");
    make({ id: "mnopqrstuvwx", name: "calm-otter" });
    expect(await send({ id: "chosen-id" })).toMatchObject({
      value: { message: { sessionId: "abcdefghijkl", state: "failed" }, exitCode: 1 },
    });
    expect(store.messages("mnopqrstuvwx")).toEqual([]);
  });

  test("of a message of a session that the caller may not act on is refused", async () => {
    make({ id: "mnopqrstuvwx", name: "stranger" });
    await send({ id: "chosen-id", until: "queued" });
    const caller: Caller = { kind: "session", session: { id: "mnopqrstuvwx", name: "stranger" } };
    expect(await send({ id: "chosen-id" }, caller)).toMatchObject({ fault: { code: "not-permitted" } });
  });
});

test("a session messages its descendants and nobody else", async () => {
  make({ id: "childchildch", name: "child", parentId: "abcdefghijkl" });
  make({ id: "mnopqrstuvwx", name: "stranger" });
  const caller: Caller = { kind: "session", session: { id: "abcdefghijkl", name: "calm-otter" } };
  expect(await send({ session: "child", until: "queued" }, caller)).toMatchObject({
    value: { message: { by: "session calm-otter" } },
  });
  for (const session of ["stranger", "calm-otter"]) {
    expect(await send({ session, until: "queued" }, caller)).toMatchObject({ fault: { code: "not-permitted" } });
  }
});

describe("the answer", () => {
  test.each([
    ["delivered", 0, "delivered to calm-otter"],
    ["failed", 1, "failed: calm-otter did not get the message: now failed"],
    ["unconfirmed", 6, "unconfirmed"],
  ] as const)("comes when the message is %s, with exit code %i", async (state, exitCode, words) => {
    const sending = send({});
    expect(await answered(sending)).toBe(false);
    settle("delivering");
    expect(await answered(sending)).toBe(false);
    settle(state);
    const sent = await sending;
    expect(sent).toMatchObject({ value: { exitCode, timedOut: false, message: { state } } });
    expect(sent.ok && sent.value.text).toContain(words);
    expect(clock.nextTimerMs(), "no timer is left").toBeUndefined();
  });

  test("comes after the time that is given, with 124, and the message stays queued", async () => {
    activity = "working";
    const sending = send({ timeoutMs: 2_000 });
    clock.advance(1_999);
    expect(await answered(sending)).toBe(false);
    clock.advance(1);
    const sent = await sending;
    expect(sent).toMatchObject({ value: { exitCode: 124, timedOut: true, message: { state: "queued" } } });
    expect(sent.ok && sent.value.text).toBe(
      "timed out: the message stays queued for calm-otter: it waits until calm-otter is idle\n",
    );
  });

  test("comes when the caller goes away, and the message stays queued", async () => {
    const leaving = new AbortController();
    const sending = send({}, PERSON, leaving.signal);
    leaving.abort();
    expect(await sending).toMatchObject({ value: { timedOut: true } });
    expect(store.sessionsWithMessages()).toEqual(["abcdefghijkl"]);
  });

  test("says that it failed when the session is removed", async () => {
    const sending = send({});
    become("STOPPED");
    store.removeSession("abcdefghijkl", 1, {});
    expect(await sending).toMatchObject({ value: { exitCode: 1, message: { state: "failed" } } });
  });
});

describe("until idle", () => {
  test("comes once the session has fallen idle after the delivery, not before its echo", async () => {
    const sending = send({ until: "idle" });
    settle("delivered");
    expect(await answered(sending)).toBe(false);
    activity = "working";
    tellActivity();
    clock.advance(IDLE_AFTER_MS);
    expect(await answered(sending)).toBe(false);
    clock.advance(60_000);
    expect(await answered(sending)).toBe(false);
    activity = "idle";
    tellActivity();
    expect(await sending).toMatchObject({ value: { exitCode: 0, message: { state: "delivered" } } });
  });

  test("comes although nothing was ever written", async () => {
    const sending = send({ until: "idle" });
    settle("delivered");
    clock.advance(IDLE_AFTER_MS - 1);
    expect(await answered(sending)).toBe(false);
    clock.advance(1);
    expect(await answered(sending)).toBe(true);
  });

  test("comes at once when the session ends", async () => {
    const ending = send({ until: "idle" });
    settle("delivered");
    become("COMPLETED");
    expect(await ending).toMatchObject({ value: { exitCode: 0 } });
  });

  test("is 124 when it takes too long, and says that the message was delivered", async () => {
    activity = "working";
    const sending = send({ until: "idle", timeoutMs: 5_000 });
    settle("delivered");
    clock.advance(5_000);
    const sent = await sending;
    expect(sent).toMatchObject({ value: { exitCode: 124, timedOut: true, message: { state: "delivered" } } });
    expect(sent.ok && sent.value.text).toContain("not idle yet");
  });
});
