/** What every store promises of names, when sessions end, come back and are renamed, and of how much it keeps. */
import { expect, test } from "vitest";
import { MOST_TRANSITIONS, type Store } from "../../supervisor/ports/store.ts";
import { sessionRecord } from "../fakes/session-record.ts";
import { faultOf, moveTo } from "./store-calls.ts";

/** Of a thousand and more writes, each of which waits for a disk that may be slow. */
export const MANY_WRITES_MS = 120_000;
/** A store deletes in batches of its own size; none is larger. */
export const LARGEST_BATCH = 200;

export function namesAndBoundsContract(current: () => Store): void {
  test("an ended session comes back under its name, unless a living one has it meanwhile", () => {
    const store = current();
    const first = moveTo(store, store.createSession(sessionRecord({ id: "first" }), "asked for"), "CRASHED");
    const second = store.createSession(sessionRecord({ id: "second" }), "asked for");
    const heard: unknown[] = [];
    const listening = store.onChange((change) => heard.push(change));
    const refused = faultOf(() =>
      store.changeSession("first", first.revision, {
        desired: { state: "running" },
        observed: { attempt: 2, exit: null },
        transition: { atMs: 2_000, to: "STARTING", reason: "a restart was asked for", evidence: {} },
      }),
    );
    expect(refused).toMatchObject({ code: "conflict", message: "a living session is named calm-otter" });
    expect(refused.hint).toContain("overmind stop calm-otter");
    expect(store.session("first")).toEqual(first);
    expect(store.transitions("first").map(({ to }) => to)).toEqual(["PENDING", "CRASHED"]);
    expect(heard).toEqual([]);
    listening.dispose();

    moveTo(store, second, "STOPPED");
    expect(moveTo(store, first, "STARTING")).toMatchObject({ name: "calm-otter", observed: { phase: "STARTING" } });
    expect(store.sessions({ living: true }).map(({ id }) => id)).toEqual(["first"]);
    const third = sessionRecord({ id: "third" });
    expect(faultOf(() => store.createSession(third, "asked for")).code).toBe("conflict");
  });

  test("a new name is refused when a living session has it, and is told as an event otherwise", () => {
    const store = current();
    store.createSession(sessionRecord({ id: "first", name: "calm-otter" }), "asked for");
    const second = store.createSession(sessionRecord({ id: "second", name: "bold-heron" }), "asked for");
    const eventsBefore = store.events({ limit: 10 });
    const refused = faultOf(() => store.changeSession("second", second.revision, { name: "calm-otter" }));
    expect(refused).toMatchObject({ code: "conflict", message: "a living session is named calm-otter" });
    expect(store.session("second")).toEqual(second);
    expect(store.events({ limit: 10 })).toEqual(eventsBefore);

    const heard: unknown[] = [];
    store.onChange(({ sessionId, event }) => heard.push([sessionId, event?.kind]));
    const renamed = store.changeSession("second", second.revision, { name: "wise-lynx" });
    expect(renamed).toEqual({ ...second, name: "wise-lynx", revision: second.revision + 1 });
    expect(store.sessionsMatching("bold-heron")).toEqual([]);
    expect(store.sessionsMatching("wise-lynx")).toEqual([renamed]);
    expect(store.events({ limit: 10, sessionId: "second" }).slice(1)).toMatchObject([
      { kind: "session.renamed", sessionName: "wise-lynx", data: { from: "bold-heron", to: "wise-lynx" } },
    ]);
    expect(heard).toEqual([["second", "session.renamed"]]);
    // The name that it had is free for another at once.
    store.createSession(sessionRecord({ id: "third", name: "bold-heron" }), "asked for");
  });

  test("the name that a session has already is no renaming", () => {
    const store = current();
    const created = store.createSession(sessionRecord(), "asked for");
    expect(store.changeSession(created.id, created.revision, { name: created.name }).revision).toBe(2);
    expect(store.events({ limit: 10 }).map(({ kind }) => kind)).toEqual(["session.created"]);
  });

  test("an ended session may have the name of a living one, and comes back under a new name", () => {
    const store = current();
    const ended = moveTo(store, store.createSession(sessionRecord({ id: "ended" }), "asked for"), "COMPLETED");
    store.createSession(sessionRecord({ id: "living", name: "bold-heron" }), "asked for");
    const renamed = store.changeSession("ended", ended.revision, { name: "bold-heron" });
    expect(renamed.name).toBe("bold-heron");
    expect(faultOf(() => moveTo(store, renamed, "STARTING")).code).toBe("conflict");
    const heard: unknown[] = [];
    store.onChange(({ event }) => heard.push(event?.kind));
    const back = store.changeSession("ended", renamed.revision, {
      name: "wise-lynx",
      transition: { atMs: 2_000, to: "STARTING", reason: "a restart was asked for", evidence: {} },
    });
    expect(back).toMatchObject({ name: "wise-lynx", observed: { phase: "STARTING" } });
    expect(heard).toEqual(["session.renamed", "session.transition"]);
  });

  test(
    "of a session's transitions the newest are kept, within a bound; none without its marker is dropped",
    () => {
      const store = current();
      const other = store.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for");
      store.markTransitions(store.unmarkedTransitions(other.id).map(({ id }) => id));
      let session = store.createSession(sessionRecord(), "asked for");
      const move = (times: number) => {
        for (let n = 0; n < times; n += 1) session = moveTo(store, session, n % 2 === 0 ? "RUNNING" : "BACKOFF");
      };
      move(MOST_TRANSITIONS + LARGEST_BATCH);
      const all = store.transitions(session.id);
      expect(all).toHaveLength(1 + MOST_TRANSITIONS + LARGEST_BATCH);
      // Its marker is not in the log yet, however old it is.
      const [kept, ...marked] = all.map(({ id }) => id);
      store.markTransitions(marked);
      move(LARGEST_BATCH);

      const left = store.transitions(session.id).map(({ id }) => id);
      expect(left[0]).toBe(kept);
      expect(left.length).toBeLessThan(1 + MOST_TRANSITIONS + 2 * LARGEST_BATCH);
      const newestMarked = marked.slice(-MOST_TRANSITIONS);
      expect(left.slice(-MOST_TRANSITIONS - LARGEST_BATCH, -LARGEST_BATCH)).toEqual(newestMarked);
      const unmarked = store.unmarkedTransitions(session.id).map(({ id }) => id);
      expect(unmarked).toEqual([kept, ...left.slice(-LARGEST_BATCH)]);
      expect(store.transitions(other.id)).toHaveLength(1);
    },
    MANY_WRITES_MS,
  );
}
