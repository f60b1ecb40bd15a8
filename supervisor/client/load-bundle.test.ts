import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

let root: string;
let program: string;
let cacheFolder: string;

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "om-bundle-")));
  await build({
    entryPoints: [join(import.meta.dirname, "load-bundle.ts")],
    outfile: join(root, "load-bundle.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
  });
});
beforeEach(() => {
  program = mkdtempSync(join(root, "program"));
  cacheFolder = join(program, "cache");
});
afterAll(() => rmSync(root, { recursive: true }));

/** A process that loads the bundle and prints what it exports. */
function script(options: { readonly buildId?: string; readonly writeAfterMs?: number } = {}): string {
  const { buildId = "b1", ...rest } = options;
  const path = join(program, "load.mjs");
  const asked = { program: { folder: program, version: "0.1.0", buildId }, cacheFolder, ...rest };
  writeFileSync(
    path,
    `import { loadBundle } from ${JSON.stringify(join(root, "load-bundle.mjs"))};
     console.log(JSON.stringify(loadBundle("some", ${JSON.stringify(asked)})));`,
  );
  return path;
}
const bundle = (text: string) => writeFileSync(join(program, "some.cjs"), text);
const load = async (options: Parameters<typeof script>[0] = {}) =>
  (await promisify(execFile)(process.execPath, [script(options)])).stdout.trim();

test("the bundle runs as any module would: exports, require, its place, any character", async () => {
  writeFileSync(join(program, "beside.json"), '"beside"');
  bundle(`exports.dir = __dirname; exports.file = __filename; exports.isThis = this === exports && this === module.exports;
    exports.beside = require("./beside.json"); exports.text = "ä€😀";`);
  const told = { dir: program, file: join(program, "some.cjs"), isThis: true, beside: "beside", text: "ä€😀" };
  expect(JSON.parse(await load())).toEqual(told);
  expect(JSON.parse(await load())).toEqual(told);
});

test("another build's cache is not used, and only the newest three are kept", async () => {
  for (const [index, buildId] of ["b1", "b2", "b3", "b4"].entries()) {
    // Of the same length: V8 itself would not see that it is another source.
    bundle(`module.exports = ${JSON.stringify(buildId)};`);
    expect(await load({ buildId })).toBe(`"${buildId}"`);
    for (const name of readdirSync(cacheFolder)) {
      if (name.includes(`-${buildId}-`)) utimesSync(join(cacheFolder, name), index + 1, index + 1);
    }
  }
  expect(readdirSync(cacheFolder).map((name) => name.split("-")[1])).toEqual(["b2", "b3", "b4"]);
});

test("a process that runs on writes it meanwhile, and not when it fails before", async () => {
  bundle("process.exitCode = 1;");
  await expect(load({ writeAfterMs: 60_000 })).rejects.toMatchObject({ code: 1 });
  expect(readdirSync(program)).not.toContain("cache");
  bundle("setInterval(() => {}, 1000);");
  const child: ChildProcess = spawn(process.execPath, [script({ writeAfterMs: 1 })], { stdio: "ignore" });
  try {
    mkdirSync(cacheFolder);
    await expect
      .poll(() => readdirSync(cacheFolder), { timeout: 5000 })
      .toContainEqual(expect.stringMatching(/\.bin$/));
  } finally {
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
});
