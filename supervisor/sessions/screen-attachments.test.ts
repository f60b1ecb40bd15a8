import { beforeEach, expect, test } from "vitest";
import { failed, fault, ok } from "../../schemas/fault.ts";
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { Phase, SessionRecord } from "../core/session.ts";
import { Attachments } from "./screen-attachments.ts";

let store: MemoryStore;
let hive: FakeHive;
let attachments: Attachments;
let sizes: string[];

beforeEach(() => {
  store = createMemoryStore();
  hive = createFakeHive({ now: () => 1 });
  sizes = [];
  hive.processes.resize = (key, { columns, rows }) => {
    sizes.push(`${key.attempt}: ${columns}x${rows}`);
    return Promise.resolve(ok(undefined));
  };
  attachments = new Attachments({ store, hive });
  store.createSession(sessionRecord({ id: "a", observed: { attempt: 1 } }), "test");
  become("RUNNING");
});

function become(to: Phase, attempt = 1): void {
  store.changeSession("a", session().revision, {
    observed: { attempt },
    transition: { atMs: 1, to, reason: "", evidence: {} },
  });
}
function session(): SessionRecord {
  const found = store.session("a");
  if (found === undefined) throw new Error("no session a");
  return found;
}
const size = (columns: number, rows: number) => ({ columns, rows });
function attach(columns: number | undefined, options: { readOnly?: boolean } = {}) {
  const given = columns === undefined ? undefined : size(columns, 40);
  const attachment = attachments.add(session(), { size: given, readOnly: options.readOnly ?? false });
  void attachments.settle("a");
  return attachment;
}

test("the first rules at once, then the last to type, and nobody's size is the session's own", () => {
  const [first, second] = [attach(80), attach(90)];
  expect(sizes).toEqual(["1: 80x40"]);
  void attachments.typed(second);
  void attachments.typed(second);
  void attachments.typed(first);
  expect(sizes).toEqual(["1: 80x40", "1: 90x40", "1: 80x40"]);
  expect([attachments.rules(first), attachments.rules(second)]).toEqual([true, false]);
  first.dispose();
  expect(sizes.at(-1)).toBe("1: 90x40");
  second.dispose();
  second.dispose();
  expect(sizes.slice(4)).toEqual(["1: 120x30"]);
  expect(attachments.count("a")).toBe(0);
});

test("of those who stay the latest typist rules, not the latest to come", () => {
  const [first, second, third] = [attach(81), attach(82), attach(83)];
  void attachments.typed(second);
  void attachments.typed(first);
  first.dispose();
  expect(attachments.rules(second)).toBe(true);
  second.dispose();
  expect(attachments.rules(third)).toBe(true);
});

test("whoever only looks is counted, and neither rules nor answers", () => {
  const looks = attach(80, { readOnly: true });
  attachments.begin(looks);
  void attachments.typed(attach(90));
  expect(attachments.count("a")).toBe(2);
  expect(attachments.answersQueries("a")).toBe(false);
  void attachments.resized(looks, size(50, 50));
  expect(sizes).toEqual(["1: 90x40"]);
});

test("a terminal answers once it has its screen", () => {
  const attachment = attach(80);
  expect(attachments.answersQueries("a")).toBe(false);
  attachments.begin(attachment);
  expect(attachments.answersQueries("a")).toBe(true);
  attachment.dispose();
  expect(attachments.answersQueries("a")).toBe(false);
});

test("one without a size rules over none, and the size stays", () => {
  const piped = attach(undefined);
  const [typist] = [attach(80)];
  void attachments.typed(typist);
  void attachments.typed(piped);
  expect(sizes).toEqual(["1: 80x40"]);
  expect(attachments.rules(piped)).toBe(true);
});

test("another size of the one who rules is given at once, of another when that one types", () => {
  const [ruler, other] = [attach(80), attach(90)];
  void attachments.resized(other, size(91, 40));
  void attachments.resized(ruler, size(81, 40));
  void attachments.typed(other);
  expect(sizes).toEqual(["1: 80x40", "1: 81x40", "1: 91x40"]);
});

test("the session's own size can be set, and is what it has again at the end", () => {
  const attachment = attach(80);
  void attachments.resizeSession(session(), size(100, 50));
  void attachments.typed(attachment);
  attachment.dispose();
  expect(sizes).toEqual(["1: 80x40", "1: 100x50", "1: 80x40", "1: 100x50"]);
});

test("a new start is given the size of who is attached", () => {
  attach(80);
  become("CRASHED");
  become("STARTING", 2);
  expect(sizes).toEqual(["1: 80x40"]);
  become("RUNNING", 2);
  expect(sizes).toEqual(["1: 80x40", "2: 80x40"]);
});

test("a size that could not be given is given again with the next key, and with the next process host", async () => {
  const give = hive.processes.resize;
  hive.processes.resize = () => Promise.resolve(failed(fault("host-unavailable", "no host")));
  const attachment = attach(80);
  await new Promise(setImmediate);
  hive.processes.resize = give;
  void attachments.typed(attachment);
  expect(sizes).toEqual(["1: 80x40"]);
  hive.loseHost();
  expect(sizes).toEqual(["1: 80x40"]);
});
