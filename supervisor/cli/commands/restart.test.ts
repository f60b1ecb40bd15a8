import { afterEach, expect, test } from "vitest";
import { fault } from "../../../schemas/fault.ts";
import { jsonOutputs } from "../../../schemas/json-output.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { invocationOf } from "../invocation.fake.ts";
import {
  contextFor,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { restart } from "./restart.ts";

let supervisor: ScriptedSupervisor;
let context: TestContext;
afterEach(() => {
  context.link.close();
  supervisor.close();
});

async function perform(...argv: string[]): Promise<number> {
  context = contextFor(supervisor.endpoint);
  return restart(invocationOf("restart", ...argv), context);
}

test("waits for the start that was asked for, and survives a supervisor that dies meanwhile", async () => {
  let asked = 0;
  supervisor = await scriptedSupervisor({
    "session/restart": () => ({ sessions: [{ id: "1", name: "ant", attempt: 3 }] }),
    "session/wait": (_, peer) => {
      asked += 1;
      if (asked === 1) peer.destroy();
      return { session: sessionView({ name: "ant", attempt: 3, pid: 123 }), timedOut: false, ended: [] };
    },
  });
  expect(await perform("ant", "--grace", "2s")).toBe(0);
  expect(context.printed()).toBe("restarted ant (attempt 3, process 123)\n");
  expect(supervisor.asked.find(({ method }) => method === "session/restart")?.params).toEqual({
    sessions: { references: ["ant"] },
    graceMs: 2000,
  });
  expect(supervisor.asked.at(-1)?.params).toEqual({ session: "1", until: "started", attempt: 3 });
});

test("one that ended at once has been restarted; one that could not be started is a failure, as in --json", async () => {
  const missing = fault("program-not-found", "bee: no such program");
  supervisor = await scriptedSupervisor({
    "session/restart": () => ({
      sessions: [
        { id: "1", name: "ant", attempt: 2 },
        { id: "2", name: "bee", attempt: 2 },
        { id: "3", name: "cat", attempt: 2 },
        { id: "4", name: "dog", attempt: 2 },
      ],
    }),
    "session/wait": ({ session: id }) => {
      const brief = sessionView({ name: "ant", attempt: 2, pid: null, phase: "COMPLETED", reason: "exit code 0" });
      const waited = {
        "1": { session: brief },
        "2": { session: sessionView({ name: "bee", attempt: 2, phase: "CRASHED" }), fault: missing },
        "3": { session: null },
        "4": { session: sessionView({ name: "dog", attempt: 1, phase: "STOPPED", reason: "stopped" }) },
      }[id] ?? { session: null };
      return { ...waited, timedOut: false, ended: [] };
    },
  });
  expect(await perform("--all")).toBe(4);
  expect(context.printed()).toBe("restarted ant (attempt 2, COMPLETED: exit code 0)\n");
  expect(context.complained()).toContain("bee: no such program");
  expect(context.complained()).toContain("cat was removed meanwhile");
  expect(context.complained()).toContain("dog was not started again: it is STOPPED, stopped");
  await perform("--all", "--json");
  const printed = jsonOutputs.restart.schema.parse(JSON.parse(context.printed()));
  expect(printed.sessions.map(({ name }) => name)).toEqual(["ant"]);
  expect(printed.failures.map(({ session }) => session).sort()).toEqual(["bee", "cat", "dog"]);
});

test("a connection that breaks before the answer is unconfirmed: nothing is restarted twice", async () => {
  supervisor = await scriptedSupervisor({
    "session/restart": (_, peer) => {
      peer.destroy();
      return { sessions: [] };
    },
  });
  await expect(perform("ant")).rejects.toMatchObject({ fault: { code: "unconfirmed" } });
  expect(supervisor.asked.filter(({ method }) => method === "session/restart")).toHaveLength(1);
});
