import { afterEach, describe, expect, test } from "vitest";
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { jsonOutputs } from "../../../schemas/json-output.ts";
import { RecordKind } from "../../../schemas/segment.ts";
import type { MessageView } from "../../../schemas/session-view.ts";
import { hotRequest } from "../hot-path.ts";
import { parseCommandLine } from "../parse.ts";
import {
  contextFor,
  encodeRecords,
  type Peer,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { interrupt } from "./interrupt.ts";
import { messages } from "./messages.ts";
import { send } from "./send.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext | undefined;
afterEach(() => {
  context?.link.close();
  supervisor?.close();
});

async function perform(...argv: string[]): Promise<number> {
  const parsed = parseCommandLine(argv);
  if (!parsed.ok || parsed.value.type !== "invocation") throw new Error(`${argv.join(" ")} is no command line`);
  context = contextFor(supervisor?.endpoint ?? "");
  const { invocation } = parsed.value;
  switch (invocation.command) {
    case "send":
      return send(invocation, context);
    case "messages":
      return messages(invocation, context);
    case "interrupt":
      return interrupt(invocation, context);
    default:
      throw new Error(`${invocation.command} is not tested here`);
  }
}

const DELIVERED_AT_MS = 1_795_000_000_000;

function view(given: Partial<MessageView> = {}): MessageView {
  return {
    id: "chosen-id",
    sessionId: "abcdefghijkl",
    createdAt: new Date(DELIVERED_AT_MS - 1_000).toISOString(),
    by: "the user",
    text: "hello",
    keys: [],
    state: "delivered",
    reason: "it was typed",
    attempt: 1,
    deliveredAt: new Date(DELIVERED_AT_MS).toISOString(),
    ...given,
  };
}

function sent(given: Partial<ResultOf<"message/send">> = {}): ResultOf<"message/send"> {
  return { message: view(), timedOut: false, text: "delivered to calm-otter\n", exitCode: 0, ...given };
}

const asked = (method: string) =>
  (supervisor?.asked ?? []).filter((one) => one.method === method).map(({ params }) => params);

describe("the hot path", () => {
  test.each([
    [["otter", "hi"], { now: false, until: "delivered" }],
    [["otter", "hi", "--now"], { now: true, until: "delivered" }],
    [["--no-wait", "otter", "hi", "--now"], { now: true, until: "queued" }],
  ])("takes send %j", (words, params) => {
    const request = hotRequest(["send", ...words]);
    expect(request).toMatchObject({ method: "message/send", params: { session: "otter", text: "hi", ...params } });
  });

  test.each([
    [["otter"]],
    [["otter", "-"]],
    [["otter", "hi", "there"]],
    [["otter", "hi", "--wait"]],
    [["otter", "hi", "--key", "enter"]],
    [["otter", "--timeout", "5"]],
    [["otter", "hi", "--json"]],
    [["", "hi"]],
    [["--help"]],
  ])("leaves send %j to the whole command line", (words) => {
    expect(hotRequest(["send", ...words])).toBeUndefined();
  });

  test("gives its message's id on to the whole command line", async () => {
    const { id } = (hotRequest(["send", "otter", "hi"])?.params ?? {}) as Partial<Params<"message/send">>;
    expect(id).toMatch(/^[A-Za-z0-9_-]{8,64}$/);
    supervisor = await scriptedSupervisor({ "message/send": () => sent() });
    await perform("send", "otter", "hi");
    expect(asked("message/send")).toMatchObject([{ id, session: "otter", text: "hi" }]);
  });
});

describe("send", () => {
  test("prints the receipt, and survives a supervisor that dies under it with the same message", async () => {
    let count = 0;
    supervisor = await scriptedSupervisor({
      "message/send": (_, peer) => {
        count += 1;
        if (count < 3) peer.destroy();
        return sent();
      },
    });
    expect(await perform("send", "otter", "hi", "--key", "escape", "--key", "up", "--now", "--timeout", "30s")).toBe(0);
    expect(context?.printed()).toBe("delivered to calm-otter\n");
    const requests = asked("message/send") as Params<"message/send">[];
    expect(requests).toHaveLength(3);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(1);
    expect(requests[0]).toMatchObject({ keys: ["escape", "up"], now: true, until: "delivered" });
    expect(requests[2]?.timeoutMs).toBeLessThanOrEqual(30_000);
  });

  test.each([
    [1, "failed"],
    [6, "unconfirmed"],
    [124, "queued"],
  ] as const)("with exit code %i complains on standard error", async (exitCode, state) => {
    const answer = sent({ message: view({ state }), text: `${state}: why\n`, exitCode });
    supervisor = await scriptedSupervisor({ "message/send": () => answer });
    expect(await perform("send", "otter", "hi", "--wait")).toBe(exitCode);
    expect([context?.printed(), context?.complained()]).toEqual(["", `${state}: why\n`]);
  });

  test("prints what it promises as JSON", async () => {
    supervisor = await scriptedSupervisor({ "message/send": () => sent() });
    expect(await perform("send", "otter", "hi", "--json", "--no-wait")).toBe(0);
    const printed: unknown = JSON.parse(context?.printed() ?? "");
    expect(jsonOutputs.send.schema.parse(printed)).toEqual({ message: view(), timedOut: false, output: null });
    expect(asked("message/send")).toMatchObject([{ until: "queued" }]);
  });

  test("refuses --wait beside --no-wait", async () => {
    supervisor = await scriptedSupervisor({});
    await expect(perform("send", "otter", "hi", "--wait", "--no-wait")).rejects.toThrow("exclude each other");
  });
});

describe("send --wait", () => {
  /** A log of these records, all of them sent at once. */
  function logOf(records: Parameters<typeof encodeRecords>[0]) {
    return (_: unknown, peer: Peer) => {
      const bytes = encodeRecords(records).toString("base64");
      setImmediate(() => {
        peer.notify("log/data", { subscription: 1, attempt: 1, offset: 0, bytes });
        peer.notify("log/end", { subscription: 1, reason: "end" });
      });
      return { subscription: 1, session: { id: "abcdefghijkl", name: "calm-otter" } };
    };
  }
  const terminal = (payload: string) => ({ kind: RecordKind.terminal, payload });
  const screen = (fullScreen: boolean): ResultOf<"screen/get"> => ({
    session: { id: "abcdefghijkl", name: "calm-otter" },
    attempt: 1,
    offset: 0,
    columns: 20,
    rows: 3,
    cursor: { column: 0, row: 0, visible: true },
    title: "",
    alternate: fullScreen,
    fullScreen,
    scrollback: [],
    lines: ["", "the menu", ""],
    ansi: "",
  });
  const noScreen = () => {
    throw new FaultError(fault("conflict", "it has no terminal"));
  };

  test.each([
    ["of a terminal", () => screen(false)],
    ["without a screen", noScreen],
  ])("prints the readable lines since the delivery, %s", async (_, screenGet) => {
    supervisor = await scriptedSupervisor({
      "message/send": () => sent(),
      "screen/get": screenGet,
      "log/follow": logOf([
        terminal("\r\n\x1b[32mone\x1b[0m\r\n\r\ntw"),
        { kind: RecordKind.marker, payload: JSON.stringify({ id: "m", marker: "message", text: "another" }) },
        terminal("o\r\n$ "),
      ]),
    });
    expect(await perform("send", "otter", "hi", "--wait")).toBe(0);
    expect([context?.printed(), context?.complained()]).toEqual(["one\n\ntwo\n$ \n", ""]);
    expect(asked("log/follow")).toMatchObject([{ session: "abcdefghijkl", from: { sinceMs: DELIVERED_AT_MS } }]);
  });

  test("prints the screen of a full-screen program", async () => {
    supervisor = await scriptedSupervisor({ "message/send": () => sent(), "screen/get": () => screen(true) });
    expect(await perform("send", "otter", "hi", "--wait", "--json")).toBe(0);
    expect(JSON.parse(context?.printed() ?? "")).toMatchObject({ output: ["the menu"] });
  });

  test("prints what came so far when it is not idle in time", async () => {
    const answer = sent({ timedOut: true, text: "not idle yet\n", exitCode: 124 });
    supervisor = await scriptedSupervisor({
      "message/send": () => answer,
      "screen/get": () => screen(false),
      "log/follow": logOf([terminal("so far\r\n")]),
    });
    expect(await perform("send", "otter", "hi", "--wait", "--timeout", "1s")).toBe(124);
    expect([context?.printed(), context?.complained()]).toEqual(["so far\n", "not idle yet\n"]);
  });
});

test("messages prints a table, and JSON", async () => {
  const listed = { session: { id: "abcdefghijkl", name: "calm-otter" }, messages: [view()] };
  supervisor = await scriptedSupervisor({ "message/list": () => listed });
  expect(await perform("messages", "otter")).toBe(0);
  expect(context?.printed()).toMatch(
    /^ID +STATE +AGE +BY +TEXT +REASON\nchosen-id +delivered +\S+ +the user +hello +it was typed\n$/,
  );
  expect(await perform("messages", "otter", "--json")).toBe(0);
  expect(jsonOutputs.messages.schema.parse(JSON.parse(context?.printed() ?? ""))).toEqual(listed);
});

test("interrupt is asked for once, whatever becomes of the connection", async () => {
  supervisor = await scriptedSupervisor({
    "session/interrupt": (_, peer) => {
      peer.destroy();
      return {};
    },
  });
  await expect(perform("interrupt", "otter")).rejects.toMatchObject({ fault: { code: "unconfirmed" } });
  expect(asked("session/interrupt")).toEqual([{ session: "otter" }]);
});
