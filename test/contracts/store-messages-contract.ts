/** What every store promises of messages and screens. */
import { expect, test } from "vitest";
import type { MessageRecord, MessageState, ScreenSnapshot } from "../../supervisor/core/session.ts";
import { MOST_QUEUED_MESSAGES, MOST_SETTLED_MESSAGES, type Store } from "../../supervisor/ports/store.ts";
import { messageRecord } from "../fakes/message-record.ts";
import { sessionRecord } from "../fakes/session-record.ts";
import { faultOf, moveTo } from "./store-calls.ts";
import { LARGEST_BATCH, MANY_WRITES_MS } from "./store-names-contract.ts";

const SESSION = sessionRecord().id;
const SCREEN: ScreenSnapshot = {
  attempt: 1,
  offset: 5_000_000_000,
  held: Uint8Array.of(0x1b, 0x5b, 0, 0xff),
  columns: 80,
  rows: 24,
  ansi: "\u001b[2J\u001b[1;1Hready \u2713",
  fullScreen: true,
};

export function messageContract(current: () => Store): void {
  test("a message is queued with its event, which does not hold its text", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const given = messageRecord({ text: "the password is swordfish", keys: ["ctrl-c"], enter: false, now: true });
    const queued = store.createMessage(given);
    expect(queued).toEqual({ ...given, sequence: 1, revision: 1 });
    expect(store.message(given.id)).toEqual(queued);
    expect(store.messages(SESSION)).toEqual([queued]);
    expect(store.messages(SESSION, { unsettled: true })).toEqual([queued]);
    expect(store.sessionsWithMessages()).toEqual([SESSION]);
    const events = store.events({ limit: 10 }).slice(1);
    expect(events).toEqual([
      {
        id: 2,
        hiveId: sessionRecord().hiveId,
        atMs: given.createdAtMs,
        kind: "message.queued",
        sessionId: SESSION,
        sessionName: "calm-otter",
        data: { message: given.id, by: "the user", reason: "sent by the user" },
      },
    ]);
    expect(JSON.stringify(events)).not.toContain("swordfish");
  });

  test("a message that is sent again is the one that is there, whatever has become of it", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const queued = store.createMessage(messageRecord());
    expect(store.createMessage(messageRecord({ text: "another text" }))).toEqual(queued);
    const delivered = change(store, queued, "delivered");
    const heard: unknown[] = [];
    store.onChange((change) => heard.push(change));
    expect(store.createMessage(messageRecord())).toEqual(delivered);
    expect(store.messages(SESSION)).toEqual([delivered]);
    expect(store.messages(SESSION, { unsettled: true })).toEqual([]);
    expect(store.events({ limit: 10 })).toHaveLength(3);
    expect(heard).toEqual([]);
  });

  test("what is queued is a copy: the caller keeps no hand on it", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const keys = ["enter"];
    store.createMessage(messageRecord({ keys }));
    keys.push("ctrl-d");
    expect(store.messages(SESSION, { unsettled: true })[0]?.keys).toEqual(["enter"]);
  });

  test("messages are in order of arrival, of each session and over all", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    store.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for");
    const first = store.createMessage(messageRecord({ id: "z", createdAtMs: 9_000 }));
    store.createMessage(messageRecord({ id: "m", sessionId: "other" }));
    store.createMessage(messageRecord({ id: "a", createdAtMs: 1_000 }));
    // A change leaves a message at its place.
    change(store, first, "delivering");
    const ids = (sessionId: string, unsettled: boolean) =>
      store.messages(sessionId, { unsettled }).map(({ id, sequence }) => `${id} ${sequence}`);
    for (const unsettled of [true, false]) {
      expect(ids(SESSION, unsettled)).toEqual(["z 1", "a 3"]);
      expect(ids("other", unsettled)).toEqual(["m 2"]);
      expect(ids("nobody", unsettled)).toEqual([]);
    }
    expect([...store.sessionsWithMessages()].sort()).toEqual([SESSION, "other"].sort());
  });

  test("a change sets what it names and what is absent stays, and a change of state is told as an event", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const queued = store.createMessage(messageRecord());
    const heard: unknown[] = [];
    store.onChange(({ sessionId, message, event }) => heard.push([sessionId, message, event?.kind]));
    const delivering = store.changeMessage(queued.id, queued.revision, {
      state: "delivering",
      reason: "it is being typed",
      atMs: 2_000,
      attempt: 3,
      hostId: "host-1",
    });
    const inTyping = { state: "delivering", reason: "it is being typed", attempt: 3, hostId: "host-1" } as const;
    expect(delivering).toEqual({ ...queued, ...inTyping, revision: 2 });
    const again = store.changeMessage(queued.id, 2, { state: "delivering", reason: "asked once more", atMs: 2_500 });
    expect(again).toEqual({ ...delivering, reason: "asked once more", revision: 3 });
    expect(store.messages(SESSION, { unsettled: true })).toEqual([again]);
    const delivered = store.changeMessage(queued.id, 3, {
      state: "delivered",
      reason: "it was typed",
      atMs: 3_000,
      deliveredAtMs: 2_900,
    });
    const settled = { state: "delivered", reason: "it was typed", deliveredAtMs: 2_900, revision: 4 } as const;
    expect(delivered).toEqual({ ...again, ...settled });

    expect(store.message(queued.id)).toEqual(delivered);
    expect(store.messages(SESSION)).toEqual([delivered]);
    expect(store.messages(SESSION, { unsettled: true })).toEqual([]);
    expect(store.sessionsWithMessages()).toEqual([]);
    expect(store.events({ limit: 10 }).slice(2)).toMatchObject([
      { kind: "message.delivering", atMs: 2_000, data: { message: queued.id, reason: "it is being typed" } },
      { kind: "message.delivered", atMs: 3_000, data: { message: queued.id, by: "the user", reason: "it was typed" } },
    ]);
    expect(heard).toEqual([
      [undefined, delivering, "message.delivering"],
      [undefined, again, undefined],
      [undefined, delivered, "message.delivered"],
    ]);
  });

  test("a message that nobody could deliver may be queued again", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const queued = store.createMessage(messageRecord());
    const again = change(store, change(store, queued, "delivering"), "queued");
    expect(store.messages(SESSION, { unsettled: true })).toEqual([again]);
    expect(store.events({ limit: 10 }).map(({ kind }) => kind)).toEqual([
      "session.created",
      "message.queued",
      "message.delivering",
      "message.queued",
    ]);
  });

  test("a change that was decided on an older revision is a conflict, and so is one of what is settled or gone", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    const queued = store.createMessage(messageRecord());
    const delivering = change(store, queued, "delivering");
    const heard: unknown[] = [];
    const listening = store.onChange((told) => heard.push(told));
    expect(faultOf(() => change(store, queued, "delivering"))).toMatchObject({
      code: "conflict",
      message: "message message-1 has changed meanwhile",
      retryable: true,
    });
    expect(faultOf(() => change(store, { ...queued, id: "nobody" }, "delivering")).code).toBe("conflict");
    expect(store.message(queued.id)).toEqual(delivering);
    expect(heard).toEqual([]);
    listening.dispose();

    for (const state of ["delivered", "unconfirmed", "failed"] as const) {
      const settled = change(store, store.createMessage(messageRecord({ id: state })), state);
      expect(faultOf(() => change(store, settled, "delivering")).code, state).toBe("conflict");
      expect(store.message(state)).toEqual(settled);
    }
  });

  test(
    "a session takes so many messages, and more once some are settled; others are not in its way",
    () => {
      const store = current();
      store.createSession(sessionRecord(), "asked for");
      store.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for");
      const queued: MessageRecord[] = [];
      for (let n = 0; n < MOST_QUEUED_MESSAGES; n += 1) {
        queued.push(store.createMessage(messageRecord({ id: `message-${n}` })));
      }
      const oneMore = messageRecord({ id: "one-more" });
      const refused = faultOf(() => store.createMessage(oneMore));
      expect(refused).toMatchObject({ code: "busy", retryable: true });
      expect(refused.message).toContain("calm-otter");
      expect(store.message("one-more")).toBeUndefined();
      // One that is there already is no further one.
      expect(store.createMessage(messageRecord({ id: "message-7" }))).toEqual(queued[7]);
      expect(store.createMessage(messageRecord({ id: "elsewhere", sessionId: "other" })).revision).toBe(1);

      for (const message of queued.slice(0, 1)) change(store, message, "failed");
      expect(store.createMessage(oneMore).state).toBe("queued");
      expect(store.messages(SESSION, { unsettled: true })).toHaveLength(MOST_QUEUED_MESSAGES);
    },
    MANY_WRITES_MS,
  );

  test(
    "of a session's settled messages the newest are kept, within a bound, and all that are not settled",
    () => {
      const store = current();
      store.createSession(sessionRecord(), "asked for");
      const oldest = store.createMessage(messageRecord({ id: "oldest" }));
      const total = MOST_SETTLED_MESSAGES + 2 * LARGEST_BATCH;
      for (let n = 0; n < total; n += 1) {
        change(store, store.createMessage(messageRecord({ id: `message-${n}` })), "delivered");
      }
      const left = store.messages(SESSION).map(({ id }) => id);
      expect(left[0]).toBe("oldest");
      expect(left.length).toBeLessThan(1 + MOST_SETTLED_MESSAGES + LARGEST_BATCH);
      const newest = Array.from(
        { length: MOST_SETTLED_MESSAGES },
        (_, n) => `message-${total - MOST_SETTLED_MESSAGES + n}`,
      );
      expect(left.slice(-MOST_SETTLED_MESSAGES)).toEqual(newest);
      expect(store.message("message-0")).toBeUndefined();
      expect(store.messages(SESSION, { unsettled: true })).toEqual([oldest]);
    },
    MANY_WRITES_MS,
  );

  test("messages and the screen go with their session; the events stay", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    change(store, store.createMessage(messageRecord({ id: "settled" })), "delivered");
    const queued = store.createMessage(messageRecord({ id: "queued" }));
    store.saveScreen(SESSION, SCREEN);
    store.removeSession(SESSION, 2_000, {});
    expect(store.messages(SESSION)).toEqual([]);
    expect(store.messages(SESSION, { unsettled: true })).toEqual([]);
    expect([store.message("settled"), store.message("queued")]).toEqual([undefined, undefined]);
    expect(store.sessionsWithMessages()).toEqual([]);
    expect(store.screen(SESSION)).toBeUndefined();
    expect(faultOf(() => change(store, queued, "delivering")).code).toBe("conflict");
    expect(faultOf(() => store.createMessage(messageRecord({ id: "late" }))).code).toBe("conflict");
    expect(store.events({ limit: 10, sessionId: SESSION }).map(({ kind }) => kind)).toEqual([
      "session.created",
      "message.queued",
      "message.delivered",
      "message.queued",
      "session.removed",
    ]);
    // The same session made anew has none of it.
    store.createSession(sessionRecord(), "asked for");
    expect(store.messages(SESSION)).toEqual([]);
    expect(store.screen(SESSION)).toBeUndefined();
    expect(store.createMessage(messageRecord({ id: "new" })).sequence).toBe(3);
  });

  test("the last message in turn is the newest that was delivered and had to wait", () => {
    const store = current();
    store.createSession(sessionRecord(), "asked for");
    store.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for");
    expect(store.lastInTurn(SESSION)).toBeUndefined();
    const send = (id: string, given: Partial<MessageRecord>) => store.createMessage(messageRecord({ id, ...given }));
    const [first, second] = [send("first", {}), send("second", {})];
    change(store, send("at-once", { now: true }), "delivered");
    change(store, send("elsewhere", { sessionId: "other" }), "delivered");
    change(store, send("unconfirmed", {}), "unconfirmed");
    send("queued", {});
    expect(store.lastInTurn(SESSION)).toBeUndefined();
    const delivered = change(store, second, "delivered");
    change(store, first, "delivered");
    expect(store.lastInTurn(SESSION)).toEqual(delivered);
  });

  test("messages stay when their session ends", () => {
    const store = current();
    const created = store.createSession(sessionRecord(), "asked for");
    const queued = store.createMessage(messageRecord());
    moveTo(store, created, "CRASHED");
    expect(store.messages(SESSION, { unsettled: true })).toEqual([queued]);
    expect(change(store, queued, "failed").state).toBe("failed");
  });

  test("a session's screen is the last that was saved, and nothing is told of it", () => {
    const store = current();
    const created = store.createSession(sessionRecord(), "asked for");
    const heard: unknown[] = [];
    store.onChange((told) => heard.push(told));
    expect(store.screen(SESSION)).toBeUndefined();
    store.saveScreen(SESSION, { ...SCREEN, held: new Uint8Array(), ansi: "", fullScreen: false });
    expect(store.screen(SESSION)).toEqual({ ...SCREEN, held: new Uint8Array(), ansi: "", fullScreen: false });
    // The caller goes on writing to the memory that it gave a view of.
    const memory = Uint8Array.of(0, 0x1b, 0x5b, 0, 0xff, 0);
    store.saveScreen(SESSION, { ...SCREEN, held: memory.subarray(1, 5) });
    memory.fill(0);
    expect(store.screen(SESSION)).toEqual(SCREEN);
    store.saveScreen("nobody", SCREEN);
    expect(store.screen("nobody")).toBeUndefined();
    expect(store.session(SESSION)).toEqual(created);
    expect(heard).toEqual([]);
  });
}

function change(store: Store, { id, revision }: MessageRecord, state: MessageState): MessageRecord {
  return store.changeMessage(id, revision, { state, reason: `to ${state}`, atMs: 1_500 });
}
