/** overmind result, rename and colony list: what is asked, and what is printed where. */
import { afterEach, describe, expect, test } from "vitest";
import { jsonOutputs } from "../../../schemas/json-output.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { invocationOf } from "../invocation.fake.ts";
import {
  contextFor,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { colonyList } from "./colony.ts";
import { rename } from "./rename.ts";
import { result } from "./result.ts";

let supervisor: ScriptedSupervisor;
let context: TestContext;
afterEach(() => {
  context.link.close();
  supervisor.close();
});

describe("result", () => {
  async function perform(told: { text: string; truncated?: boolean; durationMs?: number | null }, ...argv: string[]) {
    const session = sessionView({ phase: "CRASHED", exit: { code: 3, signal: null } });
    supervisor = await scriptedSupervisor({
      "session/result": () => ({ session, truncated: false, durationMs: 12_000, ...told }),
    });
    context = contextFor(supervisor.endpoint);
    return result(invocationOf("result", "calm-otter", ...argv), context);
  }

  test("the text alone on standard output, how it ended on the other, and 0 whatever its code", async () => {
    expect(await perform({ text: "the answer" })).toBe(0);
    expect(context.printed()).toBe("the answer\n");
    expect(context.complained()).toBe("CRASHED, exit 3, 12s\n");
  });

  test("no text is no line; a beginning that is left out is told", async () => {
    await perform({ text: "", truncated: true, durationMs: null });
    expect(context.printed()).toBe("");
    expect(context.complained()).toBe("CRASHED, exit 3\nhint: its beginning is left out: overmind logs calm-otter\n");
  });

  test("--json keeps to its schema", async () => {
    await perform({ text: "the answer\n" }, "--json");
    expect(jsonOutputs.result.schema.parse(JSON.parse(context.printed()))).toMatchObject({ durationMs: 12_000 });
    expect(context.complained()).toBe("");
  });
});

test("rename asks by id, and again when the connection breaks", async () => {
  let asked = 0;
  supervisor = await scriptedSupervisor({
    "session/get": () => ({ session: sessionView({ id: "1" }), transitions: [], environment: null, logs: [] }),
    "session/rename": ({ session, name }, peer) => {
      asked += 1;
      if (asked === 1) peer.destroy();
      return { session: sessionView({ id: session, name }) };
    },
  });
  context = contextFor(supervisor.endpoint);
  expect(await rename(invocationOf("rename", "calm", "parser"), context)).toBe(0);
  expect(context.printed()).toBe("renamed calm-otter to parser\n");
  expect(supervisor.asked.at(-1)).toEqual({ method: "session/rename", params: { session: "1", name: "parser" } });
});

test("colony list counts sessions by phase", async () => {
  const colonies = [
    { name: "default", sessions: { RUNNING: 2, CRASHED: 1 } },
    { name: "web\x1b[2J", sessions: {} },
  ];
  supervisor = await scriptedSupervisor({ "colony/list": () => ({ colonies }) });
  context = contextFor(supervisor.endpoint);
  expect(await colonyList(invocationOf("colony list"), context)).toBe(0);
  expect(
    context
      .printed()
      .split("\n")
      .map((line) => line.split(/ {2,}/)),
  ).toEqual([
    ["NAME", "SESSIONS", "PHASES"],
    ["default", "3", "2 RUNNING, 1 CRASHED"],
    ["web\\x1b[2J", "0", "-"],
    [""],
  ]);
  context = contextFor(supervisor.endpoint);
  await colonyList(invocationOf("colony list", "--json"), context);
  expect(jsonOutputs["colony list"].schema.parse(JSON.parse(context.printed()))).toEqual({ colonies });
});
