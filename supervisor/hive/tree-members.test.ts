import { expect, test } from "vitest";
import type { EnvironmentMark, ProcessEntry } from "./os/process-table.ts";
import { findMembers, indexTable, type TreeQuery } from "./tree-members.ts";

const ID = "abcdefghijkl";
const OTHER = "mnopqrstuvwx";

interface Given {
  readonly parent?: number;
  readonly session?: number;
  readonly group?: number;
  readonly start?: number;
  readonly zombie?: boolean;
  readonly mark?: Partial<EnvironmentMark>;
  readonly foreign?: boolean;
}

/** A process table by pid. By default each is init's child, leads a session of its own and started at its pid's time. */
function membersOf(processes: Readonly<Record<number, Given>>, query: Partial<TreeQuery> = {}): number[] {
  const entries = new Map<number, ProcessEntry>();
  for (const [name, given] of Object.entries(processes)) {
    const pid = Number(name);
    const start = given.start ?? pid;
    entries.set(pid, {
      pid,
      parentPid: given.parent ?? 1,
      groupId: given.group ?? given.session ?? pid,
      sessionLeader: given.session ?? pid,
      startTime: String(start),
      startOrder: start,
      isZombie: given.zombie ?? false,
      cpuSeconds: 0,
      memoryBytes: 0,
    });
  }
  const index = indexTable({
    entries,
    mark: ({ pid }) => ({ isDaemon: false, ...processes[pid]?.mark }),
    orderOf: Number,
    io: () => undefined,
    command: () => "",
    isOurs: ({ pid }) => processes[pid]?.foreign !== true,
  });
  const found = findMembers(index, {
    sessionId: ID,
    main: { pid: 100, startTime: "100" },
    mainWasSeen: true,
    remembered: new Map(),
    grouped: [],
    exempt: new Set([50, 60]),
    searchMarks: true,
    ...query,
  });
  return found.map(({ pid }) => pid).sort((a, b) => a - b);
}

const marked = { mark: { sessionId: ID } };

test("main, its descendants, and nobody else", () => {
  expect(
    membersOf({
      50: {},
      100: { parent: 50 },
      101: { parent: 100, session: 100 },
      102: { parent: 101 },
      103: { parent: 102, session: 102 },
      200: { parent: 50, mark: { sessionId: OTHER } },
      201: { parent: 200 },
    }),
  ).toEqual([100, 101, 102, 103]);
});

test("who is in its control group belongs to it, with all that descends from it; daemons and other sessions do not", () => {
  const world = {
    300: { parent: 1 },
    301: { parent: 300, session: 300 },
    302: { parent: 301 },
    50: { parent: 1 },
    310: { parent: 1, mark: { isDaemon: true } },
    320: { parent: 1, mark: { sessionId: OTHER } },
    330: { parent: 1, zombie: true },
    340: { parent: 1 },
  };
  const grouped = [300, 50, 310, 320, 330, 999_999];
  expect(membersOf(world, { grouped, searchMarks: false })).toEqual([300, 301, 302]);
  expect(membersOf(world, { grouped, main: undefined, mainWasSeen: false })).toEqual([300, 301, 302]);
});

test("a reused pid is a stranger, and so is all that descends from it", () => {
  expect(membersOf({ 100: { start: 900 }, 901: { parent: 100, session: 100 } })).toEqual([]);
});

test("zombies are no members", () => {
  expect(membersOf({ 100: { zombie: true }, 101: { parent: 100, session: 100, zombie: true } })).toEqual([]);
});

test("what main left in its terminal session is found when main was seen to live", () => {
  const left = { 101: { session: 100 }, 102: { session: 100, group: 102 } };
  expect(membersOf(left)).toEqual([101, 102]);
  expect(membersOf(left, { mainWasSeen: false })).toEqual([]);
  expect(membersOf({ 90: { session: 100 } })).toEqual([]);
});

test("a daemon with our mark is found wherever it went, with all that belongs to it", () => {
  expect(
    membersOf(
      { 300: marked, 301: { parent: 300, session: 300 }, 302: { session: 300 }, 303: { parent: 302 } },
      { mainWasSeen: false },
    ),
  ).toEqual([300, 301, 302, 303]);
});

test("a daemon whose session's leader has gone takes its session along", () => {
  expect(membersOf({ 301: { session: 300, ...marked }, 302: { session: 300 } })).toEqual([301, 302]);
});

test("one of ours in somebody's terminal does not make the terminal ours", () => {
  expect(
    membersOf({
      30: {},
      301: { parent: 30, session: 30, group: 301, ...marked },
      302: { parent: 30, session: 30, group: 301 },
      303: { parent: 30, session: 30 },
    }),
  ).toEqual([301, 302]);
});

test("marks are looked for only where they can be ours", () => {
  expect(membersOf({ 40: { start: 40, ...marked }, 300: { foreign: true, ...marked } })).toEqual([]);
  expect(membersOf({ 300: marked }, { searchMarks: false })).toEqual([]);
  expect(membersOf({ 40: { start: 40, ...marked } }, { main: undefined })).toEqual([40]);
});

test("supervisor and host are never members, nor is what they started, wherever they were started from", () => {
  expect(
    membersOf({
      100: {},
      60: { parent: 100, start: 160, ...marked },
      50: { parent: 60, start: 161, ...marked },
      200: { parent: 50, mark: { sessionId: OTHER } },
    }),
  ).toEqual([100]);
});

test("another home's supervisor is exempt by its mark", () => {
  expect(
    membersOf({ 100: {}, 300: { parent: 100, mark: { sessionId: ID, isDaemon: true } }, 301: { parent: 300 } }),
  ).toEqual([100]);
});

test("another session that came under ours, because its host died, is not ours", () => {
  expect(
    membersOf({
      100: {},
      200: { parent: 100, mark: { sessionId: OTHER } },
      201: { parent: 200, session: 200, mark: { sessionId: OTHER } },
    }),
  ).toEqual([100]);
});

test("a child that changes our variables to something else is still ours", () => {
  expect(membersOf({ 100: {}, 200: { parent: 100, mark: { sessionId: "not an id" } } })).toEqual([100, 200]);
});

test("who was seen to belong stays, as long as it is the same process", () => {
  const remembered = new Map([
    [300, "300"],
    [310, "310"],
  ]);
  expect(membersOf({ 300: {}, 301: { parent: 300 }, 310: { start: 999 } }, { remembered })).toEqual([300, 301]);
});

test("a process that is its own ancestor does not hang the search", () => {
  expect(membersOf({ 100: { parent: 101 }, 101: { parent: 100, session: 100 } })).toEqual([100, 101]);
});
