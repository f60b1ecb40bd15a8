/** What a session may do with its token: through the command line inside it, and method by method of the protocol. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MethodName, methods } from "../schemas/client-protocol.ts";
import type { SessionView } from "../schemas/session-view.ts";
import { type Answer, WireClient } from "./harness/wire-client.ts";
import { makeWorld, type World } from "./harness/world.ts";

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  await world.must("run", "--name", "stranger", "--", "sleep", "1000");
});
afterAll(() => world.close());

/** Runs a script in a session and returns its log. */
async function inside(name: string, script: string): Promise<string> {
  const path = join(world.root, `${name}.sh`);
  writeFileSync(path, script);
  await world.must("run", "--name", name, "--", "sh", path);
  await world.overmind("wait", name, "--timeout", "60s");
  return world.must("logs", name);
}
const sessionNamed = async (name: string) =>
  (await world.json<{ session: SessionView }>("describe", name, "--json")).session;

test("it reads itself, and of strangers name, phase and activity alone", async () => {
  const log = await inside(
    "reader",
    "overmind describe reader >/dev/null; echo self=$?\novermind describe stranger; echo stranger=$?\novermind ps --json\n",
  );
  expect(log).toContain("self=0");
  expect(log).not.toContain("stranger=0");
  const listed = JSON.parse(/^\{.*\}$/ms.exec(log)?.[0] ?? "") as { sessions: SessionView[]; others: object[] };
  expect(listed.sessions.map((session) => session.name)).toEqual(["reader"]);
  expect(listed.others).toEqual([{ name: "stranger", phase: "RUNNING", activity: expect.any(String) }]);
});

test("it runs a child, waits for it and stops it", async () => {
  const log = await inside(
    "parent",
    "overmind run --name child -- sh -c 'exit 5'; overmind wait child; echo waited=$?\novermind run --name sleeper -- sleep 1000 && overmind stop sleeper; echo stopped=$?\n",
  );
  expect(log).toContain("waited=5");
  expect(log).toContain("stopped=0");
  const [parent, child] = [await sessionNamed("parent"), await sessionNamed("child")];
  expect(child.parentId).toBe(parent.id);
  expect(child.workspace.path).not.toContain(parent.workspace.path);
});

test.each([
  ["stop stranger"],
  ["kill stranger"],
  ["rm --force stranger"],
  ["kill -s USR1 stranger"],
  ["logs stranger"],
  ["supervisor stop"],
  ["prune"],
])("overmind %s is refused", async (command) => {
  const log = await inside(
    `refused-${command.replaceAll(/[^a-z]+/gi, "-").toLowerCase()}x`,
    `overmind ${command}; echo code=$?\n`,
  );
  expect(log).toMatch(/code=[1-9]/);
  expect((await sessionNamed("stranger")).phase).toBe("RUNNING");
});

test("a wrong token is nobody's", async () => {
  const log = await inside("forger", "OVERMIND_TOKEN=wrong overmind ps; echo code=$?\n");
  expect(log).not.toContain("code=0");
});

/** The methods that are about one session or several, as a session may ask for them; each with all else it needs. */
const READS = {
  "session/get": {},
  "session/result": {},
  "session/follow": {},
  "session/wait": { until: "started" },
  "screen/get": {},
  "message/list": {},
  "log/follow": { from: { start: true }, follow: false, creditBytes: 1000 },
} as const;
const ACTS = {
  "session/stop": { mode: "kill" },
  "session/restart": {},
  "session/interrupt": {},
  "session/signal": { signal: "USR1" },
  "message/send": { text: "hello", until: "queued" },
} as const;
const OUTSIDE_ONLY = Object.keys(methods).filter((name) => !methods[name as MethodName].fromSession);

