/**
 * A copy of the program under <home>/versions: supervisor, process host and the command line inside sessions run from
 * it, because an update deletes the folder that it came from. Made once for each build and Node ABI, and never changed.
 *
 *   <version>-<build id>-<abi>/  *.cjs, build-id, native/*.node, bin/overmind, bin/overmind-supervisor, complete.json
 */
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { FaultError, fault } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import type { Program } from "./program.ts";

/** Names each file of the copy with its size; written last, so that a copy with it is whole. */
const MARKER = "complete.json";
const COMMANDS = ["overmind", "overmind-supervisor"];
/** What the platform's package of node-pty holds beside its binaries. */
const NOT_NATIVE = /(\.(js|ts|map|json|md)|LICENSE)$/;

/** Returns the copy's folder. Throws FaultError when it cannot be made. */
export function versionCopy(layout: HomeLayout, program: Program): string {
  const folder = join(layout.versions, `${program.version}-${program.buildId}-${process.versions.modules}`);
  if (isWhole(folder)) {
    // Young again: the supervisor removes copies that are old and that nothing runs from.
    const now = new Date();
    utimesSync(folder, now, now);
    return folder;
  }
  const draft = join(layout.versions, `.draft-${process.pid}-${program.buildId}`);
  try {
    rmSync(draft, { recursive: true, force: true });
    fillDraft(draft, folder, program);
    install(draft, folder);
  } catch (error) {
    if (error instanceof FaultError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FaultError(
      fault("failed", `cannot copy Overmind to ${folder}: ${reason}`, { hint: "see overmind doctor" }),
    );
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

function isWhole(folder: string): boolean {
  try {
    const files = JSON.parse(readFileSync(join(folder, MARKER), "utf8")) as Record<string, number>;
    return Object.entries(files).every(([path, bytes]) => statSync(join(folder, path)).size === bytes);
  } catch {
    return false; // No copy, or one from which something was removed.
  }
}

function fillDraft(draft: string, folder: string, program: Program): void {
  const bundles = readdirSync(program.folder).filter((name) => name.endsWith(".cjs"));
  const files = [
    ...bundles.map((name) => ({ from: join(program.folder, name), to: name })),
    { from: join(program.folder, "build-id"), to: "build-id" },
    ...nativeFiles(program).map((from) => ({ from, to: join("native", basename(from)) })),
  ];
  for (const part of ["native", "bin"]) mkdirSync(join(draft, part), { recursive: true, mode: 0o700 });
  const sizes: Record<string, number> = {};
  for (const { from, to } of files) {
    copyFileSync(from, join(draft, to), constants.COPYFILE_FICLONE);
    sizes[to] = syncToDisk(join(draft, to));
  }
  for (const name of COMMANDS) {
    const path = join("bin", name);
    writeFileSync(join(draft, path), commandScript(join(folder, `${name}.cjs`)), { mode: 0o700 });
    sizes[path] = syncToDisk(join(draft, path));
  }
  if (readFileSync(join(draft, "build-id"), "utf8").trim() !== program.buildId) {
    throw new FaultError(
      fault("busy", "Overmind was replaced by another build while it was copied", {
        retryable: true,
        hint: "run the command again",
      }),
    );
  }
  writeFileSync(join(draft, MARKER), `${JSON.stringify(sizes)}\n`, { mode: 0o600 });
  syncToDisk(join(draft, MARKER));
}

/** Of two that do so at once one wins, and the other finds its copy. */
function install(draft: string, folder: string): void {
  try {
    renameSync(draft, folder);
    return;
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
  if (isWhole(folder)) return;
  // Something was removed from it. What still runs from it has loaded all that it needs.
  const aside = `${draft}-broken`;
  renameSync(folder, aside);
  renameSync(draft, folder);
  rmSync(aside, { recursive: true, force: true });
}

/** Flat, as scripts/native-modules.mjs has the bundles look for them; a program that is itself a copy has them so. */
function nativeFiles(program: Program): string[] {
  const copied = join(program.folder, "native");
  if (existsSync(copied)) return filesUnder(copied);
  const sqlite = join(packageFolder(program.folder, "better-sqlite3"), "build", "Release", "better_sqlite3.node");
  if (!existsSync(sqlite)) throw incomplete("better-sqlite3 has no binary");
  // Of its platform's package only node-pty itself need know, where packages are not hoisted.
  const terminals = packageFolder(program.folder, "@lydell/node-pty");
  const terminal = packageFolder(terminals, `@lydell/node-pty-${process.platform}-${process.arch}`);
  return [sqlite, ...filesUnder(terminal).filter((path) => !NOT_NATIVE.test(path))];
}

/** Looked for as Node does, but for the folder itself: what a package exports need not name it. */
function packageFolder(from: string, name: string): string {
  const { resolve } = createRequire(join(realpathSync(from), "overmind.cjs"));
  const folder = (resolve.paths(name) ?? []).map((modules) => join(modules, name)).find((path) => existsSync(path));
  if (folder === undefined) throw incomplete(`${name} is missing`);
  return folder;
}

function incomplete(reason: string): FaultError {
  return new FaultError(
    fault("failed", `Overmind is not completely installed: ${reason}`, {
      hint: "install it again, with install scripts allowed for better-sqlite3 (it may need a C++ toolchain)",
    }),
  );
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** After a power cut a file may have its size and none of its bytes, unless they were waited for. */
function syncToDisk(path: string): number {
  const file = openSync(path, "r+");
  try {
    fsyncSync(file);
    return statSync(path).size;
  } finally {
    closeSync(file);
  }
}

/** The very Node that the copy's native modules were built for; another one only when that is gone. */
function commandScript(bundle: string): string {
  return `#!/bin/sh
node=${shellQuoted(process.execPath)}
[ -x "$node" ] || node=node
exec "$node" ${shellQuoted(bundle)} "$@"
`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
