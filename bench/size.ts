/** What idle sessions cost: resident memory over an empty supervisor and process host, and processor time. */
import { readFileSync } from "node:fs";
import { makeWorld, type World } from "../test/harness/world.ts";
import { cpuSeconds, pause } from "./cpu.ts";
import type { Figure } from "./figures.ts";

const IDLE = 200;
const QUIET = 50;
const WATCHED_MS = 30_000;

export async function benchSize(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("config", "set", "maxSessions", "1000", "--user");
    await startIdle(world, 1);
    await pause(2000);
    const empty = residentMiB(world);
    await startIdle(world, QUIET - 1);
    await pause(5000);
    const before = cpuSeconds(world.supervisorPid(), world.hostPid());
    await pause(WATCHED_MS);
    const share = (cpuSeconds(world.supervisorPid(), world.hostPid()) - before) / (WATCHED_MS / 1000);
    await startIdle(world, IDLE - QUIET);
    await pause(5000);
    const full = residentMiB(world);
    return [
      {
        name: `${QUIET} idle sessions: supervisor and process host together`,
        measured: share * 100,
        unit: "% of a core",
        limit: { atMost: 0.5 },
        note: `over ${WATCHED_MS / 1000} s`,
      },
      {
        name: `${IDLE} idle sessions: memory of supervisor and process host a session`,
        measured: (full - empty) / (IDLE - 1),
        unit: "MiB",
        limit: { atMost: 0.12 },
        note: `${empty.toFixed(0)} MiB with one session, ${full.toFixed(0)} MiB with ${IDLE}; there are no screen models yet`,
      },
    ];
  } finally {
    await world.close();
  }
}

async function startIdle(world: World, count: number): Promise<void> {
  for (let at = 0; at < count; at += 10) {
    const batch = Math.min(10, count - at);
    await Promise.all(Array.from({ length: batch }, () => world.must("run", "--scratch", "--", "sleep", "100000")));
  }
}

function residentMiB(world: World): number {
  return [world.supervisorPid(), world.hostPid()]
    .map((pid) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024)
    .reduce((sum, one) => sum + one, 0);
}
