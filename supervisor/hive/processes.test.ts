import { afterAll, beforeAll, expect, test } from "vitest";
import { type MarkerPayload, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import { processesContract } from "../../test/contracts/processes-contract.ts";
import { payloadsOnDisk, recordsOnDisk } from "../../test/harness/segments.ts";
import { buildHostOnce, exitOf, makeHiveWorld, must, newKey, specOf, until } from "./hive-world.fake.ts";

let built: Awaited<ReturnType<typeof buildHostOnce>>;
beforeAll(async () => {
  built = await buildHostOnce();
});
afterAll(() => built.remove());

const EXITS_WHEN_TOLD =
  "process.stdin.on('data', (data) => { const told = /exit (\\d+)/.exec(data); if (told) process.exit(Number(told[1])); })";

processesContract("a local hive with a real process host", async () => {
  const world = makeHiveWorld(built.script);
  const hive = await world.open();
  const keys: StreamKey[] = [];
  return {
    hive,
    // One process, so that a signal meets no shell around it; what it reads is its exit code.
    spec: (key) => specOf(key, [process.execPath, "-e", EXITS_WHEN_TOLD]),
    newKey() {
      const key = newKey();
      keys.push(key);
      return key;
    },
    exit: async (key, code) => must(await hive.processes.input(key, Buffer.from(`exit ${code}\n`))),
    markers: (key) => {
      const records = recordsOnDisk(world.layout.logs, key.sessionId);
      return Promise.resolve(payloadsOnDisk<MarkerPayload>(records, RecordKind.marker).map(({ id }) => id));
    },
    typed: (key) => {
      const records = recordsOnDisk(world.layout.logs, key.sessionId).filter(({ kind }) => kind === RecordKind.stdin);
      return Promise.resolve(records.map(({ payload }) => Buffer.from(payload).toString()));
    },
    async dispose() {
      for (const { sessionId } of keys) must(await hive.trees.signal(sessionId, undefined, "SIGKILL"));
      await world.close();
    },
  };
});

test("input, its end, and the size of a terminal reach the program", async () => {
  const world = makeHiveWorld(built.script);
  try {
    const hive = await world.open();
    const piped = newKey();
    must(await hive.processes.start(specOf(piped, ["cat"])));
    must(await hive.processes.input(piped, Buffer.from([0, 255, 10])));
    must(await hive.processes.closeInput(piped));
    await exitOf(hive, piped);
    const records = recordsOnDisk(world.layout.logs, piped.sessionId);
    const output = records.filter(({ kind }) => kind === RecordKind.stdout).map(({ payload }) => Buffer.from(payload));
    expect(Buffer.concat(output)).toEqual(Buffer.from([0, 255, 10]));

    const terminal = newKey();
    must(await hive.processes.start(specOf(terminal, ["sh", "-c", "read x; stty size"], "terminal")));
    must(await hive.processes.resize(terminal, { columns: 101, rows: 33 }));
    must(await hive.processes.input(terminal, Buffer.from("\n")));
    await exitOf(hive, terminal);
    const printed = () =>
      Buffer.concat(
        recordsOnDisk(world.layout.logs, terminal.sessionId).map(({ payload }) => Buffer.from(payload)),
      ).toString();
    await until(() => printed().includes("33 101"), "the new size");
  } finally {
    await world.close();
  }
});

test("what cannot be started is said, and leaves nothing", async () => {
  const world = makeHiveWorld(built.script);
  try {
    const hive = await world.open();
    const key = newKey();
    expect(await hive.processes.start(specOf(key, ["no-such-program-anywhere"]))).toMatchObject({
      ok: false,
      fault: { code: "program-not-found", retryable: false },
    });
    expect(must(await hive.processes.observe(key)).process).toBeUndefined();
    expect(must(await hive.streams.list(key.sessionId))).toEqual([]);
  } finally {
    await world.close();
  }
});
