import { beforeEach, expect, test } from "vitest";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { Phase } from "../core/session.ts";
import { mayAct, mayRead } from "./access.ts";
import type { Caller } from "./handler.ts";
import { resolveSelection, resolveSession } from "./resolve.ts";

const PERSON: Caller = { kind: "person" };
const inside = (id: string): Caller => ({ kind: "session", session: { id, name: id } });

let store: MemoryStore;
let made = 0;
beforeEach(() => {
  store = createMemoryStore();
});

function make(
  id: string,
  name: string,
  options: { phase?: Phase; parentId?: string; labels?: Record<string, string> } = {},
): void {
  made += 1;
  const { phase, ...rest } = options;
  const created = store.createSession(sessionRecord({ id, name, token: `${id}-${made}`, ...rest }), "test");
  if (phase === undefined) return;
  store.changeSession(id, created.revision, { transition: { atMs: 1, to: phase, reason: "", evidence: {} } });
}

/** The id that a reference means, or the fault's code. */
function meant(reference: string, caller: Caller = PERSON): string {
  const found = resolveSession(store, caller, reference);
  return found.ok ? found.value.id : found.fault.code;
}
function selected(selection: Parameters<typeof resolveSelection>[2], caller: Caller = PERSON): string[] | string {
  const found = resolveSelection(store, caller, selection);
  return found.ok ? found.value.map((session) => session.id) : found.fault.code;
}

test("a name means its living session, else its latest", () => {
  make("first", "otter", { phase: "COMPLETED" });
  make("second", "otter", { phase: "CRASHED" });
  expect(meant("otter")).toBe("second");
  make("third", "otter");
  expect(meant("otter")).toBe("third");
  expect(meant("first")).toBe("first");
});

test("an unambiguous prefix of id or name, the living first", () => {
  make("aaaa", "calm-otter");
  make("abbb", "keen-heron");
  make("accc", "keen-hare", { phase: "COMPLETED" });
  expect(meant("cal")).toBe("aaaa");
  expect(meant("ab")).toBe("abbb");
  expect(meant("keen-h")).toBe("abbb");
  expect(meant("keen-ha")).toBe("accc");
  expect(meant("a")).toBe("ambiguous");
});

test("an exact name wins over a longer one", () => {
  make("aaaa", "web");
  make("bbbb", "web-2");
  expect(meant("web")).toBe("aaaa");
});

test("an ambiguous reference names its candidates, a wrong one what was perhaps meant", () => {
  make("aaaa", "calm-otter");
  make("bbbb", "calm-heron");
  expect(resolveSession(store, PERSON, "calm")).toMatchObject({
    fault: { code: "ambiguous", message: expect.stringMatching(/calm-otter.*calm-heron/) },
  });
  expect(resolveSession(store, PERSON, "calm-oter")).toMatchObject({
    fault: { code: "not-found", hint: expect.stringContaining("calm-otter") },
  });
  expect(resolveSession(store, PERSON, "zebra")).toMatchObject({ fault: { hint: expect.stringContaining("ps -a") } });
});

test("a selection by references names each once, and is a fault if one means nothing", () => {
  make("aaaa", "calm-otter");
  make("bbbb", "keen-heron");
  expect(selected({ references: ["aaaa", "calm-otter", "keen"] })).toEqual(["aaaa", "bbbb"]);
  expect(selected({ references: ["aaaa", "zebra"] })).toBe("not-found");
});

test("a selection by labels, and of all", () => {
  make("aaaa", "one", { labels: { team: "core" } });
  make("bbbb", "two", { labels: { team: "rim", old: "" } });
  make("cccc", "three");
  expect(selected({ selector: "team=core" })).toEqual(["aaaa"]);
  expect(selected({ selector: "team!=core,!old" })).toEqual(["cccc"]);
  expect(selected({ selector: "team=nobody" })).toEqual([]);
  expect(selected({ all: true })).toEqual(["aaaa", "bbbb", "cccc"]);
  expect(selected({ selector: " " })).toBe("usage");
});

test("a session reads itself and its descendants, and acts on its descendants alone", () => {
  make("root", "root");
  make("mid", "mid", { parentId: "root" });
  make("leaf", "leaf", { parentId: "mid" });
  make("other", "other");
  const table = Object.fromEntries(
    ["root", "mid", "leaf", "other"].map((caller) => {
      const sessions = store.sessions();
      const named = (may: typeof mayRead) =>
        sessions.filter((one) => may(store, inside(caller), one)).map((one) => one.id);
      return [caller, { reads: named(mayRead), acts: named(mayAct) }];
    }),
  );
  expect(table).toEqual({
    root: { reads: ["root", "mid", "leaf"], acts: ["mid", "leaf"] },
    mid: { reads: ["mid", "leaf"], acts: ["leaf"] },
    leaf: { reads: ["leaf"], acts: [] },
    other: { reads: ["other"], acts: [] },
  });
  expect(store.sessions().every((one) => mayAct(store, PERSON, one) && mayRead(store, PERSON, one))).toBe(true);
});

test("parents in a circle give nobody a right, and end", () => {
  make("one", "one", { parentId: "two" });
  make("two", "two", { parentId: "one" });
  make("three", "three");
  const one = store.session("one");
  expect(one !== undefined && mayRead(store, inside("three"), one)).toBe(false);
});

test("what a session may not read it may not resolve or stop, and `all` means what it may act on", () => {
  make("root", "root");
  make("kid", "kid", { parentId: "root" });
  make("other", "other");
  expect(meant("other", inside("root"))).toBe("not-permitted");
  expect(meant("kid", inside("root"))).toBe("kid");
  expect(selected({ references: ["other"] }, inside("root"))).toBe("not-permitted");
  expect(selected({ references: ["root"] }, inside("root"))).toBe("not-permitted");
  expect(selected({ all: true }, inside("root"))).toEqual(["kid"]);
});
