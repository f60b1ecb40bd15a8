/** The home folder around the host: without it no supervisor can ever come back, and no log be read. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { describeError, report } from "./report.ts";

/** A home that was moved away, or a watch that the system could not give: found out this late. */
const CHECK_INTERVAL_MS = 30_000;

export interface HomeWatch {
  dispose(): void;
}

/**
 * Calls `onGone` once when `home` is gone or another folder stands in its place. `watched` is a folder in it in which
 * little happens: the home itself changes with each write to the store. `onCheck` is called now and then.
 */
export function watchHome(home: string, watched: string, onGone: () => void, onCheck: () => void): HomeWatch {
  const inode = inodeOf(home);
  let watcher: FSWatcher | undefined;
  const dispose = () => {
    clearInterval(timer);
    watcher?.close();
  };
  const check = () => {
    if (inodeOf(home) === inode) return;
    dispose();
    onGone();
  };
  const timer = setInterval(() => {
    check();
    onCheck();
  }, CHECK_INTERVAL_MS);
  try {
    watcher = watch(watched, (event) => event === "rename" && check());
    watcher.on("error", (error) => report(`${watched} cannot be watched: ${describeError(error)}`));
  } catch (error) {
    report(`${watched} cannot be watched: ${describeError(error)}`);
  }
  return { dispose };
}

function inodeOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
}
