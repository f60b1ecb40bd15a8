import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { must } from "./hive-world.fake.ts";
import { localMachine } from "./machine.ts";
import type { MachineSystem } from "./os/machine-system.ts";

const system = (login: Record<string, string>): MachineSystem => ({
  memory: () => Promise.resolve(undefined),
  loginEnvironment: () => Promise.resolve(login),
});

test("of a login only its own variables are told, those that are set; the supervisor's own stand over them", async () => {
  const login = { SSH_AUTH_SOCK: "/run/login", DISPLAY: ":1", XAUTHORITY: "", HOME: "/home/me" };
  const own = { DISPLAY: ":0", WAYLAND_DISPLAY: "", PATH: "/bin", XDG_RUNTIME_DIR: undefined };
  const machine = localMachine(own, system(login));
  expect(must(await machine.loginEnvironment())).toEqual({ SSH_AUTH_SOCK: "/run/login", DISPLAY: ":0" });
});

test("where the system says nothing of memory, Node does", async () => {
  const { freeBytes, totalBytes } = must(await localMachine({}, system({})).memory());
  expect(freeBytes).toBeLessThanOrEqual(totalBytes);
  expect(freeBytes).toBeGreaterThan(freemem() / 4);
});

test("the user manager of systemd is asked, and one that hangs or fails is done without", async (context) => {
  context.skip(process.platform !== "linux", "there is no systemd");
  const folder = mkdtempSync(join(tmpdir(), "om-systemctl-"));
  const path = process.env.PATH;
  const systemctl = (script: string) => {
    writeFileSync(join(folder, "systemctl"), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, "systemctl"), 0o755);
  };
  process.env.PATH = `${folder}:${path}`;
  try {
    systemctl('[ "$*" = "--user show-environment" ] && echo SSH_AUTH_SOCK=/run/user/agent');
    expect(must(await localMachine({}).loginEnvironment())).toEqual({ SSH_AUTH_SOCK: "/run/user/agent" });
    systemctl("echo SSH_AUTH_SOCK=/run/user/agent; exit 1");
    expect(must(await localMachine({}).loginEnvironment())).toEqual({});
    systemctl("exec sleep 60");
    expect(must(await localMachine({}).loginEnvironment())).toEqual({});
  } finally {
    process.env.PATH = path;
    rmSync(folder, { recursive: true, force: true });
  }
});
