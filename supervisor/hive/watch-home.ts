/** Tells when the home is gone: then nobody can ever reach this supervisor again, and it ends itself. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Disposable } from "../ports/hive.ts";

/** Where watching is not possible (some network file systems), and as a second opinion. */
const CHECK_MS = 30_000;

export function watchHome(home: string, onGone: () => void): Disposable {
  const inode = inodeOf(home);
  const check = () => {
    if (inodeOf(home) === inode) return;
    dispose();
    onGone();
  };
  const timer = setInterval(check, CHECK_MS);
  timer.unref();
  const watchers = [tryWatch(home, check), tryWatch(dirname(home), check, basename(home))];
  function dispose(): void {
    clearInterval(timer);
    for (const watcher of watchers) watcher?.close();
  }
  return { dispose };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function tryWatch(path: string, check: () => void, only?: string): FSWatcher | undefined {
  try {
    const watcher = watch(path, { persistent: false }, (kind, name) => {
      if (kind === "rename" && (only === undefined || name === only)) check();
    });
    watcher.on("error", () => watcher.close()); // The folder went away under it: the timer tells.
    return watcher;
  } catch {
    return undefined; // No watch is left on this system: the timer tells, later.
  }
}
