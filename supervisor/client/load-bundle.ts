/**
 * Loads a bundle that lies beside this one through V8's code cache: without it a start compiles what the last start
 * compiled already, which is most of what a command takes.
 */
import { isAscii } from "node:buffer";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { Script } from "node:vm";
import type { Program } from "./program.ts";

/** Two or three builds may be in use at once; each has two such files of a MiB or two. */
const KEPT_PER_BUNDLE = 3;

export interface LoadOptions {
  readonly program: Program;
  /** For a program that is no copy under versions/, which uses its own home's. No cache when undefined. */
  readonly cacheFolder: string | undefined;
  /** For a process that runs on, when its cache is written; one that fails before writes none. Else at its exit. */
  readonly writeAfterMs?: number;
}

/**
 * Runs `<program folder>/<name>.cjs` and returns what it exports. Its `require` and `__dirname` are as for any module;
 * import() of a computed name is not to be had there (esbuild makes a `require` of every other).
 */
export function loadBundle(name: string, options: LoadOptions): unknown {
  const path = join(options.program.folder, `${name}.cjs`);
  const cache = cachePath(name, options);
  const cachedData = cache === undefined ? undefined : readCache(cache);
  const script = new Script(Module.wrap(sourceOf(path)), {
    filename: path,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  if (cache !== undefined && (cachedData === undefined || script.cachedDataRejected === true)) {
    // Late: by then it holds the functions that a run needs, which V8 compiles when they are first called.
    const write = () => writeCache(cache, script.createCachedData());
    if (options.writeAfterMs === undefined) process.once("exit", write);
    else setTimeout(write, options.writeAfterMs).unref();
  }
  const module = { exports: {} };
  const run = script.runInThisContext() as (...parts: unknown[]) => void;
  run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
  return module.exports;
}

/** ASCII, as the build writes it, needs no decoding. */
function sourceOf(path: string): string {
  const bytes = readFileSync(path);
  return bytes.toString(isAscii(bytes) ? "latin1" : "utf8");
}

function cachePath(name: string, { program, cacheFolder }: LoadOptions): string | undefined {
  const versions = dirname(program.folder);
  const folder = basename(versions) === "versions" ? join(dirname(versions), "cache") : cacheFolder;
  return folder === undefined
    ? undefined
    : join(folder, `${name}-${program.buildId}-${process.version}-${process.arch}.bin`);
}

/**
 * The file holds the same bytes twice. V8 checks no more than a header, and would run what a bad disk or a power cut
 * left; comparing two halves is the one check that costs a start next to nothing (a digest takes longer than compiling).
 */
function readCache(path: string): Buffer | undefined {
  try {
    const file = readFileSync(path);
    const data = file.subarray(0, file.length / 2);
    return data.length > 0 && data.equals(file.subarray(data.length)) ? data : undefined;
  } catch {
    return undefined; // Not written yet.
  }
}

function writeCache(path: string, data: Buffer): void {
  const draft = `${path}.${process.pid}`;
  try {
    const folder = dirname(path);
    // Not its parents: a home that is gone, or was never made, is not made for a cache.
    if (statSync(folder, { throwIfNoEntry: false }) === undefined) mkdirSync(folder, { mode: 0o700 });
    writeFileSync(draft, Buffer.concat([data, data]), { mode: 0o600 });
    renameSync(draft, path);
    removeOldest(folder, basename(path).split("-")[0] ?? "");
  } catch {
    // A full disk or a home that cannot be written to: the next start compiles again, no more is lost.
  }
}

function removeOldest(folder: string, name: string): void {
  const files = readdirSync(folder)
    .filter((file) => file.startsWith(`${name}-`))
    .map((file) => ({ path: join(folder, file), atMs: statSync(join(folder, file)).mtimeMs }))
    .sort((a, b) => b.atMs - a.atMs);
  for (const { path } of files.slice(KEPT_PER_BUNDLE)) unlinkSync(path);
}
