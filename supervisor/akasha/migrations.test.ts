import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { APPLICATION_ID, dumpSchema, MIGRATIONS, migrate } from "./migrations.ts";

test("the committed schema is what the migrations make", async () => {
  const database = new Database(":memory:");
  migrate(database, 1);
  await expect(dumpSchema(database)).toMatchFileSnapshot(join(import.meta.dirname, "schema.sql"));
  expect(database.pragma("application_id", { simple: true })).toBe(APPLICATION_ID);
  expect(database.pragma("user_version", { simple: true })).toBe(MIGRATIONS.length);
  database.close();
});

test("migrating again changes nothing", () => {
  const database = new Database(":memory:");
  migrate(database, 1);
  const before = database.serialize();
  migrate(database, 2);
  expect(database.serialize().equals(before)).toBe(true);
  database.close();
});

test("each store gets a hive id of its own", () => {
  const ids = [1, 2].map(() => {
    const database = new Database(":memory:");
    migrate(database, 1);
    const id = database.prepare("SELECT value FROM meta WHERE key = 'hive_id'").pluck().get();
    database.close();
    return id;
  });
  expect(ids[0]).toMatch(/^hive-[0-9a-f]{16}$/);
  expect(ids[0]).not.toBe(ids[1]);
});
