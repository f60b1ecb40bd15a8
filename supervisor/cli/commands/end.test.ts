import { afterEach, describe, expect, test } from "vitest";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { jsonOutputs } from "../../../schemas/json-output.ts";
import { sessionView } from "../../../schemas/text/session-views.fake.ts";
import { type Invocation, parseCommandLine } from "../parse.ts";
import {
  contextFor,
  type ScriptedSupervisor,
  scriptedSupervisor,
  type TestContext,
} from "../scripted-supervisor.fake.ts";
import { kill, rm, stop } from "./end.ts";
import { run } from "./run.ts";
import { wait } from "./wait.ts";

let supervisor: ScriptedSupervisor | undefined;
let context: TestContext | undefined;
afterEach(() => {
  context?.link.close();
  supervisor?.close();
});

/** Runs a command line and returns its exit code. */
async function perform(...argv: string[]): Promise<number> {
  const parsed = parseCommandLine(argv);
  if (!parsed.ok || parsed.value.type !== "invocation") throw new Error(`${argv.join(" ")} is no command line`);
  context = {
    ...contextFor(supervisor?.endpoint ?? ""),
    workingFolder: "/project",
    environment: { PATH: "/bin", TOKEN: "s" },
  };
  const { invocation } = parsed.value;
  switch (invocation.command) {
    case "stop":
      return stop(invocation, context);
    case "kill":
      return kill(invocation, context);
    case "rm":
      return rm(invocation, context);
    case "wait":
      return wait(invocation, context);
    default:
      return run(invocation as Invocation<"run">, context);
  }
}

const soon = () => new Date(Date.now() + 60_000).toISOString();
const stopped = (name: string, endedAt = soon()) =>
  sessionView({
    name,
    id: `id-${name}`,
    phase: "STOPPED",
    reason: "stopped",
    endedAt,
    exit: { code: null, signal: "SIGTERM" },
  });

describe("stop", () => {
  test("waits for each, says what it ended, and survives a supervisor that dies under it", async () => {
    let asked = 0;
    supervisor = await scriptedSupervisor({
      "session/stop": () => ({
        sessions: [
          { id: "id-ant", name: "ant" },
          { id: "id-bee", name: "bee" },
        ],
      }),
      "session/wait": ({ session }, peer) => {
        asked += 1;
        if (asked <= 2) peer.destroy();
        const name = session.slice("id-".length);
        return {
          session: stopped(name),
          timedOut: false,
          ended: name === "ant" ? [{ pid: 7, command: "node x" }] : [],
        };
      },
    });
    expect(await perform("stop", "ant", "bee", "--grace", "2s")).toBe(0);
    expect(context?.printed().split("\n").sort()).toEqual([
      "",
      "stopped ant (1 process ended: 7 node x)",
      "stopped bee",
    ]);
    expect(supervisor.asked.find(({ method }) => method === "session/stop")?.params).toEqual({
      sessions: { references: ["ant", "bee"] },
      mode: "stop",
      graceMs: 2000,
    });
  });

  test("what had ended before is told when it was named, and left out of --all; --json keeps to its schema", async () => {
    supervisor = await scriptedSupervisor({
      "session/stop": () => ({ sessions: [{ id: "id-old", name: "old" }] }),
      "session/wait": () => ({
        session: stopped("old", "2020-01-01T00:00:00.000Z"),
        timedOut: false,
        ended: [{ pid: 7, command: "sh" }],
      }),
    });
    expect(await perform("stop", "old")).toBe(0);
    expect(context?.printed()).toBe("old had ended before: STOPPED, stopped\n");
    expect(await perform("stop", "--all")).toBe(0);
    expect(context?.printed()).toBe("");
    await perform("stop", "--all", "--json");
    const printed = jsonOutputs.stop.schema.parse(JSON.parse(context?.printed() ?? ""));
    expect(printed.sessions[0]).toMatchObject({ name: "old", hadEnded: true, processes: [] });
  });
});

