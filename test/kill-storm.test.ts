/**
 * SIGKILL at random times while fifty sessions write. After a hundred deaths of the supervisor every log equals the
 * program's own file; after each death of the process host every log is a prefix of it and the session is LOST.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type GapPayload, RecordKind } from "../schemas/segment.ts";
import type { SessionView } from "../schemas/session-view.ts";
import { connect } from "../supervisor/client/connection.ts";
import { outputOnDisk, payloadsOnDisk, recordsOnDisk } from "./harness/segments.ts";
import { FIXTURES, isAlive, makeWorld, processesNaming, until, type World } from "./harness/world.ts";

const SESSIONS = 50;
const SUPERVISOR_ROUNDS = 100;
/** In these rounds the supervisor stays dead for long while one session floods. */
const LONG_ROUNDS = new Map([
  [20, 2000],
  [40, 5000],
  [60, 10_000],
]);
const HOST_ROUNDS = 20;
/** What a pty and the writer's own buffer hold: so much of the file may be missing when the process host is killed. */
const PTY_BYTES = 64 * 1024;

/** A session's log is bounded by this (schemas/settings.ts). */
const LOG_BYTES = 64 << 20;

let world: World;
beforeAll(async () => {
  world = await makeWorld();
  await world.must("ps");
  mkdirSync(join(world.root, "copies"));
});
afterAll(() => world.close());

const node = process.execPath;
const copyOf = (name: string) => join(world.root, "copies", name);
const pause = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

/** Starts them through one connection, and returns once each runs and has written. */
async function startWriters(
  given: readonly { readonly name: string; readonly writes: readonly string[]; readonly scratch?: boolean }[],
): Promise<SessionView[]> {
  const client = await connect(world.layout.mainEndpoint, { clientName: "kill storm" });
  const start = async ({ name, writes, scratch = false }: (typeof given)[number]) => {
    const argv = [node, join(FIXTURES, "numbered-lines.mjs"), copyOf(name), "forever", ...writes];
    const callerEnvironment = { PATH: process.env.PATH ?? "" };
    const { session } = await client.request("session/run", {
      argv,
      folder: world.project,
      name,
      scratch,
      callerEnvironment,
    });
    const waited = await client.request("session/wait", { session: session.id, until: "started" });
    if (waited.session?.phase !== "RUNNING")
      throw new Error(`${name} is ${waited.session?.phase}: ${waited.session?.reason}`);
    return waited.session;
  };
  const started = await Promise.all(given.map(start));
  client.close();
  await until(() => given.every(({ name }) => existsSync(copyOf(name))), "every writer to write");
  return started;
}

const sessions = async () => (await world.json<{ sessions: SessionView[] }>("ps", "-a", "--json")).sessions;

test(`${SUPERVISOR_ROUNDS} deaths of the supervisor: no session lost, doubled or orphaned, no byte missing`, {
  timeout: 400_000,
}, async (ctx) => {
  const seed = Number(process.env.OVERMIND_TEST_SEED ?? Date.now() % 2 ** 31);
  await ctx.annotate(`seed ${seed}`);
  const random = generator(seed);
  const writers = Array.from({ length: SESSIONS - 1 }, (_, index) => ({ name: `writer-${index}`, writes: ["20"] }));
  const started = await startWriters([...writers, { name: "flood", writes: ["1", "4000"] }]);
  const names = started.map((session) => session.name);
  const before = new Map(started.map((session) => [session.name, session.pid]));
  for (let round = 1; round <= SUPERVISOR_ROUNDS; round += 1) {
    const pid = world.supervisorPid();
    await pause(random() * 150);
    await world.kill(pid);
    await pause(LONG_ROUNDS.get(round) ?? random() * 50);
    expect((await world.overmind("ps")).code, `ps in round ${round}, seed ${seed}`).toBe(0);
  }
  const after = (await sessions()).filter((session) => names.includes(session.name));
  expect(after.map((session) => [session.name, session.phase, session.pid]).sort()).toEqual(
    names.map((name) => [name, "RUNNING", before.get(name)]).sort(),
  );
  for (const name of names) {
    const own = processesNaming(copyOf(name)).filter(
      (one) => one.command.endsWith(" ") && one.command.includes(`${copyOf(name)} `),
    );
    expect(
      own.map((one) => one.pid),
      `processes of ${name}`,
    ).toEqual([before.get(name)]);
  }
  await world.must("stop", ...names);
  for (const session of after) {
    const records = recordsOnDisk(world.layout.logs, session.id);
    const written = outputOnDisk(records);
    const file = readFileSync(copyOf(session.name), "latin1");
    // What floods outgrows its bound: the newest of it is there, whole to the last byte.
    const isCut = (records[0]?.offset ?? 0) > 0;
    expect(isCut, `${session.name} outgrew its bound`).toBe(session.name === "flood" && file.length > LOG_BYTES);
    // Compared as one value: a difference of megabytes is not for reading.
    const isWhole = isCut ? file.endsWith(written) && written.length > LOG_BYTES * 0.8 : written === file;
    expect(isWhole, `the log of ${session.name} holds its file, seed ${seed}`).toBe(true);
  }
  await world.must("rm", ...names);
});

test(`${HOST_ROUNDS} deaths of the process host: LOST, the old tree gone, each log a prefix`, {
  timeout: 400_000,
}, async () => {
  for (let round = 1; round <= HOST_ROUNDS; round += 1) {
    const names = Array.from({ length: SESSIONS }, (_, index) => `round${round}-${index}`);
    const running = await startWriters(names.map((name) => ({ name, writes: ["20"], scratch: true })));
    await world.kill(world.hostPid());
    const codes = await Promise.all(names.slice(0, 3).map(async (name) => (await world.overmind("wait", name)).code));
    expect(codes).toEqual([125, 125, 125]);
    const ended = async () => (await sessions()).filter((one) => names.includes(one.name));
    await until(async () => (await ended()).every((one) => one.phase === "LOST"), "all to be LOST");
    for (const session of running) {
      expect(isAlive(session.pid ?? 0), `${session.name} lives on`).toBe(false);
      const records = recordsOnDisk(world.layout.logs, session.id);
      const written = outputOnDisk(records);
      const file = readFileSync(copyOf(session.name), "latin1");
      expect(file.startsWith(written), `the log of ${session.name} is a prefix`).toBe(true);
      expect(file.length - written.length).toBeLessThan(PTY_BYTES);
      expect(payloadsOnDisk<GapPayload>(records, RecordKind.gap)).toEqual([
        expect.objectContaining({ reason: "host-lost" }),
      ]);
    }
  }
});

/** Numbers from 0 to 1 that a printed seed repeats (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
