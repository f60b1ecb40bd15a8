import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeExclusiveLock } from "./exclusive-lock.ts";

let folder: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "om-lock-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** Another process that holds the same lock, or says that it could not. Its answer is its first line. */
async function otherProcess(path: string): Promise<{ readonly child: ChildProcess; readonly said: string }> {
  const script = `
    const Database = require("better-sqlite3");
    const database = new Database(process.argv[1], { timeout: 0 });
    try { database.exec("BEGIN EXCLUSIVE"); console.log("held"); } catch (error) { console.log(error.code); }
    setInterval(() => database, 1 << 30);`;
  const child = spawn(process.execPath, ["-e", script, path], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, said: line.toString().trim() };
}

test("one process at a time, and the kernel frees what a killed one held", async () => {
  const path = join(folder, "lock");
  const { child, said } = await otherProcess(path);
  expect(said).toBe("held");
  expect(takeExclusiveLock(path)).toMatchObject({ ok: false, fault: { code: "conflict" } });
  child.kill("SIGKILL");
  await once(child, "exit");
  const taken = takeExclusiveLock(path);
  expect(taken.ok).toBe(true);
  if (taken.ok) taken.value.dispose();
});

test("a lock that nobody refers to is still held", async () => {
  const path = join(folder, "lock");
  expect(takeExclusiveLock(path).ok).toBe(true);
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  for (let round = 0; round < 3; round += 1) {
    runInNewContext("gc")();
    await new Promise((next) => setImmediate(next));
  }
  expect((await otherProcess(path)).said).toBe("SQLITE_BUSY");
});
