import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { faultOf } from "../../test/contracts/store-calls.ts";
import { openDatabase } from "./open-database.ts";
import { Transactions } from "./transactions.ts";

test("only what is a cache is written without a wait for the disk, and whatever became of it the next write waits", () => {
  const folder = mkdtempSync(join(tmpdir(), "akasha-"));
  try {
    const opened = openDatabase({ path: join(folder, "store.db"), now: () => 1 });
    if (!opened.ok) throw new Error(opened.fault.message);
    const database = opened.value;
    const transactions = new Transactions(database);
    const synchronous = () => database.pragma("synchronous", { simple: true });
    const [normal, full] = [1, 2];
    const seen: unknown[] = [];
    transactions.writeCache(() => void seen.push(synchronous()));
    transactions.write(() => void seen.push(synchronous()));
    expect(() =>
      transactions.writeCache(() => {
        throw new RangeError("a defect");
      }),
    ).toThrow(RangeError);
    transactions.write(() => void seen.push(synchronous()));
    expect(seen).toEqual([normal, full, full]);

    transactions.writeCache(() => database.exec("CREATE TABLE kept (a)"));
    database.close();
    expect(faultOf(() => transactions.writeCache(() => {})).code).toBe("store-unavailable");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