test.each([
  ["stop", "session/stop", { sessions: { references: ["ant"] }, mode: "stop", cascade: true }],
  ["kill", "session/stop", { sessions: { references: ["ant"] }, mode: "kill", cascade: true }],
  ["rm", "session/remove", { sessions: { references: ["ant"] }, force: false, cascade: true }],
] as const)("%s --cascade is of the descendants too, and each is told", async (command, method, asked) => {
  const family = () => ({
    sessions: [
      { id: "id-child", name: "child" },
      { id: "id-ant", name: "ant" },
    ],
  });
  supervisor = await scriptedSupervisor({
    "session/stop": family,
    "session/remove": family,
    "session/wait": ({ session, until }) => ({
      session: until === "removed" ? null : stopped(session.slice("id-".length)),
      timedOut: false,
      ended: [],
    }),
  });
  expect(await perform(command, "--cascade", "ant")).toBe(0);
  expect(context?.printed()).toMatch(/ child\n(.|\n)* ant\n/);
  expect(supervisor.asked.find((one) => one.method === method)?.params).toEqual(asked);
});

test("a signal ends no session, so it has no cascade", async () => {
  await expect(perform("kill", "-s", "USR1", "--cascade", "ant")).rejects.toThrow("--signal and --cascade");
});

test("kill -s signals the main process alone, of a selection those that run", async () => {
  supervisor = await scriptedSupervisor({
    "session/list": () => ({
      sessions: [sessionView({ name: "ant", id: "1" }), sessionView({ name: "bee", id: "2", phase: "CRASHED" })],
      others: [],
    }),
    "session/signal": () => ({}),
  });
  expect(await perform("kill", "-s", "usr1", "-l", "team=web")).toBe(0);
  expect(context?.printed()).toBe("sent SIGUSR1 to ant\n");
  expect(supervisor.asked.filter(({ method }) => method === "session/signal").map(({ params }) => params)).toEqual([
    { session: "1", signal: "SIGUSR1" },
  ]);
  await expect(perform("kill", "-s", "NOPE", "ant")).rejects.toThrow("NOPE is no signal");
});

describe("rm", () => {
  test("work that would be lost: nothing is removed, and the fault says what and how", async () => {
    const refused = fault("work-would-be-lost", "ant has work", {
      hint: "overmind rm --force ant",
      data: { work: ["a.txt"] },
    });
    supervisor = await scriptedSupervisor({
      "session/remove": () => {
        throw new FaultError(refused);
      },
    });
    await expect(perform("rm", "ant")).rejects.toMatchObject({ fault: refused });
  });

  test("one that is refused late is told with its code, and the others are removed", async () => {
    supervisor = await scriptedSupervisor({
      "session/remove": () => ({
        sessions: [
          { id: "1", name: "ant" },
          { id: "2", name: "bee" },
        ],
      }),
      "session/wait": ({ session, until }) => {
        if (until === "ended")
          return {
            session: session === "1" ? stopped("ant") : null,
            timedOut: false,
            ended: session === "1" ? [{ pid: 7, command: "sh" }] : [],
          };
        const late = fault("work-would-be-lost", "bee has work", { data: { work: ["b.txt"] } });
        return {
          session: session === "1" ? null : stopped("bee"),
          timedOut: false,
          ended: [],
          ...(session === "1" ? {} : { fault: late }),
        };
      },
    });
    expect(await perform("rm", "ant", "bee")).toBe(4);
    expect(context?.printed()).toBe("removed ant (1 process ended: 7 sh)\n");
    expect(context?.complained()).toBe("overmind: bee has work\n  b.txt\n");
  });
});

