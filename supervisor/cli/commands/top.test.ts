/** overmind top where it prints once; test/cli-live.test.ts has it on a terminal. */
import { afterEach, expect, test } from "vitest";
import { jsonOutputs } from "../../../schemas/json-output.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { invocationOf } from "../invocation.fake.ts";
import {
  contextFor,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { top } from "./top.ts";

let supervisor: ScriptedSupervisor;
let context: TestContext;
afterEach(() => {
  context.link.close();
  supervisor.close();
});

const usage = (cpu: number): SessionView["usage"] => ({
  cpu,
  memoryBytes: 1 << 20,
  processes: 1,
  readBytesPerSecond: 0,
  writtenBytesPerSecond: 2048,
  sampledAt: "2026-11-24T12:00:00.000Z",
});

async function perform(...argv: string[]): Promise<number> {
  let looks = 0;
  supervisor = await scriptedSupervisor({
    "session/list": () => {
      looks += 1;
      const sessions = [
        sessionView({ name: "calm", usage: usage(looks === 1 ? 9 : 0.1) }),
        sessionView({ name: "busy", usage: usage(looks === 1 ? 0 : 0.9) }),
        sessionView({ name: "crashed", phase: "CRASHED" }),
      ];
      return { sessions, others: [] };
    },
  });
  context = contextFor(supervisor.endpoint);
  return top(invocationOf("top", ...argv), context);
}

test("prints once, of the second of two looks, the living alone", async () => {
  expect(await perform("-l", "team=web", "--colony", "c")).toBe(0);
  const names = context
    .printed()
    .split("\n")
    .map((line) => line.split(" ")[0]);
  expect(names).toEqual(["2", "", "NAME", "busy", "calm", ""]);
  expect(supervisor.asked.slice(1)).toEqual(
    Array.from({ length: 2 }, () => ({
      method: "session/list",
      params: { selector: "team=web", colony: "c", usage: true, io: true },
    })),
  );
});

test("--json keeps to its schema and is sorted as well", async () => {
  await perform("--json", "--sort", "name");
  const printed = jsonOutputs.top.schema.parse(JSON.parse(context.printed()));
  expect(printed.sessions.map(({ name }) => name)).toEqual(["busy", "calm"]);
});

test.each([
  [["--sort", "hunger"], "it is one of cpu, memory, processes, read, written, name"],
  [["--interval", "10ms"], "it is 100ms at least"],
  [["--interval", "soon"], "is no duration"],
])("%j is refused: %s", async (argv, message) => {
  await expect(perform(...argv)).rejects.toThrow(message);
  expect(supervisor.asked).toEqual([]);
});
