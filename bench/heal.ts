/** What healing costs: from a kill to the successor's first byte, and two hundred sessions that crash all the time. */
import { join } from "node:path";
import * as pty from "@lydell/node-pty";
import { DIST, makeWorld, type World } from "../test/harness/world.ts";
import { cpuSeconds, pause } from "./cpu.ts";
import { type Figure, median } from "./figures.ts";
import { connectTo, followLines } from "./subscriber.ts";
import { wallMs } from "./wall.ts";

const RESPAWNS = 30;
const LOOPING = 200;
/** Longer than the longest backoff: every session comes back once in it. */
const WATCHED_MS = 62_000;
const PS_ROUNDS = 20;
const SAYS_ITS_PID = ["sh", "-c", "echo $$; exec sleep 1000"] as const;

export async function benchHeal(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("config", "set", "maxSessions", "1000", "--user");
    await world.must("ps");
    return [await respawn(world), ...(await crashLoop(world))];
  } finally {
    await world.close();
  }
}

async function respawn(world: World): Promise<Figure> {
  const bare = await bareRespawns();
  const client = await connectTo(world.layout.mainEndpoint);
  const policy = ["--restart", "always", "--max-restarts", "1000", "--backoff", "0"];
  const name = (await world.must("run", "--scratch", ...policy, "--", ...SAYS_ITS_PID)).trim();
  const ours: number[] = [];
  let killedAtMs: number | undefined;
  await followLines(client, name, (line, atMs) => {
    if (!/^\d+$/.test(line)) return true;
    if (killedAtMs !== undefined) ours.push(atMs - killedAtMs);
    if (ours.length === RESPAWNS) return false;
    killedAtMs = performance.timeOrigin + performance.now();
    process.kill(Number(line), "SIGKILL");
    return true;
  });
  client.close();
  await world.must("kill", name);
  return {
    name: "kill -9 to the successor's first byte, --backoff 0",
    measured: median(ours) / median(bare),
    unit: "x a bare node-pty respawn",
    limit: { atMost: 3 },
    note: `${median(ours).toFixed(1)} ms against ${median(bare).toFixed(1)} ms, medians of ${RESPAWNS}`,
  };
}

/** The least that can be done: a terminal whose program is killed, and another as soon as that is known. */
async function bareRespawns(): Promise<number[]> {
  const took: number[] = [];
  let killedAtMs = 0;
  const [file, ...argv] = SAYS_ITS_PID;
  while (took.length < RESPAWNS) {
    await new Promise<void>((ended) => {
      const terminal = pty.spawn(file, argv, {});
      let isFirst = true;
      terminal.onData(() => {
        if (!isFirst) return;
        isFirst = false;
        const nowMs = performance.now();
        if (killedAtMs > 0) took.push(nowMs - killedAtMs);
        killedAtMs = performance.now();
        process.kill(terminal.pid, "SIGKILL");
      });
      terminal.onExit(() => ended());
    });
  }
  return took;
}

async function crashLoop(world: World): Promise<Figure[]> {
  const policy = ["--restart", "on-failure", "--max-restarts", "1000", "--backoff", "60s"];
  const calm = psRatio(world);
  for (let at = 0; at < LOOPING; at += 10) {
    await Promise.all(
      Array.from({ length: 10 }, () => world.must("run", "--scratch", ...policy, "--", "sh", "-c", "exit 1")),
    );
  }
  const before = cpuSeconds(world.supervisorPid());
  await pause(WATCHED_MS);
  const share = ((cpuSeconds(world.supervisorPid()) - before) * 1000) / WATCHED_MS;
  const looping = psRatio(world);
  return [
    {
      name: `${LOOPING} sessions in a crash loop at their backoff: supervisor`,
      measured: share * 100,
      unit: "% of a core",
      limit: { atMost: 10 },
      note: `over ${WATCHED_MS / 1000} s, in which each comes back once`,
    },
    {
      name: `overmind ps, ${LOOPING} sessions in a crash loop`,
      measured: looping,
      unit: "x node -e 0",
      limit: { atMost: 1.35 },
      note: `median of ${PS_ROUNDS} pairs; ${calm.toFixed(2)} before them`,
    },
  ];
}

function psRatio(world: World): number {
  const ratios = Array.from({ length: PS_ROUNDS }, () => {
    const node = wallMs(world, ["-e", "0"]);
    return wallMs(world, [join(DIST, "overmind.cjs"), "ps"]) / node;
  });
  return median(ratios);
}
