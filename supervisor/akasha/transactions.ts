import type { Database } from "better-sqlite3";
import { FaultError } from "../../schemas/fault.ts";
import { storeClosed, storeFault } from "./sqlite-fault.ts";

/** How the store reads and writes: whatever SQLite refuses is thrown as a fault. */
export class Transactions {
  readonly #database: Database;
  readonly #transaction: { immediate(work: () => unknown): unknown };

  constructor(database: Database) {
    this.#database = database;
    this.#transaction = database.transaction((work: () => unknown) => work());
  }

  /** One transaction, on disk when it returns. When it throws nothing has been written, and the next one may succeed. */
  write<T>(work: () => T): T {
    return this.read(() => this.#transaction.immediate(work) as T);
  }

  /**
   * A write of what can be had again: it costs no wait for the disk, and may be lost with the machine, though not with
   * the process. It stays in order with the others: the next one that is synchronised takes it along.
   */
  writeCache(work: () => void): void {
    this.read(() => {
      this.#database.pragma("synchronous = NORMAL");
      try {
        this.#transaction.immediate(work);
      } finally {
        this.#database.pragma("synchronous = FULL");
      }
    });
  }

  read<T>(work: () => T): T {
    const path = this.#database.name;
    if (!this.#database.open) throw new FaultError(storeClosed(path));
    try {
      return work();
    } catch (error) {
      const known = storeFault(error, path);
      if (known === undefined) throw error;
      throw new FaultError(known);
    }
  }
}
