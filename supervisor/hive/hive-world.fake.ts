/** A home with a real process host, and hives on it: as many, one after the other, as a test wants supervisors. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Result } from "../../schemas/fault.ts";
import { type HomeLayout, homeLayout } from "../../schemas/home.ts";
import type { HostedProcess, ProcessSpec } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { removeControlGroups } from "../../test/harness/control-groups.ts";
import { buildHost } from "../../test/harness/process-host.ts";
import type { Log } from "../ports/clock.ts";
import type { HostIdentity } from "./host-process.ts";
import { type LocalHive, openLocalHive } from "./local-hive.ts";
import { processStartTime } from "./process-identity.ts";
import { systemIdentities } from "./system-clock.ts";

export interface HiveWorld {
  readonly layout: HomeLayout;
  readonly logged: string[];
  /** The next supervisor's hive. `epoch` is higher than any before, unless it is given. */
  open(options?: { readonly epoch?: number; readonly script?: string }): Promise<LocalHive>;
  host(): HostIdentity;
  close(): Promise<void>;
}

/** Builds the process host once for a test file. Returns its script. */
export async function buildHostOnce(): Promise<{ readonly script: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), "om-host-"));
  return { script: await buildHost(folder), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function makeHiveWorld(script: string): HiveWorld {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "om-hive-")));
  const home = join(root, "home");
  mkdirSync(home, { mode: 0o700 });
  const layout = homeLayout(home, { platform: process.platform, userId: process.getuid?.() ?? 0 });
  const logged: string[] = [];
  const note = (message: string, data?: unknown) => logged.push(`${message} ${JSON.stringify(data)}`);
  const log: Log = { info: note, warn: note, error: note };
  const hives = new Set<LocalHive>();
  const hosts = new Map<number, string>();
  let lastEpoch = 0;
  const host = () => JSON.parse(readFileSync(layout.hostIdentity, "utf8")) as HostIdentity;
  return {
    layout,
    logged,
    async open(options = {}) {
      lastEpoch += 1;
      const hive = await openLocalHive({
        hiveId: "hive",
        layout,
        hostCommand: { program: process.execPath, arguments: [options.script ?? script] },
        epoch: options.epoch ?? lastEpoch,
        version: "0.0.0",
        limits: { sessionLogBytes: 64 << 20, totalLogBytes: 4 * 2 ** 30 },
        log,
      });
      hives.add(hive);
      hive.onHost(() => hosts.set(host().pid, host().startTime));
      if (existsSync(layout.hostIdentity)) hosts.set(host().pid, host().startTime);
      return hive;
    },
    host,
    async close() {
      for (const hive of hives) await hive.close({ endIdleHost: false });
      if (existsSync(layout.hostIdentity)) hosts.set(host().pid, host().startTime);
      for (const [pid, startTime] of hosts) {
        if (processStartTime(pid) === startTime) process.kill(pid, "SIGKILL");
        await until(() => processStartTime(pid) !== startTime, `host ${pid} to end`);
      }
      await until(() => removeControlGroups(home), "the sessions' processes to be gone");
      rmSync(root, { recursive: true, force: true });
      if (!layout.socketFolder.startsWith(root)) rmSync(layout.socketFolder, { recursive: true, force: true });
    },
  };
}

export function must<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.fault));
  return result.value;
}

/** A session of its own for each call: marks are looked for on the whole machine. */
export function newKey(): StreamKey {
  return { sessionId: systemIdentities.sessionId(), process: "main", attempt: 1 };
}

export function specOf(key: StreamKey, argv: readonly string[], stdio: ProcessSpec["stdio"] = "pipes"): ProcessSpec {
  return {
    key,
    argv,
    cwd: tmpdir(),
    environment: { PATH: process.env.PATH ?? "", OVERMIND_SESSION_ID: key.sessionId },
    stdio,
    size: { columns: 80, rows: 24 },
  };
}

export async function exitOf(hive: LocalHive, key: StreamKey): Promise<HostedProcess> {
  let found: HostedProcess | undefined;
  await until(async () => {
    const seen = await hive.processes.observe(key);
    found = seen.ok ? seen.value.process : undefined;
    return found?.exit !== undefined;
  }, "the process to exit");
  return found as HostedProcess;
}

export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  limitMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}
