import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { openSqliteStore } from "./sqlite-store.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const ROUNDS = 8;

/** Tells each write on its standard output once the store has acknowledged it, until it is killed. */
const WRITER = `
  import { writeSync } from "node:fs";
  import { messageRecord } from "../../test/fakes/message-record.ts";
  import { sessionRecord } from "../../test/fakes/session-record.ts";
  import { openSqliteStore } from "./sqlite-store.ts";
  const [, , path, round] = process.argv;
  const opened = openSqliteStore({ path, now: Date.now });
  if (!opened.ok) throw new Error(opened.fault.message);
  for (let n = 0; ; n += 1) {
    const id = "session-" + round + "-" + n;
    let session = opened.value.createSession(sessionRecord({ id, name: id }), "asked for");
    opened.value.createMessage(messageRecord({ id, sessionId: id }));
    for (const to of ["STARTING", "RUNNING", "COMPLETED"]) {
      writeSync(1, id + " " + session.observed.phase + " " + session.revision + "\\n");
      const transition = { atMs: Date.now(), to, reason: "to " + to, evidence: {} };
      session = opened.value.changeSession(id, session.revision, { transition });
      opened.value.saveScreen(id, {
        attempt: 1, offset: n, held: new Uint8Array(), columns: 80, rows: 24, ansi: to.repeat(500), fullScreen: false
      });
    }
  }`;

test("what was acknowledged before a SIGKILL is there after it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "akasha-"));
  try {
    const path = join(folder, "store.db");
    const writer = join(folder, "writer.cjs");
    await build({
      stdin: { contents: WRITER, resolveDir: import.meta.dirname, loader: "ts" },
      outfile: writer,
      bundle: true,
      format: "cjs",
      platform: "node",
      external: ["better-sqlite3"],
      loader: { ".sql": "text" },
      logLevel: "error",
    });
    const acknowledged = new Map<string, { phase: string; revision: number }>();
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [id, phase, revision] of await writeUntilKilled(writer, path, round)) {
        acknowledged.set(id, { phase, revision });
      }
      const opened = openSqliteStore({ path, now: () => 1 });
      if (!opened.ok) throw new Error(opened.fault.message);
      const store = opened.value;
      for (const [id, { phase, revision }] of acknowledged) {
        const found = store.session(id);
        // One more write may have been committed and not yet told.
        expect(found?.revision, id).toBeGreaterThanOrEqual(revision);
        if (found?.revision === revision) expect(found.observed.phase).toBe(phase);
        expect(store.transitions(id)).toHaveLength(found?.revision ?? 0);
        expect(store.messages(id, { unsettled: true }).map((message) => message.id)).toEqual([id]);
      }
      store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(ROUNDS);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** What the writer had told when it was killed, at another place in its work in each round. */
async function writeUntilKilled(writer: string, path: string, round: number): Promise<[string, string, number][]> {
  const child = spawn(process.execPath, [writer, path, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...process.env,
      NODE_PATH: [join(ROOT, "node_modules"), process.env.NODE_PATH].filter(Boolean).join(delimiter),
    },
  });
  const exit = once(child, "exit");
  const told: [string, string, number][] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const [id = "", phase = "", revision = ""] = line.split(" ");
    told.push([id, phase, Number(revision)]);
    if (told.length === 10 + round * 7) child.kill("SIGKILL");
  }
  await exit;
  return told;
}