describe("wait", () => {
  const withEnd = async (end: Partial<ReturnType<typeof stopped>>, extra: object = {}) => {
    supervisor = await scriptedSupervisor({
      "session/get": () => ({ session: sessionView(), transitions: [], environment: null, logs: [] }),
      "session/wait": () => ({ session: sessionView(end), timedOut: false, ended: [], ...extra }),
    });
  };

  test("passes on the code; what never ran says why", async () => {
    await withEnd({ phase: "CRASHED", exit: { code: 7, signal: null } });
    expect(await perform("wait", "calm-otter")).toBe(7);
    expect(context?.complained()).toBe("");
    supervisor?.close();
    await withEnd(
      { phase: "CRASHED", reason: "no such program: x", exit: null },
      { fault: fault("program-not-found", "x") },
    );
    expect(await perform("wait", "calm-otter")).toBe(127);
    expect(context?.complained()).toBe("overmind: calm-otter is CRASHED: no such program: x\n");
  });

  test("a time-out is 124, and the time goes on counting over a lost connection", async () => {
    const limits: number[] = [];
    supervisor = await scriptedSupervisor({
      "session/get": () => ({ session: sessionView(), transitions: [], environment: null, logs: [] }),
      "session/wait": ({ timeoutMs }, peer) => {
        limits.push(timeoutMs ?? -1);
        if (limits.length === 1) peer.destroy();
        return { session: sessionView(), timedOut: true, ended: [] };
      },
    });
    expect(await perform("wait", "calm-otter", "--timeout", "5m")).toBe(124);
    expect(context?.complained()).toContain("has not ended within 5m");
    expect(limits[0]).toBeLessThanOrEqual(300_000);
    expect(limits[1]).toBeLessThan(limits[0] ?? 0);
  });
});

describe("run", () => {
  const start = async (warnings: string[] = []) => {
    supervisor = await scriptedSupervisor({ "session/run": () => ({ session: sessionView(), warnings }) });
  };
  const asked = () =>
    supervisor?.asked.find(({ method }) => method === "session/run")?.params as Record<string, unknown>;

  test("prints the name alone; warnings go to standard error", async () => {
    await start(["2 changes are not in the worktree: --with-changes"]);
    expect(await perform("run", "--", "sh", "-c", "exit 1")).toBe(0);
    expect(context?.printed()).toBe("calm-otter\n");
    expect(context?.complained()).toBe("warning: 2 changes are not in the worktree: --with-changes\n");
    expect(asked()).toMatchObject({
      argv: ["sh", "-c", "exit 1"],
      folder: "/project",
      callerEnvironment: { PATH: "/bin", TOKEN: "s" },
    });
  });

  test("every flag arrives as what it means", async () => {
    await start();
    const flags =
      "--project sub --name n --with-changes --env A=1 --env TOKEN --label k=v --colony c --grace 5m --keep-children --rm".split(
        " ",
      );
    await perform("run", "npm test", ...flags);
    expect(asked()).toMatchObject({
      argv: ["npm", "test"],
      folder: "/project/sub",
      name: "n",
      withChanges: true,
      scratch: false,
      environment: { A: "1", TOKEN: "s" },
      labels: { k: "v" },
      colony: "c",
      graceMs: 300_000,
      keepChildren: true,
      removeWhenEnded: true,
    });
  });

  test("what a shell would have done is warned of", async () => {
    await start();
    await perform("run", "--agent", "echo a | cat");
    expect(asked()).toMatchObject({ argv: ["echo", "a", "|", "cat"] });
    expect(context?.complained()).toContain("no shell reads the command line: |");
  });

  test("a connection that breaks before the answer is unconfirmed, and nothing is asked twice", async () => {
    supervisor = await scriptedSupervisor({
      "session/run": (_, peer) => {
        peer.destroy();
        return { session: sessionView(), warnings: [] };
      },
    });
    await expect(perform("run", "--", "true")).rejects.toMatchObject({ fault: { code: "unconfirmed" } });
    expect(supervisor.asked.filter(({ method }) => method === "session/run")).toHaveLength(1);
  });

  test.each([
    [["run"], "nothing to run is named"],
    [["run", "--"], "nothing to run is named"],
    [["run", "claude", "--", "x"], "exclude each other"],
    [["run", "--agent", "a", "b"], "exclude each other"],
    [["run", "--attach", "-d", "x"], "exclude each other"],
    [["run", "--attach", "--json", "x"], "exclude each other"],
    [["run", "--scratch", "--with-changes", "x"], "exclude each other"],
    [["run", "--env", "NOSUCH", "x"], "no such variable"],
    [["run", "--env-file", "/nowhere/env", "x"], "--env-file"],
    [["run", "say 'it"], "nothing closes"],
  ])("%j is refused: %s", async (argv, message) => {
    await start();
    await expect(perform(...argv)).rejects.toThrow(message);
    expect(asked()).toBeUndefined();
  });
});
