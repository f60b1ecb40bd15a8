/** What SQLite and the file system say, as faults that name the file and the next step. */
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { type Fault, FaultError, fault } from "../../schemas/fault.ts";

const SESSIONS_GO_ON = "running sessions go on";
const FREE_SPACE = `free some space on its disk, nothing acknowledged is lost; ${SESSIONS_GO_ON}`;
const MOVE_ASIDE =
  "Overmind never deletes it: restore it from a backup, or move it away with its -wal and -shm files to begin anew";

/** By SQLite's primary code, which an extended one begins with. What is not here is a defect of ours. */
const OF_SQLITE: Readonly<Record<string, (path: string, said: string) => Fault>> = {
  SQLITE_FULL: diskFull,
  SQLITE_BUSY: locked,
  SQLITE_LOCKED: locked,
  SQLITE_PROTOCOL: locked,
  SQLITE_NOTADB: (path) => unavailable(`${path} is not a database`, MOVE_ASIDE),
  SQLITE_CORRUPT: (path, said) => unavailable(`${path} is damaged: ${said}`, MOVE_ASIDE),
  SQLITE_READONLY: (path) =>
    unavailable(
      `${path} cannot be written to`,
      "check its owner and mode, those of its folder, and how its disk is mounted",
    ),
  SQLITE_CANTOPEN: (path, said) =>
    unavailable(`cannot open ${path}: ${said}`, "check its owner and mode, and those of its folder"),
  SQLITE_PERM: (path, said) =>
    unavailable(`cannot open ${path}: ${said}`, "check its owner and mode, and those of its folder"),
  SQLITE_IOERR: (path, said) =>
    unavailable(`cannot read or write ${path}: ${said}`, `check its disk; ${SESSIONS_GO_ON}`, true),
  SQLITE_NOMEM: (path, said) =>
    unavailable(`no memory to work on ${path}: ${said}`, `end something; ${SESSIONS_GO_ON}`, true),
};

/** Codes that a full disk hides behind: the shared-memory file or a journal could not be made. */
const MAYBE_FULL = /^SQLITE_(IOERR|CANTOPEN)/;

/** The fault behind an error of SQLite or of the file system; undefined when it is a bug. */
export function storeFault(error: unknown, path: string): Fault | undefined {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof Database.SqliteError) return sqliteFault(error.code, error.message, path);
  // All JSON that is read here was written by us: what does not parse was changed by somebody or something else.
  if (error instanceof SyntaxError) return unavailable(`${path} is damaged: ${error.message}`, MOVE_ASIDE);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (!(error instanceof Error) || typeof code !== "string" || !("syscall" in error)) return undefined;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(path);
  return unavailable(`cannot open ${path}: ${error.message}`, "check its owner and mode, and those of its folder");
}

export function storeClosed(path: string): Fault {
  return unavailable(`${path} is closed: this supervisor ends`, "repeat the command", true);
}

function sqliteFault(code: string, said: string, path: string): Fault | undefined {
  if (MAYBE_FULL.test(code) && hasNoSpace(path)) return diskFull(path);
  const [, make] = Object.entries(OF_SQLITE).find(([prefix]) => code === prefix || code.startsWith(`${prefix}_`)) ?? [];
  return make?.(path, said);
}

function hasNoSpace(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0;
  } catch {
    return false; // The folder cannot even be asked: SQLite's own code says more.
  }
}

function diskFull(path: string): Fault {
  return fault("disk-full", `no space left to write ${path}`, { hint: FREE_SPACE, retryable: true });
}

function locked(path: string): Fault {
  const hint = `close what has it open (a database browser, a backup; lsof names it); ${SESSIONS_GO_ON}`;
  return unavailable(`${path} is locked by another program`, hint, true);
}

function unavailable(message: string, hint: string, retryable = false): Fault {
  return fault("store-unavailable", message, { hint, retryable });
}
