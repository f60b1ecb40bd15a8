import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeUnusedCopies } from "./version-copies.ts";

let versions: string;
beforeEach(() => {
  versions = mkdtempSync(join(tmpdir(), "om-versions-"));
});
afterEach(() => rmSync(versions, { recursive: true, force: true }));

test("only what is old and unused goes", async () => {
  const now = Date.now();
  const twoDaysAgo = new Date(now - 48 * 3_600_000);
  for (const name of ["old", "old-used", "young"]) mkdirSync(join(versions, name, "native"), { recursive: true });
  for (const name of ["old", "old-used"]) utimesSync(join(versions, name), twoDaysAgo, twoDaysAgo);
  expect(await removeUnusedCopies(versions, new Set([join(versions, "old-used")]), now)).toEqual(["old"]);
  expect(existsSync(join(versions, "old"))).toBe(false);
  expect(existsSync(join(versions, "old-used"))).toBe(true);
  expect(existsSync(join(versions, "young"))).toBe(true);
});