describe("through the protocol", () => {
  let client: WireClient;
  const ids = new Map<string, string>();
  const clients: WireClient[] = [];

  beforeAll(async () => {
    const parents = { elder: [], middle: ["elder"], younger: ["middle"], victim: ["middle"] };
    for (const [name, parent] of Object.entries(parents)) {
      await world.must("run", "--name", name, ...parent.flatMap((one) => ["--parent", one]), "--", "sleep", "1000");
    }
    for (const name of [...Object.keys(parents), "stranger"]) ids.set(name, (await sessionNamed(name)).id);
    client = await insideOf("middle");
  });
  afterEach(async () => {
    for (const name of ["elder", "middle", "stranger"]) expect((await sessionNamed(name)).phase).toBe("RUNNING");
  });
  afterAll(async () => {
    for (const one of clients) await one.close();
  });

  /** A connection with the token of that session. */
  async function insideOf(name: string): Promise<WireClient> {
    const { environment } = await world.json<{ environment: Record<string, string> }>(
      "describe",
      name,
      "--show-env",
      "--json",
    );
    const one = await WireClient.greeted(environment.OVERMIND_ENDPOINT ?? "", { token: environment.OVERMIND_TOKEN });
    clients.push(one);
    return one;
  }

  function ask(method: string, about: string): Promise<Answer> {
    const more = { ...READS, ...ACTS }[method as keyof typeof READS | keyof typeof ACTS];
    const session = ids.get(about) ?? about;
    const takesMany = "sessions" in shapeOf(method);
    return client.request(method, { ...more, ...(takesMany ? { sessions: { references: [session] } } : { session }) });
  }
  const codeOf = (answer: Answer) => answer.error?.data?.code;

  function shapeOf(method: string): object {
    const { params } = methods[method as MethodName];
    return params.shape;
  }

  test("each method about a session is one that reads it or one that acts on it", () => {
    const about = Object.keys(methods).filter(
      (name) => !OUTSIDE_ONLY.includes(name) && ["session", "sessions"].some((key) => key in shapeOf(name)),
    );
    expect(about.sort()).toEqual([...Object.keys(READS), ...Object.keys(ACTS)].sort());
  });

  test.each(OUTSIDE_ONLY)("%s is refused, whatever it is asked with", async (method) => {
    expect(codeOf(await client.request(method, {}))).toBe("not-permitted");
    const about = { session: ids.get("younger"), sessions: { references: [ids.get("younger")] } };
    expect(codeOf(await client.request(method, about))).toBe("not-permitted");
  });

  test.each(Object.keys(READS))("%s: of itself and its descendants, of nobody else", async (method) => {
    for (const own of ["middle", "younger"]) expect((await ask(method, own)).error).toBeUndefined();
    for (const other of ["elder", "stranger"]) expect(codeOf(await ask(method, other))).toBe("not-permitted");
  });

  test.each(Object.keys(ACTS))("%s: on its descendants, not on itself, its parent or a stranger", async (method) => {
    for (const other of ["elder", "middle", "stranger"]) expect(codeOf(await ask(method, other))).toBe("not-permitted");
    expect(codeOf(await ask(method, "victim"))).not.toBe("not-permitted");
  });

  const run = (parent?: string, more: object = {}) =>
    client.request("session/run", {
      argv: ["sleep", "1000"],
      folder: world.project,
      callerEnvironment: { PATH: world.environment.PATH },
      ...(parent === undefined ? {} : { parent }),
      ...more,
    });
  const childOf = async (parent?: string) => ((await run(parent)).result?.session ?? {}) as Partial<SessionView>;

  test("its child is its own, or of a descendant that it names; not its parent's or a stranger's", async () => {
    expect((await childOf()).parentId).toBe(ids.get("middle"));
    const [younger, elder, stranger] = [ids.get("younger"), ids.get("elder"), ids.get("stranger")];
    expect((await childOf(younger)).parentId).toBe(younger);
    for (const other of [elder, stranger]) expect(codeOf(await run(other))).toBe("not-permitted");
  });

  test("no child's place in line is before its parent's", async () => {
    const { result } = await run(undefined, { priority: 9 });
    expect(result).toMatchObject({ session: { priority: 0 }, warnings: [expect.stringContaining("priority")] });
  });

  test("four deep, and no deeper: the limit and its setting are named", async () => {
    // `middle` is at depth 1 itself.
    let parent = await childOf();
    for (let depth = 3; depth <= 4; depth += 1) parent = await childOf(parent.id);
    const refused = await run(parent.id);
    expect(refused.error).toMatchObject({
      message: expect.stringMatching(/depth 5.*maxDepth is 4/),
      data: { code: "not-permitted", hint: expect.stringContaining("config set maxDepth") },
    });
  });

  test("thirty-two living children, and no more until one has ended", async () => {
    client = await insideOf("younger");
    const first = await childOf();
    for (let answer = await run(); ; answer = await run()) {
      if (answer.error === undefined) continue;
      expect(answer.error).toMatchObject({
        message: expect.stringMatching(/32 living children.*maxChildren is 32/),
        data: { code: "conflict", hint: expect.stringContaining("config set maxChildren") },
      });
      break;
    }
    const { sessions } = await world.json<{ sessions: SessionView[] }>("ps", "--json");
    expect(sessions.filter(({ parentId }) => parentId === ids.get("younger"))).toHaveLength(32);
    await client.must("session/stop", { sessions: { references: [first.id] }, mode: "kill" });
    await client.must("session/wait", { session: first.id, until: "ended" });
    expect((await run()).error).toBeUndefined();
  });
});
