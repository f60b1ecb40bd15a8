import { afterEach, describe, expect, test, vi } from "vitest";
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { RecordKind } from "../../../schemas/segment.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { type Invocation, parseCommandLine } from "../parse.ts";
import {
  contextFor,
  encodeRecords,
  type Peer,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { logs } from "./logs.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext | undefined;
afterEach(() => {
  context?.link.close();
  supervisor?.close();
});

type Follow = Params<"log/follow">;

interface Stream {
  readonly session: SessionView;
  readonly bytes: Buffer;
  /** What its screen is; a full-screen program's. */
  readonly screen?: {
    readonly scrollback: readonly string[];
    readonly lines: readonly string[];
    /** Of how much of the bytes; all of them when absent. */
    readonly offset?: number;
  };
}

/**
 * Serves streams of one attempt. Each connection is broken after `breakAfterBytes` until all has been sent once, and
 * never is more sent than the client gave credit for.
 */
async function serve(streams: readonly Stream[], options: { readonly breakAfterBytes?: number } = {}) {
  const follows: Follow[] = [];
  let nextSubscription = 1;
  const sending = new Map<number, { stream: Stream; at: number; credit: number }>();
  const pump = (subscription: number, peer: Peer) => {
    const one = sending.get(subscription);
    if (one === undefined) return;
    let sent = 0;
    while (one.at < one.stream.bytes.length && one.credit > 0) {
      const end = recordEnd(one.stream.bytes, one.at);
      const bytes = one.stream.bytes.subarray(one.at, end).toString("base64");
      peer.notify("log/data", { subscription, attempt: 1, offset: one.at, bytes });
      one.credit -= end - one.at;
      sent += end - one.at;
      one.at = end;
      if (
        options.breakAfterBytes !== undefined &&
        sent >= options.breakAfterBytes &&
        one.at < one.stream.bytes.length
      ) {
        setImmediate(() => peer.destroy());
        return;
      }
    }
    if (one.at === one.stream.bytes.length) peer.notify("log/end", { subscription, reason: "end" });
  };
  const find = (reference: string) =>
    streams.find(({ session }) => session.id === reference || session.name === reference);
  supervisor = await scriptedSupervisor({
    "session/get": ({ session }) => {
      const found = find(session);
      if (found === undefined) throw new FaultError(fault("not-found", `there is no session ${session}`));
      return { session: found.session, transitions: [], environment: null, logs: [] };
    },
    "session/list": () => ({ sessions: streams.map((one) => one.session), others: [] }),
    "log/follow": (params, peer) => {
      follows.push(params);
      const subscription = nextSubscription++;
      const stream = find(params.session);
      if (stream === undefined) throw new Error("follow of an unknown session");
      const at = "offset" in params.from ? params.from.offset : 0;
      sending.set(subscription, { stream, at, credit: params.creditBytes });
      setImmediate(() => pump(subscription, peer));
      return { subscription, session: { id: stream.session.id, name: stream.session.name } };
    },
    "screen/get": ({ session, scrollback }) => {
      const found = find(session);
      if (found === undefined) throw new FaultError(fault("not-found", `there is no session ${session}`));
      return screenOf(found, scrollback ?? false);
    },
    "event/list": () => ({ events: [] }),
    "event/follow": () => ({ subscription: 0 }),
  });
  supervisor.onNotification = (_, { subscription, bytes }, peer) => {
    const one = sending.get(subscription);
    if (one !== undefined) one.credit += bytes;
    pump(subscription, peer);
  };
  return { follows };
}

function screenOf({ session, bytes, screen }: Stream, withScrollback: boolean): ResultOf<"screen/get"> {
  return {
    session: { id: session.id, name: session.name },
    attempt: 1,
    offset: screen?.offset ?? bytes.length,
    columns: 80,
    rows: 24,
    cursor: { column: 0, row: 0, visible: true },
    title: "",
    alternate: screen !== undefined,
    fullScreen: screen !== undefined,
    scrollback: withScrollback ? [...(screen?.scrollback ?? [])] : [],
    lines: [...(screen?.lines ?? [])],
    ansi: "",
  };
}

/** Whole records alone are sent. */
function recordEnd(bytes: Buffer, at: number): number {
  return at + 16 + bytes.readUInt32LE(at + 4);
}

async function run(argv: readonly string[], options: { readonly isTerminal?: boolean } = {}): Promise<string> {
  const parsed = parseCommandLine(["logs", ...argv]);
  if (!parsed.ok || parsed.value.type !== "invocation") throw new Error("not a command line");
  context = contextFor(supervisor?.endpoint ?? "", options);
  expect(await logs(parsed.value.invocation as Invocation<"logs">, context)).toBe(0);
  return context.printed();
}

const ended = (name: string) => sessionView({ name, id: `id-${name}`, phase: "COMPLETED", activity: null });
const output = (payload: string, timeMs?: number) => ({
  kind: RecordKind.terminal,
  payload,
  ...(timeMs === undefined ? {} : { timeMs }),
});

describe("one session", () => {
  const numbered = Array.from({ length: 2000 }, (_, index) => `line ${index} ${"x".repeat(index % 50)}\r\n`);
  const whole = numbered.join("").replaceAll("\r\n", "\n");

  test("all of it, plain", async () => {
    await serve([{ session: ended("one"), bytes: encodeRecords(numbered.map((line) => output(line))) }]);
    expect(await run(["one"])).toBe(whole);
  });

  test("a supervisor that is killed again and again: no line is lost or doubled", async () => {
    const { follows } = await serve(
      [{ session: ended("one"), bytes: encodeRecords(numbered.map((line) => output(line))) }],
      { breakAfterBytes: 20_000 },
    );
    expect(await run(["one", "-f"])).toBe(whole);
    expect(follows.length).toBeGreaterThan(3);
  });

  test("more than the credit flows, for what is printed is credited", async () => {
    const lines = Array.from({ length: 400 }, (_, index) => `${index} ${"y".repeat(8000)}\n`);
    await serve([{ session: ended("one"), bytes: encodeRecords(lines.map((line) => output(line))) }]);
    expect(await run(["one"])).toBe(lines.join(""));
  });

  test("the last lines, of all or of those that match", async () => {
    await serve([{ session: ended("one"), bytes: encodeRecords(numbered.map((line) => output(line))) }]);
    expect(await run(["one", "-n", "2"])).toBe(whole.split("\n").slice(-3).join("\n"));
    expect(await run(["one", "-n", "2", "--grep", "^line 1\\d ", "--no-follow"])).toMatch(/^line 18 x+\nline 19 x+\n$/);
    expect(await run(["one", "-n", "0"])).toBe("");
  });

  test("markers, gaps and times stand in their place; --raw and --json are for programs", async () => {
    const bytes = encodeRecords([
      output("\x1b[32mgo\x1b[0m\r\n", Date.UTC(2026, 10, 24, 12, 0, 0, 5)),
      {
        kind: RecordKind.gap,
        payload: JSON.stringify({ bytes: null, reason: "host-lost" }),
        timeMs: 1_795_000_000_000,
      },
      {
        kind: RecordKind.marker,
        payload: JSON.stringify({ id: "transition:4", marker: "transition", text: "RUNNING -> LOST: gone" }),
      },
      output("prompt> "),
    ]);
    await serve([{ session: ended("one"), bytes }]);
    const plain = (await run(["one", "--timestamps"])).split("\n");
    expect(plain[0]).toBe("2026-11-24T12:00:00.005Z go");
    expect(plain[1]).toMatch(
      /Z -- overmind: the process host died: some output may be missing here \(\d\d:\d\d:\d\d\)$/,
    );
    expect(plain[2]).toMatch(/Z -- overmind: RUNNING -> LOST: gone \(\d\d:\d\d:\d\d\)$/);
    expect(plain[3]).toMatch(/Z prompt> $/);
    expect(await run(["one", "--raw"])).toBe("\x1b[32mgo\x1b[0m\r\nprompt> ");
    const json = (await run(["one", "--json"]))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(json[0]).toEqual({
      time: "2026-11-24T12:00:00.005Z",
      session: "one",
      process: "main",
      attempt: 1,
      kind: "terminal",
      text: "go",
    });
    const records = (await run(["one", "--json", "--raw"]))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { kind: string; base64: string });
    expect(records.map((one) => one.kind)).toEqual(["terminal", "gap", "marker", "terminal"]);
    expect(Buffer.from(records[3]?.base64 ?? "", "base64").toString()).toBe("prompt> ");
  });

  test("an unknown session is the supervisor's fault, told as it is", async () => {
    await serve([]);
    await expect(run(["nobody"])).rejects.toThrow("there is no session nobody");
  });
});

