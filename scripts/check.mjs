/**
 * `npm run check`: everything CI checks besides the tests. Runs all steps, prints one line for each and the whole
 * output of those that fail. With names, only those: `npm run check -- types layers`.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./source-state.mjs";

/**
 * What each step runs: a program of node_modules/.bin, or a script of ours. The slowest first.
 * @type {Record<string, string[]>}
 */
const STEPS = {
  "typed lint": ["eslint", "--max-warnings=0", "."],
  format: ["biome", "ci", "--colors=off", "--max-diagnostics=50", "."],
  types: ["tsc", "-b", "--pretty", "false"],
  layers: ["scripts/check-layers.mjs"],
  "dead code": ["knip", "--no-progress", "--no-config-hints"],
  generated: ["scripts/generate.mjs", "--check"],
  package: ["scripts/check-package.mjs"],
};
/** More at once are no faster on the two cores of a CI machine. */
const STEPS_AT_ONCE = 2;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(STEPS, name));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(", ")} (there are: ${Object.keys(STEPS).join(", ")})`);
  process.exit(2);
}
const queue = Object.entries(STEPS).filter(([name]) => wanted.length === 0 || wanted.includes(name));
/** @type {string[]} */
const failed = [];
await Promise.all(Array.from({ length: STEPS_AT_ONCE }, runQueue));
if (failed.length > 0) console.log(`check failed: ${failed.join(", ")}`);
process.exitCode = failed.length > 0 ? 1 : 0;

async function runQueue() {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const [name, [program = "", ...args]] = step;
    const startedAt = performance.now();
    const { ok, output } = await run(program, args);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    console.log(`${ok ? "ok    " : "FAILED"}  ${name} (${seconds} s)`);
    if (ok) continue;
    failed.push(name);
    console.log(output.trimEnd().replace(/^/gm, "        "));
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
async function run(program, args) {
  const isScript = program.endsWith(".mjs");
  const [command, shell] = isScript
    ? [process.execPath, false]
    : [join(ROOT, "node_modules", ".bin", program), process.platform === "win32"];
  return new Promise((resolve) => {
    const child = spawn(command, isScript ? [program, ...args] : args, {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
      shell,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", (error) => resolve({ ok: false, output: `${output}${error.message}` }));
    child.on("close", (code, signal) => {
      const ending = signal === null ? "" : `\nended by ${signal}`;
      resolve({ ok: code === 0, output: output + ending });
    });
  });
}
