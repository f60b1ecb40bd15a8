/** What dist/ was built from, so that `npm test` and `npm run quickstart` build only when it is out of date. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
export const DIST = join(ROOT, "dist");
/** Written last by the build; holds sourceState() as of its start. Not packed. */
export const BUILT_FROM = join(DIST, ".built-from");

const BUILD_INPUTS = ["package.json", "package-lock.json", "scripts/build.mjs", "scripts/native-modules.mjs"];
const SOURCE_FOLDERS = ["schemas", "supervisor"];
const NOT_BUNDLED = /\.(test|contract|fake)\.ts$/;

/** A hash over the path and content of every file that can change what the build writes. */
export function sourceState() {
  const hash = createHash("sha256");
  const sources = SOURCE_FOLDERS.flatMap(filesUnder).filter((path) => !NOT_BUNDLED.test(path));
  for (const path of [...BUILD_INPUTS, ...sources.sort()]) {
    const content = readFileSync(join(ROOT, path));
    hash.update(`${path}\n${content.length}\n`).update(content);
  }
  return hash.digest("hex");
}

/** @param {string} folder */
function filesUnder(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).split(sep).join("/"));
}
