import { execFile, execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HomeLayout, homeLayout } from "../../schemas/home.ts";
import type { Program } from "./program.ts";
import { versionCopy } from "./version-copy.ts";

let root: string;
let layout: HomeLayout;
let program: Program;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "om-copy-")));
  layout = homeLayout(join(root, "it's home"), { platform: process.platform, userId: 0 });
  program = { folder: join(root, "program"), version: "0.1.0", buildId: "b1" };
  mkdirSync(join(program.folder, "native"), { recursive: true });
  mkdirSync(layout.home);
  for (const name of ["overmind", "overmind-supervisor"]) {
    writeFileSync(
      join(program.folder, `${name}.cjs`),
      `console.log(${JSON.stringify(name)}, ...process.argv.slice(2));\n`,
    );
  }
  writeFileSync(join(program.folder, "build-id"), "b1\n");
  writeFileSync(join(program.folder, "notes.txt"), "stays behind");
  writeFileSync(join(program.folder, "native", "pty.node"), "binary");
});
afterEach(() => rmSync(root, { recursive: true }));

const files = (folder: string) => readdirSync(folder, { recursive: true }).map(String).sort();

test("the copy holds what runs, and its commands run it", () => {
  const folder = versionCopy(layout, program);
  expect(folder).toBe(join(layout.versions, `0.1.0-b1-${process.versions.modules}`));
  rmSync(program.folder, { recursive: true });
  expect(files(folder)).toEqual(
    ["bin", "bin/overmind", "bin/overmind-supervisor", "build-id", "complete.json", "native", "native/pty.node"]
      .concat(["overmind-supervisor.cjs", "overmind.cjs"])
      .sort(),
  );
  const printed = execFileSync(join(folder, "bin", "overmind"), ["a b", "$c", "'"], { encoding: "utf8", env: {} });
  expect(printed).toBe("overmind a b $c '\n");
  expect(files(layout.versions).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a copy that is whole is used as it is, and is young again", () => {
  const folder = versionCopy(layout, program);
  const { ino } = statSync(folder);
  utimesSync(folder, 1, 1);
  expect(versionCopy(layout, { ...program, folder: join(root, "absent") })).toBe(folder);
  expect(statSync(folder).ino).toBe(ino);
  expect(Date.now() - statSync(folder).mtimeMs).toBeLessThan(60_000);
});

test.each([
  ["a file is missing", (folder: string) => rmSync(join(folder, "native"), { recursive: true })],
  ["a file is cut", (folder: string) => writeFileSync(join(folder, "overmind.cjs"), "")],
  ["its marker is missing", (folder: string) => rmSync(join(folder, "complete.json"))],
])("it is made anew when %s", (_, damage) => {
  const before = files(versionCopy(layout, program));
  damage(versionCopy(layout, program));
  const folder = versionCopy(layout, program);
  expect(files(folder)).toEqual(before);
  expect(readFileSync(join(folder, "native", "pty.node"), "utf8")).toBe("binary");
  expect(readdirSync(layout.versions)).toHaveLength(1);
});

test("two processes that make it at once both get a whole one", async () => {
  const script = `
    import { versionCopy } from ${JSON.stringify(join(root, "version-copy.mjs"))};
    console.log(versionCopy(${JSON.stringify(layout)}, ${JSON.stringify(program)}));`;
  const { build } = await import("esbuild");
  await build({
    entryPoints: [join(import.meta.dirname, "version-copy.ts")],
    outfile: join(root, "version-copy.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
  });
  writeFileSync(join(root, "copy.mjs"), script);
  const copy = async () => (await promisify(execFile)(process.execPath, [join(root, "copy.mjs")])).stdout.trim();
  const folders = await Promise.all([copy(), copy(), copy(), copy()]);
  expect(new Set(folders)).toEqual(new Set([versionCopy(layout, program)]));
  expect(readdirSync(layout.versions)).toHaveLength(1);
});

test("a program that was replaced while it was copied is not mixed up", () => {
  writeFileSync(join(program.folder, "build-id"), "b2\n");
  expect(() => versionCopy(layout, program)).toThrow(/replaced by another build/);
  expect(readdirSync(layout.versions)).toEqual([]);
});

test.each([
  ["hoisted", ""],
  ["not hoisted", join("@lydell", "node-pty", "node_modules")],
])("the native modules of an installation are found, however deep in a package that is %s", (_, under) => {
  rmSync(join(program.folder, "native"), { recursive: true });
  const modules = join(root, "node_modules");
  const platform = join(modules, under, "@lydell", `node-pty-${process.platform}-${process.arch}`);
  const sqlite = join(program.folder, "node_modules", "better-sqlite3", "build", "Release");
  for (const folder of [join(modules, "@lydell", "node-pty"), join(platform, "prebuilds", "here"), sqlite]) {
    mkdirSync(folder, { recursive: true });
  }
  writeFileSync(join(platform, "package.json"), '{ "exports": "./index.js" }');
  writeFileSync(join(platform, "index.js"), "");
  writeFileSync(join(platform, "prebuilds", "here", "pty.node"), "pty");
  writeFileSync(join(platform, "prebuilds", "here", "spawn-helper"), "helper", { mode: 0o755 });
  writeFileSync(join(sqlite, "better_sqlite3.node"), "sqlite");
  const native = join(versionCopy(layout, program), "native");
  expect(files(native)).toEqual(["better_sqlite3.node", "pty.node", "spawn-helper"]);
  expect(statSync(join(native, "spawn-helper")).mode & 0o111).toBe(0o111);
});

test("an installation without its native modules says so", () => {
  rmSync(join(program.folder, "native"), { recursive: true });
  expect(() => versionCopy(layout, program)).toThrow(/not completely installed: better-sqlite3 is missing/);
});
