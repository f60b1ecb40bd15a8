/** The message loop over a scripted host: what makes it look, and what it asks of the host. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Fault, failed, fault, ok } from "../../schemas/fault.ts";
import type { HostDelivered } from "../../schemas/host-protocol.ts";
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { IDLE_AFTER_MS } from "../core/activity.ts";
import { RAW_PATIENCE_MS } from "../core/plan-messages.ts";
import type { Activity, MessageRecord, SessionSpec } from "../core/session.ts";
import type { Delivery, Hive } from "../ports/hive.ts";
import { startMessageLoop } from "./message-controller.ts";

const ID = "abcdefghijkl";
const silent = { info() {}, warn() {}, error() {} };

let store: MemoryStore;
let clock: MovedClock;
let hive: FakeHive;
let activity: Activity;
let become: (now: Activity) => void;
let loop: ReturnType<typeof startMessageLoop> | undefined;
let bracketedPaste: boolean;
/** What the host was asked to type, and what it answers; `delivered` when nothing is said. */
let asked: { readonly delivery: Delivery; readonly text: string }[];
let answers: (Fault | HostDelivered["outcome"])[];

beforeEach(() => {
  store = createMemoryStore();
  clock = createMovedClock();
  hive = createFakeHive({ id: store.hiveId, now: clock.now });
  activity = "idle";
  bracketedPaste = false;
  asked = [];
  answers = [];
});
afterEach(() => loop?.dispose());

async function begin(): Promise<void> {
  const listeners = new Set<(sessionId: string, activity: Activity) => void>();
  become = (now) => {
    activity = now;
    for (const listener of listeners) listener(ID, now);
  };
  const scripted: Hive = {
    ...hive,
    processes: {
      ...hive.processes,
      deliver: (_key, delivery, bytes) => {
        asked.push({ delivery, text: Buffer.from(bytes).toString() });
        const answer = answers.shift() ?? "delivered";
        return Promise.resolve(
          typeof answer === "string" ? ok({ outcome: answer, atMs: clock.now() }) : failed(answer),
        );
      },
    },
  };
  loop = startMessageLoop({
    store,
    hive: scripted,
    clock,
    log: silent,
    activity: {
      of: () => activity,
      quietMs: () => undefined,
      onChange(listener) {
        listeners.add(listener);
        return { dispose: () => void listeners.delete(listener) };
      },
    },
    terminals: { modes: () => Promise.resolve({ bracketedPaste, applicationCursor: false }) },
  });
  await loop.idle();
}

function createSession(spec: Partial<SessionSpec> = {}): void {
  store.createSession(sessionRecord({ id: ID, spec, observed: { attempt: 1, hostId: hive.hostId() } }), "test");
}

/** Its process runs, and has been silent for long. */
async function startSession(spec: Partial<SessionSpec> = {}): Promise<void> {
  const record = store.session(ID) ?? sessionRecord({ spec });
  const key = { sessionId: ID, process: "main", attempt: 1 };
  const { argv, environment, stdio } = record.spec;
  await hive.processes.start({ key, argv, cwd: "/", environment, stdio, size: { columns: 80, rows: 24 } });
  clock.advance(IDLE_AFTER_MS);
  transition("RUNNING");
}

function transition(to: "RUNNING" | "CRASHED"): void {
  const transition = { atMs: clock.now(), to, reason: "test", evidence: {} };
  store.changeSession(ID, store.session(ID)?.revision ?? 0, { transition });
}

function send(given: Partial<MessageRecord> = {}): void {
  store.createMessage({
    id: `message${store.messages(ID).length + 1}`,
    sessionId: ID,
    sequence: 0,
    createdAtMs: clock.now(),
    by: "the user",
    text: "hello",
    keys: [],
    enter: true,
    now: false,
    state: "queued",
    reason: "sent",
    revision: 0,
    ...given,
  });
}

const states = () => store.messages(ID).map(({ state }) => state);

test("what is sent is typed with its marker, and recorded with attempt, host and time", async () => {
  createSession();
  await startSession();
  await begin();
  bracketedPaste = true;
  send();
  await loop?.idle();
  expect(asked).toEqual([
    {
      delivery: {
        messageId: "message1",
        marker: { id: "message:message1", marker: "message", text: "message from the user: hello" },
        steps: [
          { bytes: 17, pauseMs: 100 },
          { bytes: 1, pauseMs: 100 },
        ],
      },
      text: "\x1b[200~hello\x1b[201~\r",
    },
  ]);
  expect(store.messages(ID)).toMatchObject([
    { state: "delivered", attempt: 1, hostId: hive.hostId(), deliveredAtMs: clock.now() },
  ]);
});

