/** The home folder around the host: without it no supervisor can ever come back, and no log be read. */
import { type FSWatcher, statSync, watch } from "node:fs";
import { describeError, report } from "./report.ts";

/** A home that was moved away, or a watch that the system could not give: found out this late. */
const CHECK_INTERVAL_MS = 30_000;
/**
 * A home is deleted file by file, and that the watched folder itself is gone is not told while we have files open in
 * it: after each sign of a change we look again, at doubling distances.
 */
const FIRST_LOOK_MS = 50;
const LAST_LOOK_MS = 2_000;

/**
 * Calls `onGone` once when `home` is gone or another folder stands in its place, and `onCheck` now and then before.
 * `watched` is a folder in it in which little happens: the home itself changes with each write to the store.
 */
export function watchHome(home: string, watched: string, onGone: () => void, onCheck: () => void): void {
  const inode = inodeOf(home);
  let watcher: FSWatcher | undefined;
  let watchedInode = "";
  let lookTimer: NodeJS.Timeout | undefined;

  const isGone = () => {
    if (inodeOf(home) === inode) return false;
    clearInterval(checkTimer);
    clearTimeout(lookTimer);
    watcher?.close();
    onGone();
    return true;
  };
  const lookIn = (delayMs: number) => {
    clearTimeout(lookTimer);
    lookTimer = setTimeout(() => {
      if (isGone()) return;
      if (delayMs < LAST_LOOK_MS) lookIn(2 * delayMs);
      else if (inodeOf(watched) !== watchedInode) startWatching();
    }, delayMs);
  };
  const startWatching = () => {
    watcher?.close();
    watchedInode = inodeOf(watched);
    if (watchedInode === "") return;
    try {
      watcher = watch(watched, (event) => event === "rename" && lookIn(FIRST_LOOK_MS));
      watcher.on("error", (error) => report(`${watched} cannot be watched: ${describeError(error)}`));
    } catch (error) {
      report(`${watched} cannot be watched: ${describeError(error)}`);
    }
  };
  const checkTimer = setInterval(() => {
    if (isGone()) return;
    if (inodeOf(watched) !== watchedInode) startWatching();
    onCheck();
  }, CHECK_INTERVAL_MS);
  startWatching();
}

function inodeOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.dev}:${stats.ino}`;
}
