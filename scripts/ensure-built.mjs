/**
 * Makes a fresh clone ready: dependencies as package-lock.json has them, and dist/ built from the sources as they are.
 * Does nothing when both stand. Only Node's own modules here: it runs before anything is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { BUILT_FROM, ROOT, sourceState } from "./source-state.mjs";

const OLDEST_NODE = [20, 19];

export function ensureBuilt() {
  requireNode();
  if (!dependenciesStand()) run("npm", ["ci", "--no-audit", "--no-fund"]);
  if (!bundlesStand()) run(process.execPath, [join(ROOT, "scripts", "build.mjs")]);
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return;
  fail(`Overmind needs Node ${OLDEST_NODE.join(".")} or newer, and this is Node ${process.versions.node}`);
}

/** Compares what npm notes of its last install in node_modules with package-lock.json, package by package. */
function dependenciesStand() {
  const installed = packagesOf(join(ROOT, "node_modules", ".package-lock.json"));
  if (installed === undefined) return false;
  const wanted = packagesOf(join(ROOT, "package-lock.json")) ?? {};
  return (
    Object.entries(wanted).every(([path, { version, optional }]) =>
      installed[path] === undefined ? path === "" || optional === true : installed[path].version === version,
    ) && Object.keys(installed).every((path) => wanted[path] !== undefined)
  );
}

/**
 * @param {string} lockFile
 * @returns {Record<string, { version?: string, optional?: boolean }> | undefined}
 */
function packagesOf(lockFile) {
  return existsSync(lockFile) ? JSON.parse(readFileSync(lockFile, "utf8")).packages : undefined;
}

function bundlesStand() {
  return existsSync(BUILT_FROM) && readFileSync(BUILT_FROM, "utf8") === sourceState();
}

/**
 * @param {string} command
 * @param {string[]} args
 */
function run(command, args) {
  // npm is a script that only a shell can start on Windows.
  const shell = process.platform === "win32" && command === "npm";
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"], shell });
  if (status !== 0) fail(`${command} ${args.join(" ")} failed${error === undefined ? "" : `: ${error.message}`}`);
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) ensureBuilt();
