/** The packed package, installed outside the checkout: both commands work, and an upgrade under ten sessions is not noticed. */
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SessionView, StatusView } from "../schemas/session-view.ts";
import { FIXTURES, isAlive, makeWorld, REPOSITORY, run, until, type World } from "./harness/world.ts";

/** A minute on a quiet machine where better-sqlite3 is compiled; three on a busy one. */
const INSTALL_LIMIT_MS = 400_000;

let folder: string;
let world: World;
let installed: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "om-package-"));
  world = await makeWorld();
  const environment = { ...process.env };
  const packed = await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], REPOSITORY, environment);
  expect(packed.code, packed.stderr).toBe(0);
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
  installed = join(folder, "first");
  // better-sqlite3 is compiled where no prebuilt binary can be had.
  const argv = ["install", "--global", "--prefix", installed, tarball, "--allow-scripts=better-sqlite3"];
  const install = await run("npm", argv, folder, environment, INSTALL_LIMIT_MS);
  expect(install.code, install.stderr).toBe(0);
}, INSTALL_LIMIT_MS);

afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const command = (prefix: string, name = "overmind") => join(prefix, "bin", name);
const overmind = (prefix: string, ...argv: string[]) => run(command(prefix), argv, world.project, world.environment);

test("both commands answer, outside the checkout", async () => {
  const version = (JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as { version: string }).version;
  expect((await overmind(installed, "--version")).stdout).toContain(version);
  expect(
    (await run(command(installed, "overmind-supervisor"), ["--version"], "/", world.environment)).stdout,
  ).toContain(version);
  const doctor = await overmind(installed, "doctor", "--json");
  expect(doctor.stderr).toBe("");
  expect(JSON.parse(doctor.stdout)).toHaveProperty("checks");
});

test("an upgrade under ten running sessions, the old version's folder deleted: none notices", {
  timeout: 120_000,
}, async () => {
  const second = join(folder, "second");
  cpSync(installed, second, { recursive: true, verbatimSymlinks: true });
  const dist = join(second, "lib/node_modules/overmind/dist");
  writeFileSync(join(dist, "build-id"), "0123456789ab\n");

  const names = Array.from({ length: 10 }, (_, index) => `worker-${index}`);
  for (const name of names) {
    const ran = await overmind(
      installed,
      "run",
      "--name",
      name,
      "--",
      process.execPath,
      join(FIXTURES, "numbered-lines.mjs"),
      join(folder, name),
      "forever",
      "20",
    );
    expect(ran.code, ran.stderr).toBe(0);
  }
  await until(() => names.every((name) => existsSync(join(folder, name))), "all to write");
  const list = async () =>
    (JSON.parse((await overmind(second, "ps", "--json")).stdout) as { sessions: SessionView[] }).sessions;
  const before = new Map((await list()).map((session) => [session.name, session.pid]));
  const oldSupervisor = world.supervisorPid();

  rmSync(installed, { recursive: true, force: true });
  const restarted = await overmind(second, "supervisor", "restart");
  expect(restarted.code, restarted.stderr).toBe(0);
  expect(isAlive(oldSupervisor)).toBe(false);
  const status = JSON.parse((await overmind(second, "status", "--json")).stdout) as StatusView;
  expect(status.supervisor.buildId).toBe("0123456789ab");

  const after = await list();
  expect(new Map(after.map((session) => [session.name, session.pid]))).toEqual(before);
  expect(after.map((session) => session.phase)).toEqual(after.map(() => "RUNNING"));
  const grown = readFileSync(join(folder, "worker-0")).length;
  await until(() => readFileSync(join(folder, "worker-0")).length > grown, "the workers to go on");
  // The command line inside a session still works, from its copy.
  const inside = await overmind(second, "run", "--", "sh", "-c", "overmind --version");
  expect((await overmind(second, "wait", inside.stdout.trim())).code).toBe(0);
  expect((await overmind(second, "stop", "--all")).code).toBe(0);
});