test("steps are counted in bytes, not in characters", async () => {
  createSession({ stdio: "pipes" });
  await startSession({ stdio: "pipes" });
  await begin();
  send({ text: "grün \u4e16" });
  await loop?.idle();
  expect(asked).toMatchObject([{ delivery: { steps: [{ bytes: 10, pauseMs: 0 }] }, text: "grün \u4e16\n" }]);
});

test("what was queued before this supervisor is typed by it, in order", async () => {
  createSession();
  await startSession();
  for (const text of ["one", "two", "three"]) send({ text });
  await begin();
  expect(asked.map(({ text }) => text)).toEqual(["one\r", "two\r", "three\r"]);
});

test("a message that waits goes out when its session starts, falls idle, or after its patience, whichever is first", async () => {
  createSession();
  await begin();
  send();
  await loop?.idle();
  expect(states()).toEqual(["queued"]);
  await startSession();
  await loop?.idle();
  expect(states()).toEqual(["delivered"]);

  become("working");
  clock.advance(1);
  send();
  await loop?.idle();
  become("idle");
  await loop?.idle();
  expect(states()).toEqual(["delivered", "delivered"]);

  become("working");
  clock.advance(1);
  send();
  await loop?.idle();
  clock.advance(RAW_PATIENCE_MS - 1);
  await loop?.idle();
  expect(states()).toEqual(["delivered", "delivered", "queued"]);
  clock.advance(1);
  await loop?.idle();
  expect(states()).toEqual(["delivered", "delivered", "delivered"]);
});

test("what the host cannot take now is asked for again, and stays under way", async () => {
  createSession();
  await startSession();
  await begin();
  const busy = fault("busy", "the program does not read its input", { retryable: true });
  answers = [busy, busy];
  send();
  await loop?.idle();
  expect(states()).toEqual(["delivering"]);
  clock.advance(100);
  await loop?.idle();
  clock.advance(200);
  await loop?.idle();
  expect(states()).toEqual(["delivered"]);
  expect(new Set(asked.map(({ delivery }) => delivery.messageId))).toEqual(new Set(["message1"]));
  expect(asked).toHaveLength(3);
});

test("one that was cut is unconfirmed, and the next is typed", async () => {
  createSession();
  await startSession();
  await begin();
  answers = ["interrupted"];
  send();
  send();
  await loop?.idle();
  expect(states()).toEqual(["unconfirmed", "delivered"]);
});

test("one that was under way when its host died is unconfirmed as soon as another host is there", async () => {
  createSession();
  await startSession();
  await begin();
  // Twice: the first look's own record of it leads to a second.
  const lost = fault("host-unavailable", "lost", { retryable: true });
  answers = [lost, lost];
  send();
  await loop?.idle();
  expect(states()).toEqual(["delivering"]);
  hive.loseHost();
  await loop?.idle();
  expect(states()).toEqual(["unconfirmed"]);
  expect(asked).toHaveLength(2);
});

test("an end that its host was the first to see puts the message back, and the session's end fails it", async () => {
  createSession();
  await startSession();
  await begin();
  answers = [fault("conflict", "the process has ended")];
  send();
  hive.exit(ID, { code: 1, signal: null });
  send();
  await loop?.idle();
  expect(states()).toEqual(["queued", "queued"]);
  transition("CRASHED");
  await loop?.idle();
  expect(states()).toEqual(["failed", "failed"]);
  expect(store.messages(ID)[1]?.reason).toBe("the session has ended: CRASHED, test");
});

test("a terminal that takes nothing while its process seems to run is not asked over and over", async () => {
  createSession();
  await startSession();
  await begin();
  answers = Array.from({ length: 100 }, () => fault("conflict", "the terminal is closed"));
  send();
  for (let seconds = 0; seconds < 60; seconds += 1) {
    await loop?.idle();
    clock.advance(1_000);
  }
  expect(states()).toEqual(["delivering"]);
  expect(asked.length).toBeLessThan(15);
});

test("a hundred in line are typed in one go, in order", async () => {
  createSession();
  await startSession();
  const texts = Array.from({ length: 100 }, (_, index) => `number ${index}`);
  for (const text of texts) send({ text });
  await begin();
  become("working");
  // After so many steps the key goes back into line: no time passes.
  for (let turns = 0; turns < 50 && store.sessionsWithMessages().length > 0; turns += 1) {
    await loop?.idle();
    clock.advance(0);
  }
  expect(asked.map(({ text }) => text)).toEqual(texts.map((text) => `${text}\r`));
});
