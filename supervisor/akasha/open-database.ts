/** Opens the store's file: private to its user, of our making and of a schema that we know, or not at all. */
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { FaultError, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { migrate, refuseForeign } from "./migrations.ts";
import { storeFault } from "./sqlite-fault.ts";

/**
 * How long a call waits for a stranger's lock (a database browser, a backup). The whole supervisor waits with it, and
 * who reads holds none for long.
 */
const BUSY_TIMEOUT_MS = 500;
/** The write-ahead log is cut back to this after a checkpoint, whatever a burst made of it. */
const KEPT_WAL_BYTES = 8 << 20;

export interface DatabaseOptions {
  readonly path: string;
  /** Path of better_sqlite3.node, where it does not lie in node_modules. */
  readonly nativeBinding?: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A fault names the file and the next step. The file is never deleted or overwritten. */
export function openDatabase({ path, nativeBinding, now }: DatabaseOptions): Result<Database.Database> {
  let database: Database.Database | undefined;
  try {
    makePrivate(path);
    database = load(path, nativeBinding);
    const ours = refuseForeign(database);
    if (!ours.ok) {
      database.close();
      return ours;
    }
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma(`journal_size_limit = ${KEPT_WAL_BYTES}`);
    migrate(database, now());
    return ok(database);
  } catch (error) {
    database?.close();
    const known = storeFault(error, path);
    if (known === undefined) throw error;
    return failed(known);
  }
}

/** SQLite gives its -wal and -shm files the mode of the database, so that the file's own mode is all that matters. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const mode = statSync(path, { throwIfNoEntry: false })?.mode;
  // Never opened when it exists: closing it would free the locks that this process holds on it.
  if (mode === undefined) closeSync(openSync(path, "wx", 0o600));
  else if ((mode & 0o077) !== 0) chmodSync(path, 0o600);
}

function load(path: string, nativeBinding: string | undefined): Database.Database {
  const options = { fileMustExist: true, timeout: BUSY_TIMEOUT_MS };
  try {
    return new Database(path, nativeBinding === undefined ? options : { ...options, nativeBinding });
  } catch (error) {
    if (storeFault(error, path) !== undefined) throw error;
    const said = error instanceof Error ? error.message : String(error);
    const hint = "reinstall Overmind for this version of Node and this machine";
    throw new FaultError(fault("store-unavailable", `cannot load SQLite to open ${path}: ${said}`, { hint }));
  }
}
