/** What idle sessions cost: resident memory over an empty supervisor and process host, and processor time. */
import { readFileSync } from "node:fs";
import type { StatusView } from "../schemas/session-view.ts";
import { makeWorld, until, type World } from "../test/harness/world.ts";
import { cpuSeconds, pause } from "./cpu.ts";
import type { Figure } from "./figures.ts";

const IDLE = 200;
const QUIET = 50;
/** Sessions whose screens are drawn. */
const DRAWN = 50;
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
    const screens = await screenModels(world, full);
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
        note: `${empty.toFixed(0)} MiB with one session, ${full.toFixed(0)} MiB with ${IDLE}; they write nothing, so that none has a screen model`,
      },
      ...screens,
    ];
  } finally {
    await world.close();
  }
}

/** What a session costs whose terminal shows something: while its screen is drawn, and once it is folded. */
async function screenModels(world: World, before: number): Promise<Figure[]> {
  const line = "seq 1 200; exec sleep 100000";
  for (let at = 0; at < DRAWN; at += 10) {
    await Promise.all(Array.from({ length: 10 }, () => world.must("run", "--scratch", "--", "sh", "-c", line)));
  }
  const screens = async () => (await world.json<StatusView>("status", "--json")).screens;
  await until(async () => (await screens()).live >= DRAWN, "every screen to be drawn");
  const live = residentMiB(world);
  await until(async () => (await screens()).live === 0, "every screen to be folded", 60_000);
  await pause(2000);
  const folded = residentMiB(world);
  const { foldedBytes } = await screens();
  return [
    {
      name: `a session that shows 200 lines, its screen model alive: memory`,
      measured: (live - before) / DRAWN,
      unit: "MiB",
      note: `${DRAWN} of them, the library of the models (once) included`,
    },
    {
      name: `a session that shows 200 lines, its screen model folded: memory`,
      measured: (folded - before) / DRAWN,
      unit: "MiB",
      note: `memory that Node keeps for later included; ${foldedBytes} bytes of paintings in the store`,
    },
  ];
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
