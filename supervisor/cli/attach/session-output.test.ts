import { afterEach, expect, test, vi } from "vitest";
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { RecordKind } from "../../../schemas/segment.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { type LogPosition, readLog } from "../log-follow.ts";
import {
  contextFor,
  encodeRecords,
  type Peer,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { Attachment } from "./attachment.ts";
import { OwnTerminal } from "./own-terminal.ts";
import { SessionOutput } from "./session-output.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext | undefined;
afterEach(() => {
  context?.link.close();
  supervisor?.close();
});

const SUBSCRIPTION = 7;
const output = (payload: string) => ({ kind: RecordKind.terminal, payload });
const exit = { kind: RecordKind.exit, payload: JSON.stringify({ code: 1, signal: null }) };
const marker = (text: string) => ({
  kind: RecordKind.marker,
  payload: JSON.stringify({ id: text, marker: "transition", text }),
});

/** A session whose log the test writes and whose attaching it answers. */
class Session {
  view: SessionView = sessionView({ name: "otter", id: "id", phase: "RUNNING", attempt: 1 });
  screen = "SCREEN";
  held = "";
  offset = 100;
  logs: ResultOf<"session/get">["logs"] = [];
  readonly attaches: Params<"session/attach">[] = [];
  readonly follows: Params<"log/follow">["from"][] = [];
  #peer: Peer | undefined;

  readonly answers = {
    "session/attach": (params: Params<"session/attach">): ResultOf<"session/attach"> => {
      this.attaches.push(params);
      if (this.view.phase !== "RUNNING")
        throw new FaultError(fault("conflict", `otter does not run: it is ${this.view.phase}`));
      return {
        attachment: this.attaches.length,
        session: this.view,
        attempt: this.view.attempt,
        offset: this.offset,
        columns: 80,
        rows: 24,
        screen: Buffer.from(this.screen).toString("base64"),
        held: Buffer.from(this.held).toString("base64"),
        at: 0,
      };
    },
    "session/get": () => ({ session: this.view, transitions: [], environment: null, logs: this.logs }),
    "log/follow": ({ from }: Params<"log/follow">, peer: Peer) => {
      this.follows.push(from);
      this.#peer = peer;
      return { subscription: SUBSCRIPTION, session: { id: "id", name: "otter" } };
    },
  };

  write(attempt: number, offset: number, ...records: Parameters<typeof encodeRecords>[0][number][]): number {
    const bytes = encodeRecords(records);
    this.#peer?.notify("log/data", { subscription: SUBSCRIPTION, attempt, offset, bytes: bytes.toString("base64") });
    return offset + bytes.length;
  }

  end(): void {
    this.#peer?.notify("log/end", { subscription: SUBSCRIPTION, reason: "end" });
  }

  kill(): void {
    this.#peer?.destroy();
  }
}

async function show(
  options: { readonly from?: LogPosition; readonly readOnly?: boolean } = {},
  session = new Session(),
) {
  const { from, readOnly = false } = options;
  supervisor = await scriptedSupervisor(session.answers);
  const own = contextFor(supervisor.endpoint);
  context = own;
  const terminal = new OwnTerminal({ isInteractive: true, isShown: true });
  const attachment = new Attachment({ session: "id", readOnly, dropsWhileOver: true });
  const output = new SessionOutput({ session: session.view, context: own, terminal, attachment, readOnly, from });
  const beginning = from ?? { attempt: 1, offset: 0 };
  const done = readLog(own.link, { session: "id", from: beginning, follow: true }, output);
  done.catch(() => {}); // Awaited by the test.
  const shows = (text: string) => vi.waitFor(() => expect(own.printed()).toContain(text), { timeout: 10_000 });
  const follows = (count: number) => vi.waitFor(() => expect(session.follows).toHaveLength(count), { timeout: 10_000 });
  return { session, context: own, attachment, done, shows, follows };
}

test("the screen on a cleared terminal, what is held after it, then all that is written", async () => {
  const session = new Session();
  session.held = "\x1b[";
  const shown = await show({}, session);
  await shown.follows(1);
  expect(session.follows).toEqual([{ attempt: 1, offset: 100 }]);
  session.write(1, 100, output("6n1\x1b[c"), output("2"), exit);
  session.end();
  await shown.done;
  expect(shown.context.printed()).toMatch(/^\x1b\[0m\x1b\[H\x1b\[2JSCREEN\x1b\[6n1\x1b\[c2/);
});

test("of what was written while the connection was lost the queries are left out: they were answered", async () => {
  const { session, ...shown } = await show();
  await shown.follows(1);
  const next = session.write(1, 100, output("seen\x1b[c "));
  await shown.shows("seen");
  session.offset = next + encodeRecords([output("missed\x1b[c ")]).length;
  session.kill();
  await shown.follows(2);
  session.write(1, next, output("missed\x1b[c "), output("new\x1b[c"));
  await shown.shows("new");
  expect(shown.context.printed()).toContain("seen\x1b[c missed new\x1b[c");
});

test("a supervisor that is killed: attached again, nothing is shown twice", async () => {
  const { session, ...shown } = await show();
  await shown.follows(1);
  const next = session.write(1, 100, output("before"));
  await shown.shows("before");
  session.offset = next + 50;
  session.kill();
  await shown.follows(2);
  session.write(1, next, output(" after"));
  session.end();
  await shown.done;
  expect(session.follows[1]).toEqual({ attempt: 1, offset: next });
  expect(session.attaches).toHaveLength(2);
  expect(shown.context.printed()).toContain("SCREENbefore after");
});

test("of what was missed by far the screen is shown that it left", async () => {
  const { session, ...shown } = await show();
  await shown.follows(1);
  session.write(1, 100, output("before\x1b[?1049h"));
  await shown.shows("before");
  session.offset = 10_000_000;
  session.screen = "LATER";
  session.kill();
  await shown.follows(2);
  expect(session.follows[1]).toEqual({ attempt: 1, offset: 10_000_000 });
  expect(shown.context.printed()).toMatch(/\x1b\[\?1049l.*\x1b\[2JLATER$/s);
});

test("an attempt ends and another begins: it is said, the terminal put back, the next one shown", async () => {
  const { session, attachment, ...shown } = await show();
  await shown.follows(1);
  session.view = sessionView({ ...session.view, phase: "BACKOFF" });
  session.write(
    1,
    100,
    output("\x1b[?1049h\x1b[31mcrash"),
    exit,
    marker("RUNNING -> BACKOFF: exited with code 1; restart 1 of 5 in 2s"),
  );
  await vi.waitFor(() => expect(shown.context.complained()).toContain("restart 1 of 5 in 2s"));
  expect(shown.context.complained()).toBe("-- overmind: exited with code 1; restart 1 of 5 in 2s\r\n");
  expect(shown.context.printed()).toMatch(/crash\x18\x1b\\\x1b\[0m\x1b\[\?1049l\r\n$/);
  // Typed at nobody.
  await attachment.send(Buffer.from("lost"), false);
  session.view = sessionView({ ...session.view, phase: "STARTING", attempt: 2 });
  session.write(2, 0, marker("BACKOFF -> STARTING: starts again"), output("again\x1b[c"));
  await shown.shows("again");
  session.end();
  await shown.done;
  expect(shown.context.printed()).toMatch(/\r\nagain\x1b\[c$/);
  expect(session.attaches).toHaveLength(1);
  expect(supervisor?.asked.some(({ method }) => method === "session/input")).toBe(false);
  expect(shown.context.complained()).not.toContain("starts again");
});

test("a restart that a person asked for is told from the next attempt's log", async () => {
  const { session, ...shown } = await show();
  await shown.follows(1);
  session.write(1, 100, marker("RUNNING -> STOPPING: restart asked for by me"), output("bye\r\n"), exit);
  session.write(2, 0, marker("STOPPING -> STARTING: exited with code 0; restart asked for by me"), output("hello"));
  await shown.shows("hello");
  expect(shown.context.complained()).toBe("-- overmind: exited with code 0; restart asked for by me\r\n");
  expect(session.attaches).toHaveLength(1);
});

test("from the first byte on, for whoever started it: attached as soon as there is something", async () => {
  const session = new Session();
  session.view = sessionView({ ...session.view, phase: "STARTING" });
  session.offset = encodeRecords([output("first\x1b[c ")]).length;
  const shown = await show({ from: { attempt: 1, offset: 0 } }, session);
  await shown.follows(1);
  expect(session.attaches).toEqual([]);
  session.write(1, 0, output("first\x1b[c "), output("second\x1b[c"));
  await vi.waitFor(() => expect(session.attaches.length).toBeGreaterThan(1));
  session.view = sessionView({ ...session.view, phase: "RUNNING" });
  await shown.shows("second");
  expect(shown.context.printed()).toBe("first second\x1b[c");
});

test("a session that ended at once and was removed is still shown", async () => {
  const { session, ...shown } = await show({ from: { attempt: 1, offset: 0 } });
  await shown.follows(1);
  session.answers["session/attach"] = () => {
    throw new FaultError(fault("not-found", "there is no session id"));
  };
  session.write(1, 0, output("all of it\n"), exit);
  session.end();
  await shown.done;
  expect(shown.context.printed()).toContain("all of it\n");
});

test("one that waits to start is waited for, and why it waits is said", async () => {
  const session = new Session();
  session.view = sessionView({ ...session.view, phase: "BACKOFF", reason: "exited with code 1; restart 2 of 5 in 4s" });
  session.logs = [{ process: "main", attempt: 1, firstOffset: 0, endOffset: 500 }];
  const shown = await show({}, session);
  await shown.follows(1);
  expect(session.follows).toEqual([{ attempt: 1, offset: 500 }]);
  expect(shown.context.complained()).toContain("otter is BACKOFF: exited with code 1; restart 2 of 5 in 4s");
  session.view = sessionView({ ...session.view, phase: "RUNNING", attempt: 2 });
  session.write(2, 0, output("it runs"));
  await shown.shows("it runs");
  expect(session.attaches).toHaveLength(2);
});

test("one that has ended is the supervisor's fault, told as it is", async () => {
  const session = new Session();
  session.view = sessionView({ ...session.view, phase: "COMPLETED" });
  const shown = await show({}, session);
  await expect(shown.done).rejects.toThrow("otter does not run: it is COMPLETED");
});

test("who only watches has no size, answers nothing, and says so", async () => {
  const { session, ...shown } = await show({ readOnly: true });
  await shown.follows(1);
  session.write(1, 100, output("a\x1b[cb"));
  await shown.shows("ab");
  expect(session.attaches).toEqual([{ session: "id", readOnly: true }]);
});
