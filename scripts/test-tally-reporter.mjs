/**
 * A vitest reporter that writes what scripts/test.mjs needs for its closing lines to the file named by
 * OVERMIND_TEST_TALLY. Vitest asks for a default export.
 */
import { writeFileSync } from "node:fs";

/**
 * @typedef {{ name: string, reason: string | undefined }} Skipped
 * @typedef {{ passed: number, failed: number, skipped: Skipped[] }} Tally
 */

export default class TestTallyReporter {
  /**
   * @param {ReadonlyArray<import("vitest/node").TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {Tally} */
    const tally = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      // A file that cannot be loaded, or a hook that throws, fails without a test that says so.
      tally.failed += module.errors().length;
      for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
      for (const test of module.children.allTests()) addTest(tally, test);
    }
    writeFileSync(process.env.OVERMIND_TEST_TALLY ?? "", JSON.stringify(tally));
  }
}

/**
 * @param {Tally} tally
 * @param {import("vitest/node").TestCase} test
 */
function addTest(tally, test) {
  const result = test.result();
  if (result.state === "passed") tally.passed += 1;
  else if (result.state !== "skipped") tally.failed += 1;
  else tally.skipped.push({ name: `${test.module.relativeModuleId} > ${test.fullName}`, reason: result.note });
}
