import { afterEach, describe, expect, test } from "vitest";
import { FaultError, fault } from "../../../schemas/fault.ts";
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
import { wait } from "./wait.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext;
afterEach(() => {
  context.link.close();
  supervisor?.close();
});

const ended = (name: string, code: number, endedAt = "2026-11-24T12:00:09.000Z") =>
  sessionView({ name, phase: code === 0 ? "COMPLETED" : "CRASHED", exit: { code, signal: null }, endedAt });

/** A supervisor of these sessions, by name: a view has ended, undefined goes on, null is removed before it is waited for. */
async function serve(sessions: Readonly<Record<string, SessionView | undefined | null>>): Promise<void> {
  const stop = { session: sessionView(), timedOut: true, ended: [] };
  supervisor = await scriptedSupervisor({
    "session/get": ({ session: name }) => {
      if (!Object.hasOwn(sessions, name)) throw new FaultError(fault("not-found", `there is no session ${name}`));
      return { session: sessionView({ name, id: `id-${name}` }), transitions: [], environment: null, logs: [] };
    },
    "session/wait": ({ session: id, timeoutMs }) => {
      const session = sessions[id.slice("id-".length)];
      if (session !== undefined) return { session, timedOut: false, ended: [] };
      return timeoutMs === undefined ? new Promise<never>(() => {}) : stop;
    },
  });
}

async function perform(...argv: string[]): Promise<number> {
  context = contextFor(supervisor?.endpoint ?? "");
  return wait(invocationOf("wait", ...argv), context);
}

const printedJson = () => jsonOutputs.wait.schema.parse(JSON.parse(context.printed()));

describe("all", () => {
  test("the first code that is not 0, in the order named", async () => {
    await serve({ good: ended("good", 0), late: ended("late", 7), early: ended("early", 3) });
    expect(await perform("good", "late", "early")).toBe(7);
    expect(await perform("early", "good", "late", "--all")).toBe(3);
    expect(await perform("good", "good")).toBe(0);
  });

  test("one that does not exist: nothing is waited for", async () => {
    await serve({ good: ended("good", 0) });
    await expect(perform("good", "nosuch")).rejects.toThrow("there is no session nosuch");
    expect(supervisor?.asked.map(({ method }) => method)).not.toContain("session/wait");
  });

  test("a time-out names those that go on, and outweighs the code of one that has ended", async () => {
    await serve({ red: ended("red", 3), green: undefined, blue: undefined });
    expect(await perform("red", "green", "blue", "--timeout", "5m")).toBe(124);
    expect(context.complained()).toBe("overmind: green, blue have not ended within 5m\nhint: they go on\n");
    expect(await perform("red", "green", "--timeout", "5m", "--json")).toBe(124);
    expect(printedJson()).toMatchObject({
      timedOut: true,
      code: 124,
      sessions: [
        { ended: true, code: 3, session: { name: "red" } },
        { ended: false, code: null },
      ],
    });
  });

  test("one that has no code of its own says why", async () => {
    await serve({ gone: null, lost: sessionView({ name: "lost", phase: "LOST", reason: "the host died" }) });
    expect(await perform("gone", "lost")).toBe(125);
    expect(context.complained()).toBe(
      "overmind: gone was removed before anybody saw how it ended\novermind: lost is LOST: the host died\n",
    );
  });
});

describe("any", () => {
  test("returns with the one that ends, and its code, though others go on", async () => {
    await serve({ red: undefined, green: ended("green", 4) });
    expect(await perform("--any", "red", "green", "--json")).toBe(4);
    expect(printedJson()).toMatchObject({
      timedOut: false,
      code: 4,
      sessions: [
        { ended: false, code: null },
        { ended: true, code: 4, session: { name: "green" } },
      ],
    });
  });

  test("of several that had ended before the one that ended first counts", async () => {
    await serve({ second: ended("second", 2), first: ended("first", 1, "2026-11-24T12:00:08.000Z") });
    expect(await perform("--any", "second", "first")).toBe(1);
  });

  test("what one that was removed at its end exited with is known from the wait", async () => {
    let asked = 0;
    await serve({ red: undefined, brief: ended("brief", 9) });
    supervisor?.close();
    supervisor = await scriptedSupervisor({
      "session/get": ({ session: name }) => ({
        session: sessionView({ name, id: `id-${name}` }),
        transitions: [],
        environment: null,
        logs: [],
      }),
      "session/wait": ({ session: id, timeoutMs }) => {
        if (id === "id-red" && timeoutMs === undefined) return new Promise<never>(() => {});
        if (id === "id-red") return { session: sessionView({ name: "red" }), timedOut: true, ended: [] };
        asked += 1;
        return { session: asked === 1 ? ended("brief", 9) : null, timedOut: false, ended: [] };
      },
    });
    expect(await perform("--any", "red", "brief")).toBe(9);
  });

  test("a time-out is 124 when none has ended", async () => {
    await serve({ red: undefined, green: undefined });
    expect(await perform("--any", "red", "green", "--timeout", "1s")).toBe(124);
    expect(context.complained()).toContain("red, green have not ended within 1s");
  });

  test("and all exclude each other", async () => {
    await serve({});
    await expect(perform("--any", "--all", "red")).rejects.toMatchObject({ fault: { code: "usage" } });
  });
});
