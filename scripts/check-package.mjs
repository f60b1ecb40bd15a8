/** Checks what npm will read: the lock file names no registry host, and every version is pinned. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./source-state.mjs";

const lock = readJson("package-lock.json");
const manifest = readJson("package.json");
const complaints = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  if (entry.resolved !== undefined) complaints.push(`package-lock.json: ${path} names its registry: ${entry.resolved}`);
}
for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$/.test(version))
    complaints.push(`package.json: ${name} is not pinned: ${version}`);
}
if (lock.version !== manifest.version) complaints.push("package-lock.json has another version than package.json");
if ("files" in manifest) complaints.push("package.json has `files`, which vsce refuses beside .vscodeignore");
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;

/** @param {string} name */
function readJson(name) {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8"));
}
