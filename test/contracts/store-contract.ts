/** What every store promises (supervisor/ports/store.ts), run on the real one and on the fake. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Phase } from "../../supervisor/core/session.ts";
import type { Store } from "../../supervisor/ports/store.ts";
import { sessionRecord } from "../fakes/session-record.ts";
import { faultOf, moveTo } from "./store-calls.ts";
import { messageContract } from "./store-messages-contract.ts";
import { namesAndBoundsContract } from "./store-names-contract.ts";

export interface OpenedStore {
  readonly store: Store;
  /** Closes the store and whatever was made for it. */
  dispose(): void;
}

export function storeContract(name: string, open: () => OpenedStore): void {
  describe(`${name} keeps the contract of a store`, () => {
    let opened: OpenedStore;
    let store: Store;
    beforeEach(() => {
      opened = open();
      store = opened.store;
    });
    afterEach(() => opened.dispose());

    messageContract(() => store);
    namesAndBoundsContract(() => store);

    test("a session is created with its first transition and its event", () => {
      const created = store.createSession(
        sessionRecord({ labels: { team: "red" }, parentId: "parent" }),
        "asked for by the user",
      );

      const given = sessionRecord({
        labels: { team: "red" },
        parentId: "parent",
        revision: 1,
        observed: { reason: "asked for by the user" },
      });
      expect(created).toEqual(given);
      expect(store.session("abcdefghijkl")).toEqual(created);
      expect(store.transitions("abcdefghijkl")).toEqual([
        {
          id: 1,
          sessionId: "abcdefghijkl",
          atMs: 1_000,
          from: null,
          to: "PENDING",
          attempt: 0,
          reason: "asked for by the user",
          evidence: {},
        },
      ]);
      expect(store.events({ limit: 10 })).toEqual([
        {
          id: 1,
          hiveId: given.hiveId,
          atMs: 1_000,
          kind: "session.created",
          sessionId: "abcdefghijkl",
          sessionName: "calm-otter",
          data: { reason: "asked for by the user", agent: "worker", project: "/project" },
        },
      ]);
    });

    test("what is created is a copy: the caller keeps no hand on it", () => {
      const environment: Record<string, string> = { PATH: "/usr/bin" };
      store.createSession(sessionRecord({ spec: { environment } }), "asked for");
      environment.PATH = "/elsewhere";
      expect(store.session("abcdefghijkl")?.spec.environment).toEqual({ PATH: "/usr/bin" });
    });

    test("a name is unique among the living, and free again after the end", () => {
      const first = store.createSession(sessionRecord({ id: "first" }), "asked for");
      const second = sessionRecord({ id: "second" });
      expect(faultOf(() => store.createSession(second, "asked for"))).toMatchObject({
        code: "conflict",
        message: "a living session is named calm-otter",
      });
      expect(store.sessions().map(({ id }) => id)).toEqual(["first"]);

      const ended = moveTo(store, first, "COMPLETED");
      store.createSession(second, "asked for");
      expect(store.sessions().map(({ id }) => id)).toEqual(["first", "second"]);
      expect(faultOf(() => moveTo(store, ended, "STARTING")).code).toBe("conflict");
      expect(store.session("first")).toEqual(ended);
    });

    test("a change sets what it names, null clears, and what is absent stays", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      const main = { pid: 7, startTime: "70" };
      const started = store.changeSession(created.id, created.revision, {
        workspace: { ...created.workspace, made: true },
        observed: { attempt: 1, hostId: "host-1", main, ending: { cause: "asked", ended: [] } },
      });
      expect(started).toEqual({
        ...created,
        revision: created.revision + 1,
        workspace: { ...created.workspace, made: true },
        observed: { ...created.observed, attempt: 1, hostId: "host-1", main, ending: { cause: "asked", ended: [] } },
      });

      const desired = { state: "stopped", mode: "stop", graceMs: 5, requestedAtMs: 2_000, by: "the user" } as const;
      const stopping = store.changeSession(created.id, started.revision, {
        desired,
        observed: { ending: null, hostId: null },
      });
      expect(stopping.desired).toEqual(desired);
      expect(stopping.observed).toEqual({ ...created.observed, attempt: 1, main });
      expect(store.session(created.id)).toEqual(stopping);
    });

    test("a change that was decided on an older revision is a conflict and changes nothing", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      const changed = store.changeSession(created.id, created.revision, { observed: { attempt: 1 } });
      const stale = faultOf(() => moveTo(store, created, "STARTING"));
      expect(stale).toMatchObject({
        code: "conflict",
        message: "session calm-otter has changed meanwhile",
        retryable: true,
      });
      expect(store.session(created.id)).toEqual(changed);
      expect(store.transitions(created.id)).toHaveLength(1);
      expect(store.events({ limit: 10 })).toHaveLength(1);
    });

    test("a change of what has been removed is a conflict", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      store.removeSession(created.id, 2_000, {});
      expect(faultOf(() => moveTo(store, created, "STARTING")).code).toBe("conflict");
    });

    test("a transition sets phase and reason, and is kept with its evidence, and is told as an event", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      const evidence = { pid: 7, list: [{ pid: 8, command: "sleep" }] };
      const running = store.changeSession(created.id, created.revision, {
        observed: { attempt: 1 },
        transition: { atMs: 2_000, to: "RUNNING", reason: "started as process 7", evidence },
      });
      expect(running.observed).toEqual({ phase: "RUNNING", reason: "started as process 7", attempt: 1, restarts: 0 });
      expect(store.transitions(created.id).slice(1)).toEqual([
        {
          id: 2,
          sessionId: created.id,
          atMs: 2_000,
          from: "PENDING",
          to: "RUNNING",
          attempt: 1,
          reason: "started as process 7",
          evidence,
        },
      ]);
      expect(store.events({ limit: 10 }).slice(1)).toMatchObject([
        {
          id: 2,
          atMs: 2_000,
          kind: "session.transition",
          sessionId: created.id,
          sessionName: "calm-otter",
          data: { from: "PENDING", to: "RUNNING", reason: "started as process 7", attempt: 1 },
        },
      ]);
    });

    test("transitions are unmarked until they are marked", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      const other = store.createSession(sessionRecord({ id: "other", name: "bold-heron" }), "asked for");
      moveTo(store, moveTo(store, created, "STARTING"), "RUNNING");
      const ids = store.transitions(created.id).map(({ id }) => id);
      expect(store.unmarkedTransitions(created.id)).toEqual(store.transitions(created.id));

      store.markTransitions(ids.slice(0, 2));
      expect(store.unmarkedTransitions(created.id).map(({ to }) => to)).toEqual(["RUNNING"]);
      store.markTransitions(ids);
      expect(store.unmarkedTransitions(created.id)).toEqual([]);
      expect(store.unmarkedTransitions(other.id)).toHaveLength(1);
      expect(store.transitions(created.id)).toHaveLength(3);
    });

    test("sessions are listed in the order they were made, by phase and colony", () => {
      const ended = store.createSession(sessionRecord({ id: "one", name: "one" }), "asked for");
      store.createSession(sessionRecord({ id: "two", name: "two", colony: "red" }), "asked for");
      store.createSession(sessionRecord({ id: "three", name: "three" }), "asked for");
      moveTo(store, ended, "CRASHED");
      const ids = (filter?: Parameters<Store["sessions"]>[0]) => store.sessions(filter).map(({ id }) => id);
      expect(ids()).toEqual(["one", "two", "three"]);
      expect(ids({ living: true })).toEqual(["two", "three"]);
      expect(ids({ living: false })).toEqual(["one"]);
      expect(ids({ colony: "default" })).toEqual(["one", "three"]);
      expect(ids({ living: true, colony: "default" })).toEqual(["three"]);
    });

    test("what people type finds sessions by name and by the beginning of an id, the living first, then the newest", () => {
      const make = (id: string, phase: Phase) => {
        const created = store.createSession(sessionRecord({ id, name: "otter" }), "asked for");
        if (phase !== "PENDING") moveTo(store, created, phase);
      };
      make("aaaa1", "COMPLETED");
      make("aabb2", "CRASHED");
      make("aacc3", "STOPPED");
      make("aadd4", "PENDING");
      store.createSession(sessionRecord({ id: "bbbb5", name: "aa" }), "asked for");
      const matching = (text: string) => store.sessionsMatching(text).map(({ id }) => id);
      expect(matching("otter")).toEqual(["aadd4", "aacc3", "aabb2", "aaaa1"]);
      expect(matching("aaaa1")).toEqual(["aaaa1"]);
      expect(matching("aa")).toEqual(["bbbb5", "aadd4", "aacc3", "aabb2", "aaaa1"]);
      expect(matching("ott")).toEqual([]);
      expect(matching("%")).toEqual([]);
      expect(matching("")).toEqual([]);
    });

    test("a token finds its session until it is removed", () => {
      const created = store.createSession(sessionRecord({ token: "secret" }), "asked for");
      const changed = moveTo(store, created, "STARTING");
      expect(store.sessionByToken("secret")).toEqual(changed);
      expect(store.sessionByToken("secre")).toBeUndefined();
      store.removeSession(created.id, 2_000, {});
      expect(store.sessionByToken("secret")).toBeUndefined();
    });

    test("a removal deletes the session and its transitions; its events stay", () => {
      const created = store.createSession(sessionRecord(), "asked for");
      store.removeSession(created.id, 2_000, { savedAs: "refs/overmind/trash/abcdefghijkl" });
      store.removeSession(created.id, 2_001, {});
      expect(store.session(created.id)).toBeUndefined();
      expect(store.sessions()).toEqual([]);
      expect(store.transitions(created.id)).toEqual([]);
      const events = store.events({ limit: 10, sessionId: created.id });
      expect(events.map(({ kind }) => kind)).toEqual(["session.created", "session.removed"]);
      expect(events[1]).toMatchObject({
        atMs: 2_000,
        sessionName: "calm-otter",
        data: { savedAs: "refs/overmind/trash/abcdefghijkl" },
      });
    });

    test("no number of a transition or an event is given twice", () => {
      const first = store.createSession(sessionRecord(), "asked for");
      store.removeSession(first.id, 2_000, {});
      store.createSession(sessionRecord(), "asked for");
      expect(store.transitions(first.id).map(({ id }) => id)).toEqual([2]);
      expect(store.events({ limit: 10 }).map(({ id }) => id)).toEqual([1, 2, 3]);
    });

    test("events are paged from where the reader is", () => {
      for (let n = 1; n <= 5; n += 1) {
        const sessionId = n % 2 === 0 ? { sessionId: "even" } : {};
        const stored = store.appendEvent({ atMs: n, kind: `kind.${n}`, data: { n }, ...sessionId });
        expect(stored).toEqual({ id: n, hiveId: store.hiveId, atMs: n, kind: `kind.${n}`, data: { n }, ...sessionId });
      }
      const ids = (query: Parameters<Store["events"]>[0]) => store.events(query).map(({ id }) => id);
      expect(ids({ limit: 2 })).toEqual([1, 2]);
      expect(ids({ afterId: 2, limit: 2 })).toEqual([3, 4]);
      expect(ids({ afterId: 4, limit: 2 })).toEqual([5]);
      expect(ids({ afterId: 5, limit: 2 })).toEqual([]);
      expect(ids({ limit: 10, sessionId: "even" })).toEqual([2, 4]);
      expect(ids({ afterId: 2, limit: 10, sessionId: "even" })).toEqual([4]);
      expect(ids({ limit: 10, sessionId: "nobody" })).toEqual([]);
    });

    test("the last N events follow the id that is given for them", () => {
      expect(store.eventIdBeforeLast(3)).toBe(0);
      for (let n = 1; n <= 5; n += 1) store.appendEvent({ atMs: n, kind: "tick", data: {} });
      expect(store.events({ afterId: store.eventIdBeforeLast(2), limit: 10 }).map(({ id }) => id)).toEqual([4, 5]);
      expect(store.eventIdBeforeLast(0)).toBe(5);
      expect(store.eventIdBeforeLast(5)).toBe(0);
      expect(store.eventIdBeforeLast(50)).toBe(0);
    });

    test("each epoch is higher than the one before", () => {
      expect([store.nextEpoch(), store.nextEpoch(), store.nextEpoch()]).toEqual([1, 2, 3]);
    });

    test("listeners hear of each write after it, with its event, until they are disposed of", () => {
      const heard: string[] = [];
      const listening = store.onChange(({ sessionId, event }) => {
        const phase = sessionId === undefined ? "-" : (store.session(sessionId)?.observed.phase ?? "gone");
        heard.push(`${sessionId ?? "-"} ${event?.kind ?? "-"} ${phase}`);
      });
      const created = store.createSession(sessionRecord({ id: "one" }), "asked for");
      const started = moveTo(store, created, "STARTING");
      store.changeSession("one", started.revision, { observed: { attempt: 1 } });
      store.appendEvent({ atMs: 1, kind: "host.lost", data: {} });
      store.markTransitions([1]);
      store.nextEpoch();
      store.removeSession("one", 2_000, {});
      listening.dispose();
      store.appendEvent({ atMs: 1, kind: "unheard", data: {} });
      expect(heard).toEqual([
        "one session.created PENDING",
        "one session.transition STARTING",
        "one - STARTING",
        "- host.lost -",
        "one session.removed gone",
      ]);
    });

    test("listeners hear in the order of the writes, also when one of them writes", () => {
      const heard: string[] = [];
      store.onChange(({ event }) => {
        if (event?.kind === "first") store.appendEvent({ atMs: 2, kind: "second", data: {} });
      });
      store.onChange(({ event }) => heard.push(event?.kind ?? "-"));
      store.appendEvent({ atMs: 1, kind: "first", data: {} });
      expect(heard).toEqual(["first", "second"]);
    });

    test("a listener that throws harms neither the write nor the other listeners", () => {
      const heard: string[] = [];
      store.onChange(() => {
        throw new Error("a listener's defect");
      });
      store.onChange(({ event }) => heard.push(event?.kind ?? "-"));
      expect(store.createSession(sessionRecord(), "asked for").name).toBe("calm-otter");
      store.appendEvent({ atMs: 1, kind: "later", data: {} });
      expect(heard).toEqual(["session.created", "later"]);
      expect(store.events({ limit: 10 })).toHaveLength(2);
    });

    test("a refused write is told to nobody", () => {
      store.createSession(sessionRecord(), "asked for");
      const heard: unknown[] = [];
      store.onChange((change) => heard.push(change));
      expect(faultOf(() => store.createSession(sessionRecord({ id: "second" }), "asked for")).code).toBe("conflict");
      expect(faultOf(() => store.changeSession("abcdefghijkl", 77, {})).code).toBe("conflict");
      expect(heard).toEqual([]);
    });
  });
}
