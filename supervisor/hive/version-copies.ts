/** Old copies of the program under <home>/versions: removed once nothing runs from them. */
import { existsSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

/** A copy younger than this may belong to a client that is about to start a supervisor from it. */
const YOUNG_MS = 24 * 3_600_000;

/**
 * Removes the copies that are not in `used` and older than a day; returns their names. A supervisor or process host
 * that still runs from one has loaded all that it needs; what a session finds first in its PATH is in `used`.
 */
export async function removeUnusedCopies(
  versions: string,
  used: ReadonlySet<string>,
  nowMs: number,
): Promise<string[]> {
  const removed: string[] = [];
  if (!existsSync(versions)) return removed; // Everything runs from the package itself.
  for (const entry of await readdir(versions, { withFileTypes: true })) {
    const folder = join(versions, entry.name);
    if (!entry.isDirectory() || used.has(folder)) continue;
    const { mtimeMs } = await stat(folder);
    if (nowMs - mtimeMs < YOUNG_MS) continue;
    await rm(folder, { recursive: true, force: true });
    removed.push(entry.name);
  }
  return removed;
}
