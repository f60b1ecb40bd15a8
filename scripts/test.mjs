/**
 * `npm test`: installs and builds what is missing, runs the unit tests and the whole-process tests, names each test
 * that was skipped with its reason, and ends with the one line
 *
 *   N passed, N failed, N skipped
 *
 * Every failure is in that count: a test, a file that cannot be loaded, an error nobody handled, vitest's own crash.
 * Under OVERMIND_TEST_REQUIRE_ALL=1 (.ci/run) a skipped test is a failure. Arguments go to vitest: `npm test -- ports`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "./ensure-built.mjs";
import { ROOT } from "./source-state.mjs";

const PROJECTS = ["unit", "process"];
const REQUIRE_ALL = process.env.OVERMIND_TEST_REQUIRE_ALL === "1";

const vitestArgs = process.argv.slice(2);
/** Vitest counts tests that a name filter leaves out as skipped; nobody asked for them. */
const filtersByName = vitestArgs.some((arg) => /^(-t|--testNamePattern)\b/.test(arg));

ensureBuilt();
const total = { passed: 0, failed: 0 };
/** @type {import("./test-tally-reporter.mjs").Skipped[]} */
const skipped = [];
for (const project of PROJECTS) {
  const { tally, trouble } = runProject(project);
  total.passed += tally.passed;
  total.failed += tally.failed;
  skipped.push(...tally.skipped.filter(({ reason }) => !filtersByName || reason !== undefined));
  if (trouble !== undefined) {
    console.log(`${project}: ${trouble}`);
    total.failed += 1;
  }
}
for (const { name, reason } of skipped)
  console.log(`skipped: ${name}: ${reason ?? "no reason given (ctx.skip(reason))"}`);
if (total.passed + total.failed === 0) {
  console.log("no test was run, which is a failure");
  total.failed = 1;
}
if (REQUIRE_ALL && skipped.length > 0) console.log("OVERMIND_TEST_REQUIRE_ALL=1: the tests skipped above are failures");
process.exitCode = total.failed > 0 || (REQUIRE_ALL && skipped.length > 0) ? 1 : 0;
console.log(`${total.passed} passed, ${total.failed} failed, ${skipped.length} skipped`);

/**
 * One run of vitest a project: a crash of one is told from the other's results.
 * @param {string} project
 * @returns {{ tally: import("./test-tally-reporter.mjs").Tally, trouble?: string }}
 */
function runProject(project) {
  const folder = mkdtempSync(join(tmpdir(), "overmind-test-tally-"));
  const tallyFile = join(folder, "tally.json");
  try {
    const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", `--reporter=${join(ROOT, "scripts", "test-tally-reporter.mjs")}`];
    const args = ["run", "--project", project, "--passWithNoTests", ...reporters, ...vitestArgs];
    const { status, signal } = spawnSync(process.execPath, [vitest, ...args], {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, OVERMIND_TEST_TALLY: tallyFile },
    });
    const ending = signal === null ? `exit code ${status}` : `signal ${signal}`;
    if (!existsSync(tallyFile)) {
      return { tally: { passed: 0, failed: 0, skipped: [] }, trouble: `vitest ended with ${ending} and no result` };
    }
    const tally = JSON.parse(readFileSync(tallyFile, "utf8"));
    const explained = status === 0 || tally.failed > 0;
    return explained ? { tally } : { tally, trouble: `vitest ended with ${ending} and no failed test` };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
