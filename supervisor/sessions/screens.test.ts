import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ok } from "../../schemas/fault.ts";
import { RecordKind } from "../../schemas/segment.ts";
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { Attachments } from "./screen-attachments.ts";
import { Screens } from "./screens.ts";
import { loadEmulator } from "./terminal-emulator.ts";
import { memoryStreams, type WrittenStreams } from "./written-streams.fake.ts";

const ID = "session";
let clock: MovedClock;
let store: MemoryStore;
let hive: FakeHive;
let streams: WrittenStreams;
let attachments: Attachments;
let screens: Screens;
let typed: string[];

// It is loaded from the disk, which takes no number of turns.
beforeAll(async () => void (await loadEmulator()));
beforeEach(() => {
  clock = createMovedClock();
  store = createMemoryStore();
  streams = memoryStreams();
  hive = { ...createFakeHive({ now: clock.now }), streams };
  typed = [];
  hive.processes.input = (_key, bytes) => {
    typed.push(Buffer.from(bytes).toString());
    return Promise.resolve(ok(undefined));
  };
  store.createSession(sessionRecord({ id: ID, observed: { attempt: 1 } }), "test");
  supervise();
});

/** A supervisor begins. */
function supervise(): void {
  attachments = new Attachments({ store, hive });
  screens = new Screens({ store, hive, clock, attachments, log: { info() {}, warn() {}, error() {} } });
  clock.advance(1);
}

/** Lets what is asked for be answered, and who works have turns. */
async function turns(count = 40): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise(setImmediate);
    clock.advance(1);
  }
}

/** The program writes, and the hive tells of it. */
async function says(text: string, options: { attempt?: number; ago?: number; kind?: number } = {}): Promise<void> {
  const { attempt = 1, ago = 0, kind = RecordKind.terminal } = options;
  streams.write(attempt, text, { kind, timeMs: clock.now() - ago });
  hive.activity({ sessionId: ID, process: "main", attempt }, clock.now());
  await turns();
}

async function whenDone<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const settled = promise.finally(() => {
    done = true;
  });
  while (!done) await turns(1);
  return settled;
}

async function reader(attempt = 1) {
  const current = await whenDone(screens.current(ID, attempt, 1000));
  if (!current.ok) throw new Error(current.fault.message);
  return current.value;
}

async function lines(attempt = 1): Promise<string[]> {
  const shown = (await reader(attempt)).text({ scrollback: true });
  return [...shown.scrollback, ...shown.lines].filter((line) => line !== "");
}

const silence = async () => {
  clock.advance(20_000);
  await turns(1);
};

test("a screen is there as soon as its program says something, in the size that the stream tells", async () => {
  await says(JSON.stringify({ columns: 90, rows: 20 }), { kind: RecordKind.resize });
  await says("one\r\ntwo");
  expect(screens.usage()).toEqual({ live: 1, folded: 0, foldedBytes: 0 });
  expect(await lines()).toEqual(["one", "two"]);
  const { model, offset, recordMs } = await reader();
  expect([model.columns, model.rows]).toEqual([90, 20]);
  expect(offset).toBe(16 * 2 + 24 + 8);
  expect(recordMs).toBeGreaterThan(1_000_000);
});

test("after a supervisor's start nothing is read until somebody looks", async () => {
  streams.write(1, "before");
  await turns();
  expect(screens.usage().live).toBe(0);
  expect(streams.followed()).toEqual([]);
  expect(await lines()).toEqual(["before"]);
});

test("a sequence that is cut is held back, and goes on with the next bytes", async () => {
  await says("red: \x1b[3");
  expect(Buffer.from((await reader()).snapshot().held).toString()).toBe("\x1b[3");
  await says("1mred");
  expect((await reader()).text({ scrollback: false }).ansi).toContain("red: \x1b[0;31mred\x1b[m");
});

test("each attempt has a screen of its own", async () => {
  await says("first");
  await says("second", { attempt: 2 });
  expect(await lines(2)).toEqual(["second"]);
  // Whoever still asks for the one before is shown what is there now.
  expect(await lines(1)).toEqual(["second"]);
  expect(streams.followed()).toMatchObject([{ attempt: 2 }]);
});