describe("a full-screen program", () => {
  const soup = encodeRecords([
    output("\x1b[?1049h\x1b[H\x1b[2J"),
    output("\x1b[3;1Hsoup\x1b[5;1Hof escapes"),
    {
      kind: RecordKind.marker,
      payload: JSON.stringify({ id: "transition:4", marker: "transition", text: "RUNNING -> COMPLETED: done" }),
    },
  ]);
  const screen = { scrollback: ["above 1", "above 2"], lines: ["first", "", "last \x07", "", ""] };
  const closing = /^-- overmind: the screen of vim, a full-screen program; --raw has its bytes$/;
  const vim = { session: ended("vim"), bytes: soup, screen };

  test("is its screen with what is above it, and says so", async () => {
    await serve([vim]);
    const lines = (await run(["vim"])).trimEnd().split("\n");
    expect(lines.slice(0, -1)).toEqual(["above 1", "above 2", "first", "", "last \\x07"]);
    expect(lines.at(-1)).toMatch(closing);
  });

  test("the last lines, and those that match", async () => {
    await serve([vim]);
    expect((await run(["vim", "-n", "2"])).split("\n").slice(0, -2)).toEqual(["", "last \\x07"]);
    expect((await run(["vim", "--grep", "^a", "-n", "1"])).split("\n").slice(0, -2)).toEqual(["above 2"]);
    expect(await run(["vim", "-n", "0"])).toMatch(/^-- overmind: [^\n]*\n$/);
  });

  test("--raw, --json and --since are of what it wrote", async () => {
    await serve([vim]);
    expect(await run(["vim", "--raw"])).toContain("\x1b[3;1Hsoup");
    expect(await run(["vim", "--json"])).toContain('"text":"soup"');
    expect(await run(["vim", "--since", "2026-01-01"])).toContain("soup");
    expect(supervisor?.asked.some(({ method }) => method === "screen/get")).toBe(false);
  });

  test("followed: the screen, how to watch it, then what happens alone", async () => {
    const later = encodeRecords([
      output("\x1b[3;1Hmore soup\n"),
      {
        kind: RecordKind.marker,
        payload: JSON.stringify({ id: "transition:5", marker: "transition", text: "RUNNING -> CRASHED: it fell" }),
      },
    ]);
    const living = sessionView({ name: "vim", id: "id-vim", phase: "RUNNING" });
    const bytes = Buffer.concat([soup, later]);
    const { follows } = await serve([{ session: living, bytes, screen: { ...screen, offset: soup.length } }]);
    const written = await run(["vim"], { isTerminal: true });
    expect(follows.map(({ from }) => from)).toEqual([{ attempt: 1, offset: soup.length }]);
    expect(written).toContain("last \\x07\n-- overmind: the screen of vim");
    expect(written).not.toContain("soup");
    expect(written).toMatch(/\n-- overmind: RUNNING -> CRASHED: it fell \([\d:]+\)\n$/);
    expect(context?.complained()).toContain("overmind attach vim --read-only");
  });

  test("among all sessions it is what happened to it, and where to look", async () => {
    await serve([vim, { session: ended("plain"), bytes: encodeRecords([output("hello\n")]) }]);
    const lines = (await run([])).trimEnd().split("\n");
    expect(lines).toHaveLength(3);
    expect(lines).toContain("plain | hello");
    expect(lines[1] ?? "").toMatch(/^vim \| -- overmind: RUNNING -> COMPLETED: done/);
    expect(lines[2] ?? "").toMatch(/^vim \| -- overmind: a full-screen program: overmind screen vim/);
  });
});

