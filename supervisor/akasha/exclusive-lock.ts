/** A lock on a home that the kernel frees when its holder dies: SQLite's exclusive lock on a file of its own. */
import Database from "better-sqlite3";
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { Disposable } from "../ports/hive.ts";

/** Connections whose locks are held. Without this a connection that nobody uses is collected, and its lock with it. */
const held = new Set<Database.Database>();

/** Holds the lock until it is disposed of or the process dies. `conflict` when another process holds it. */
export function takeExclusiveLock(path: string): Result<Disposable> {
  try {
    const database = new Database(path, { timeout: 0 });
    try {
      database.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      database.close();
      throw error;
    }
    held.add(database);
    return ok({
      dispose() {
        held.delete(database);
        database.close();
      },
    });
  } catch (error) {
    const code = error instanceof Database.SqliteError ? error.code : "";
    if (code.startsWith("SQLITE_BUSY")) return failed(fault("conflict", "another supervisor rules this home"));
    const reason = error instanceof Error ? error.message : String(error);
    return failed(
      fault("store-unavailable", `cannot lock ${path}: ${reason}`, {
        hint: "check the folder's owner, mode and free space",
      }),
    );
  }
}
