import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { getSetting, listSettings, setSetting } from "./settings-file.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "om-settings-"));
  path = join(folder, "home", "settings.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("without a file every setting has its default; one that is set is kept, and the rest stays", () => {
  expect(getSetting(path, "graceMs")).toMatchObject({ ok: true, value: { value: 10_000, default: 10_000 } });
  expect(setSetting(path, "graceMs", "30s")).toMatchObject({ ok: true, value: { value: 30_000, default: 10_000 } });
  expect(setSetting(path, "colony", "42")).toMatchObject({ ok: true, value: { value: "42" } });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ graceMs: 30_000, colony: "42" });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "home")).mode & 0o777).toBe(0o700);
});

test("what the schema refuses is told and not written", () => {
  for (const [name, text] of [
    ["graceMs", "-1"],
    ["graceMs", "soon"],
    ["sessionLogBytes", "1"],
    ["logLevel", "loud"],
  ] as const) {
    expect(setSetting(path, name, text)).toMatchObject({
      ok: false,
      fault: { code: "usage", message: expect.stringContaining(name) as string },
    });
  }
  expect(getSetting(path, "graceMs")).toMatchObject({ ok: true, value: { value: 10_000 } });
});

test("an unknown setting names the nearest; a broken file is named and left alone", () => {
  expect(getSetting(path, "graceMS")).toMatchObject({
    ok: false,
    fault: { code: "usage", hint: "did you mean graceMs?" },
  });
  setSetting(path, "graceMs", "1s");
  writeFileSync(path, "{ not json");
  expect(listSettings(path)).toMatchObject({ ok: false, fault: { message: expect.stringContaining(path) as string } });
  expect(setSetting(path, "graceMs", "2s").ok).toBe(false);
  expect(readFileSync(path, "utf8")).toBe("{ not json");
});
