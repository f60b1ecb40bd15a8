/**
 * node-pty's native binding: where it is found, what it can do, and how the terminals that it makes are kept from other
 * sessions. It leaves a terminal's fd inheritable: whoever inherits one can read and type in another session.
 */
import { closeSync, existsSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describeError, report } from "./report.ts";

export interface NativePty {
  fork(
    file: string,
    argv: readonly string[],
    environment: readonly string[],
    cwd: string,
    columns: number,
    rows: number,
    userId: number,
    groupId: number,
    isUtf8: boolean,
    helperPath: string,
    onExit: (code: number, signal: number) => void,
  ): { readonly fd: number; readonly pid: number; readonly pty: string };
  resize(master: number, columns: number, rows: number, xPixels: number, yPixels: number): void;
}

export const { native, helperPath } = loadNative();

/**
 * Terminals that are open, by fd. A child started by other means than node-pty would inherit them. Whoever makes or
 * closes one says so here.
 */
export const openMasters = new Set<number>();

/**
 * In the child node-pty marks inheritable fds as close-on-exec, from 3 on up to the first hole above 15.
 * While `fork` runs there is no hole below the last terminal, so that none is passed over.
 */
export function withoutHoles<T>(fork: () => T): T {
  const plugs: number[] = [];
  const highest = Math.max(-1, ...openMasters);
  try {
    while ((plugs.at(-1) ?? -1) < highest) plugs.push(openSync("/dev/null", "r"));
  } catch (error) {
    report(`cannot keep terminals from being inherited: ${describeError(error)}`);
  }
  try {
    return fork();
  } finally {
    for (const plug of plugs) closeSync(plug);
  }
}

/** The copy of a version has its native files beside the bundle; a checkout and an npm package have node_modules. */
function loadNative(): { readonly native: NativePty | undefined; readonly helperPath: string } {
  if (process.platform === "win32") return { native: undefined, helperPath: "" };
  try {
    const helper = process.platform === "darwin" ? nativeFile("spawn-helper") : "";
    return { native: createRequire(import.meta.filename)(nativeFile("pty.node")) as NativePty, helperPath: helper };
  } catch (error) {
    report(`node-pty's binary cannot be loaded: ${describeError(error)}`);
    return { native: undefined, helperPath: "" };
  }
}

function nativeFile(name: string): string {
  const beside = join(import.meta.dirname, "native", name);
  if (existsSync(beside)) return beside;
  const platform = `${process.platform}-${process.arch}`;
  const { resolve } = createRequire(createRequire(import.meta.filename).resolve("@lydell/node-pty"));
  return join(dirname(resolve(`@lydell/node-pty-${platform}`)), "../prebuilds", platform, name);
}
