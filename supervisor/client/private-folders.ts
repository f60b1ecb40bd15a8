/** The home and its socket folder, which nobody but the user may enter. */
import { lstatSync, mkdirSync } from "node:fs";
import { FaultError, fault } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";

const OTHERS = 0o077;

/** Throws FaultError when one cannot be made, or belongs to somebody else. */
export function makePrivateFolders(layout: HomeLayout): void {
  try {
    mkdirSync(layout.home, { recursive: true, mode: 0o700 });
    // A short path in /tmp stands in for a long one: anybody may have made that folder before us.
    mkdirSync(layout.socketFolder, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FaultError(
      fault("failed", `cannot make ${layout.home}: ${reason}`, {
        hint: "set OVERMIND_HOME to a folder that you may write to",
      }),
    );
  }
  if (process.platform !== "win32") requirePrivate(layout.socketFolder);
}

function requirePrivate(folder: string): void {
  const { uid, mode, ...stats } = statOf(folder);
  const complaint = !stats.isFolder
    ? "is no folder"
    : uid !== process.getuid?.()
      ? `belongs to another user (${uid})`
      : (mode & OTHERS) !== 0
        ? `is open to other users (mode ${(mode & 0o777).toString(8)})`
        : undefined;
  if (complaint === undefined) return;
  throw new FaultError(
    fault("not-permitted", `${folder}, where the sockets go, ${complaint}`, {
      hint: `see who made it; then remove it, or make it yours alone: chmod 700 ${folder}`,
    }),
  );
}

function statOf(folder: string): { readonly uid: number; readonly mode: number; readonly isFolder: boolean } {
  const stats = lstatSync(folder);
  return { uid: stats.uid, mode: stats.mode, isFolder: stats.isDirectory() };
}