describe("a silent screen", () => {
  const much = "a line of text that is long enough\r\n".repeat(3000);

  test("is folded, and goes on where it was when its program speaks again", async () => {
    await says(`${much}last`);
    await silence();
    const { foldedBytes, ...counts } = screens.usage();
    expect(counts).toEqual({ live: 0, folded: 1 });
    expect(foldedBytes).toBe(store.screen(ID)?.ansi.length);
    expect(store.screen(ID)).toMatchObject({ attempt: 1, offset: 16 + much.length + 4, columns: 120, rows: 30 });
    expect(streams.followed()).toEqual([]);
    expect(clock.nextTimerMs()).toBeUndefined();
    // From the painting: what is on the disk is not read again.
    streams.drop(1, 16 + much.length + 4);
    await says(" and more\x1b[?2004h");
    expect((await lines()).at(-1)).toBe("last and more");
    expect(await whenDone(screens.modes(ID))).toEqual({ bracketedPaste: true, applicationCursor: false });
  });

  test("is asked for its modes without being made again", async () => {
    await says(`\x1b[?2004h\x1b[?1h${much}`);
    await silence();
    expect(await whenDone(screens.modes(ID))).toEqual({ bracketedPaste: true, applicationCursor: true });
    expect(screens.usage()).toMatchObject({ live: 0, folded: 1 });
    await says("\x1b[?2004l");
    expect(await whenDone(screens.modes(ID))).toEqual({ bracketedPaste: false, applicationCursor: true });
  });

  test("that has said little is not saved, and is read again", async () => {
    await says("little");
    await silence();
    expect(screens.usage()).toEqual({ live: 0, folded: 1, foldedBytes: 0 });
    expect(store.screen(ID)).toBeUndefined();
    expect(await lines()).toEqual(["little"]);
  });

  test("is saved by a supervisor that ends, and taken up by the next", async () => {
    await says(much);
    screens.dispose();
    expect(clock.nextTimerMs()).toBeUndefined();
    expect(streams.followed()).toEqual([]);
    streams.drop(1, 16 + much.length);
    supervise();
    expect((await lines()).length).toBeGreaterThan(1000);
  });

  test("a painting of what the disk has lost since is not gone on from", async () => {
    streams.write(1, "kept");
    const lost = {
      attempt: 1,
      offset: 1000,
      held: Buffer.alloc(0),
      columns: 120,
      rows: 30,
      ansi: "lost",
      fullScreen: false,
    };
    store.saveScreen(ID, lost);
    expect(await lines()).toEqual(["kept"]);
  });
});

test("what is far behind is skipped but for its modes, and the end is shown", async () => {
  const kept = { timeMs: clock.now() - 60_000 };
  streams.write(1, "begin\x1b[?2004h\x1b[?1h", kept);
  for (let count = 0; count < 80; count += 1) streams.write(1, `${count} ${"x".repeat(50)}\r\n`.repeat(1000), kept);
  streams.write(1, "the end", kept);
  const shown = await lines();
  expect(shown.at(-1)).toBe("the end");
  expect(shown.length).toBeGreaterThan(1000);
  expect(shown).not.toContain("begin");
  expect(await whenDone(screens.modes(ID))).toEqual({ bracketedPaste: true, applicationCursor: true });
});

test("what is no longer kept is left out", async () => {
  streams.write(1, "dropped \x1b[3");
  streams.write(1, "1mkept");
  streams.drop(1, 16 + 11);
  expect(await lines()).toEqual(["1mkept"]);
});

test("a stream that cannot be followed any more is followed anew when somebody looks", async () => {
  await says("one");
  streams.endFollowers();
  expect(screens.usage().live).toBe(0);
  expect(await lines()).toEqual(["one"]);
});

test("a program that has ended at once needs no screen until somebody looks", async () => {
  streams.write(1, "crashed");
  hive.activity({ sessionId: ID, process: "main", attempt: 1 }, clock.now());
  store.changeSession(ID, store.session(ID)?.revision ?? 0, {
    transition: { atMs: clock.now(), to: "CRASHED", reason: "", evidence: {} },
  });
  await turns();
  expect(screens.usage().live).toBe(0);
  expect(await lines()).toEqual(["crashed"]);
});

test("of a program on pipes there is none", async () => {
  store.createSession(sessionRecord({ id: "pipes", name: "pipes", spec: { stdio: "pipes" } }), "test");
  hive.activity({ sessionId: "pipes", process: "main", attempt: 1 }, clock.now());
  await turns();
  expect(screens.usage().live).toBe(0);
  expect(await whenDone(screens.modes("pipes"))).toEqual({ bracketedPaste: false, applicationCursor: false });
});

test("a session that is removed takes its screen with it", async () => {
  await says("here");
  store.removeSession(ID, clock.now(), {});
  expect(screens.usage()).toEqual({ live: 0, folded: 0, foldedBytes: 0 });
  expect(streams.followed()).toEqual([]);
});

describe("what a program asks its terminal", () => {
  const ANSWER = "\x1b[?1;2c";

  test("is answered at once, and once", async () => {
    await says("\x1b[c");
    expect(typed).toEqual([ANSWER]);
    await silence();
    await lines();
    streams.endFollowers();
    await lines();
    expect(typed).toEqual([ANSWER]);
  });

  test("while nobody who can answer is attached", async () => {
    const looks = attachments.add(sessionRecord({ id: ID }), { size: undefined, readOnly: true });
    attachments.begin(looks);
    await says("\x1b[c");
    expect(typed).toEqual([ANSWER]);
    const types = attachments.add(sessionRecord({ id: ID }), { size: undefined, readOnly: false });
    attachments.begin(types);
    await says("\x1b[c");
    expect(typed).toEqual([ANSWER]);
    types.dispose();
    await says("\x1b[c");
    expect(typed).toEqual([ANSWER, ANSWER]);
  });

  test("before this supervisor began is not answered, whatever is read again", async () => {
    await says("\x1b[c");
    screens.dispose();
    supervise();
    expect(await lines()).toEqual([]);
    expect(typed).toEqual([ANSWER]);
    await says("\x1b[5n");
    expect(typed).toEqual([ANSWER, "\x1b[0n"]);
  });

  test("long ago is not answered any more", async () => {
    clock.advance(60_000);
    await says("\x1b[c", { ago: 10_000 });
    expect(typed).toEqual([]);
  });
});
