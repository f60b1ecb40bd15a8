/** The home folder around the host: without it no supervisor can ever come back, and no log be read. */
import { existsSync, type FSWatcher, statSync, watch } from "node:fs";
import { describeError, report } from "./report.ts";

/** A home that was moved away, or a watch that the system could not give: found out this late. */
const CHECK_INTERVAL_MS = 30_000;
/** A home is deleted file by file: it may outlive the folder that we watch by a moment. */
const FIRST_RETRY_MS = 50;

/**
 * Calls `onGone` once when `home` is gone or another folder stands in its place, and `onCheck` now and then before.
 * `watched` is a folder in it in which little happens: the home itself changes with each write to the store.
 */
export function watchHome(home: string, watched: string, onGone: () => void, onCheck: () => void): void {
  const inode = inodeOf(home);
  let watcher: FSWatcher | undefined;
  let retryTimer: NodeJS.Timeout | undefined;

  const isGone = () => {
    if (inodeOf(home) === inode) return false;
    clearInterval(timer);
    clearTimeout(retryTimer);
    watcher?.close();
    onGone();
    return true;
  };
  const watchAgain = (delayMs: number) => {
    watcher?.close();
    watcher = undefined;
    retryTimer = setTimeout(() => {
      if (isGone()) return;
      if (existsSync(watched)) startWatching();
      else watchAgain(Math.min(2 * delayMs, CHECK_INTERVAL_MS));
    }, delayMs);
  };
  const onEvent = () => {
    if (watcher !== undefined && !isGone() && !existsSync(watched)) watchAgain(FIRST_RETRY_MS);
  };
  const startWatching = () => {
    try {
      watcher = watch(watched, (event) => event === "rename" && onEvent());
      watcher.on("error", (error) => report(`${watched} cannot be watched: ${describeError(error)}`));
    } catch (error) {
      report(`${watched} cannot be watched: ${describeError(error)}`);
    }
  };
  const timer = setInterval(() => isGone() || onCheck(), CHECK_INTERVAL_MS);
  startWatching();
}

function inodeOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
}