test("all sessions: each line tagged, in order of time", async () => {
  const at = (second: number) => Date.UTC(2026, 10, 24, 12, 0, second);
  await serve([
    { session: ended("ant"), bytes: encodeRecords([output("a1\n", at(1)), output("a2\n", at(4))]) },
    { session: ended("bee"), bytes: encodeRecords([output("b1\n", at(2)), output("b2\nb3", at(3))]) },
    { session: ended("cat"), bytes: encodeRecords([]) },
  ]);
  expect(await run([])).toBe("ant | a1\nbee | b1\nbee | b2\nbee | b3\nant | a2\n");
  expect(await run(["-n", "2"])).toBe("bee | b3\nant | a2\n");
});

test("on a terminal a living session is followed, and Ctrl-C leaves it alone", async () => {
  const asked: string[] = [];
  supervisor = await scriptedSupervisor({
    "session/get": () => ({ session: sessionView(), transitions: [], environment: null, logs: [] }),
    "screen/get": () => {
      throw new FaultError(fault("conflict", "calm-otter has no terminal"));
    },
    "log/follow": ({ follow, from }, peer) => {
      asked.push(`${follow} ${JSON.stringify(from)}`);
      const bytes = encodeRecords([output("name? ")]);
      setImmediate(() => {
        if (!follow)
          peer.notify("log/data", { subscription: 1, attempt: 1, offset: 0, bytes: bytes.toString("base64") });
        if (!follow) peer.notify("log/end", { subscription: 1, reason: "end" });
      });
      return { subscription: follow ? 2 : 1, session: { id: "id-calm-otter", name: "calm-otter" } };
    },
  });
  const running = run(["calm-otter"], { isTerminal: true });
  // The prompt has no line end: it is shown because nothing follows it.
  await vi.waitFor(() => expect(context?.printed()).toBe("name? "));
  context?.interrupt();
  expect(await running).toBe("name? ");
  expect(asked).toEqual(['false {"start":true}', 'true {"attempt":1,"offset":22}']);
});
