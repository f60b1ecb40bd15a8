import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { homeLayout } from "../../../schemas/home.ts";
import type { DoctorCheck } from "../../../schemas/json-output.ts";
import { checkHome, checkLimits, checkSocketPath, checkSpace } from "./machine.ts";
import { checkGit, checkNativeModules, checkNode, checkOtherOvermind, isAtLeast } from "./programs.ts";
import { checkEngine } from "./services.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "om-doctor-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const layoutOf = (home: string) => homeLayout(home, { platform: process.platform, userId: process.getuid?.() ?? 0 });
const stateOf = (checks: readonly DoctorCheck[], name: string) => checks.find((check) => check.name === name)?.state;

test.each([
  ["v20.19.0", true],
  ["v20.18.3", false],
  ["v18.20.1", false],
  ["v22.0.0", true],
  ["20.19.1-pre", true],
])("Node %s is new enough: %s", (version, isFine) => {
  expect(isAtLeast(version, [20, 19])).toBe(isFine);
  expect(checkNode(version).state).toBe(isFine ? "ok" : "fail");
});

test("this machine's git and native modules are found; where there are none, it says what to do", () => {
  expect(checkGit().state).toBe("ok");
  expect(checkNativeModules(join(import.meta.dirname, "../../..")).map((check) => check.state)).toEqual(["ok", "ok"]);
  for (const check of checkNativeModules(folder))
    expect(check).toMatchObject({ state: "fail", advice: expect.stringContaining("install") as string });
});

test("a native module that is for another system fails without harm", () => {
  mkdirSync(join(folder, "native"));
  writeFileSync(join(folder, "native", "better_sqlite3.node"), "not a library");
  const [sqlite] = checkNativeModules(folder);
  expect(sqlite?.state).toBe("fail");
  expect(sqlite?.message).toContain("does not load");
});

describe("the home", () => {
  test("one that is not there yet is fine, one that is open to others is odd", () => {
    const home = join(folder, "a", "b");
    expect(stateOf(checkHome(layoutOf(home)), "home")).toBe("ok");
    mkdirSync(home, { recursive: true, mode: 0o700 });
    expect(stateOf(checkHome(layoutOf(home)), "home")).toBe("ok");
    chmodSync(home, 0o755);
    expect(stateOf(checkHome(layoutOf(home)), "home")).toBe("warn");
  });

  test("one below a file cannot be made", () => {
    writeFileSync(join(folder, "file"), "");
    expect(stateOf(checkHome(layoutOf(join(folder, "file", "home"))), "home")).toBe("fail");
  });

  test("its checks leave nothing behind", () => {
    const before = checkHome(layoutOf(folder));
    expect(before.every((check) => check.state !== "fail")).toBe(true);
    expect(() => rmSync(join(folder, "nothing"))).toThrow();
    expect(checkHome(layoutOf(folder))).toEqual(before);
  });
});

test("space and socket paths", () => {
  expect([checkSpace(10), checkSpace(1 << 29), checkSpace(2 ** 40)].map((check) => check.state)).toEqual([
    "fail",
    "warn",
    "ok",
  ]);
  expect(checkSocketPath(layoutOf(folder)).state).toBe("ok");
  expect(checkSocketPath(layoutOf(join(folder, "x".repeat(200)))).state).toBe("ok"); // A short stand-in in /tmp.
  expect(checkLimits().map((check) => check.name)).toEqual(["files", "processes"]);
});

describe("which overmind PATH finds first", () => {
  const program = (name: string, text: string) => {
    const path = join(folder, name, "overmind");
    mkdirSync(join(folder, name));
    writeFileSync(path, text, { mode: 0o755 });
    return join(folder, name);
  };

  test("another program, ours behind a link, ours behind a script, none", () => {
    const theirs = program("theirs", "#!/bin/sh\necho a process manager\n");
    const ours = program("ours", '#!/bin/sh\nexec node /x/overmind.cjs "$@"\n');
    const linked = join(folder, "linked");
    mkdirSync(linked);
    writeFileSync(join(folder, "overmind.cjs"), "", { mode: 0o755 });
    symlinkSync(join(folder, "overmind.cjs"), join(linked, "overmind"));
    expect(checkOtherOvermind(`${theirs}:${ours}`)).toMatchObject({
      state: "warn",
      message: expect.stringContaining(theirs) as string,
    });
    expect(checkOtherOvermind(`${ours}:${theirs}`).state).toBe("ok");
    expect(checkOtherOvermind(`/nowhere:${linked}:${theirs}`).state).toBe("ok");
    expect(checkOtherOvermind("").state).toBe("warn");
  });
});

test("an engine that answers, one that does not, and none: all fine, each told", async () => {
  const path = join(folder, "engine.sock");
  const engine = createServer((socket) => {
    socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"));
  });
  await new Promise<void>((resolve) => engine.listen(path, resolve));
  expect((await checkEngine({ DOCKER_HOST: `unix://${path}` }, folder)).message).toContain("answers at");
  await new Promise((resolve) => engine.close(resolve));
  expect((await checkEngine({ DOCKER_HOST: `unix://${path}` }, folder)).message).toContain("none");
  expect((await checkEngine({ DOCKER_HOST: "tcp://10.0.0.1:2375" }, folder)).message).toContain("not tried");
});
