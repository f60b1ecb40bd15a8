/** How long a written byte takes to a client: alone, and among fifty that chat. The writer stamps each line with its time. */
import * as pty from "@lydell/node-pty";
import { makeWorld } from "../test/harness/world.ts";
import { type Figure, median, quantile } from "./figures.ts";
import { connectTo, followLines } from "./subscriber.ts";

const LONE_LINES = 200;
const CHATTY = 50;
const CHATTY_SECONDS = 10;
const WARM_UP_MS = 5000;

/** performance.timeOrigin + now() is the same clock in every process of a machine, to some microseconds. */
const STAMP = "process.stdout.write((performance.timeOrigin + performance.now()).toFixed(3) + '\\n')";
const EVERY = (ms: number) => `setInterval(() => ${STAMP}, ${ms})`;

export async function benchLatency(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("ps");
    const client = await connectTo(world.layout.mainEndpoint);
    const start = async (everyMs: number) =>
      (
        await client.request("session/run", {
          argv: [process.execPath, "-e", EVERY(everyMs)],
          folder: world.root,
          scratch: true,
          callerEnvironment: { PATH: process.env.PATH ?? "" },
        })
      ).session;
    const lone = await start(50);
    const alone: number[] = [];
    await followLines(client, lone.id, (line, atMs) => {
      alone.push(atMs - Number(line));
      return alone.length < LONE_LINES;
    });
    await world.must("kill", lone.id);
    const chatty = await Promise.all(Array.from({ length: CHATTY }, () => start(10)));
    const among: number[] = [];
    // Fifty Node processes take seconds to start on two cores, and what they wrote before we listened is caught up with
    // first: what is asked is how it goes once all chat.
    const fromMs = performance.timeOrigin + performance.now() + WARM_UP_MS;
    await Promise.all(
      chatty.map((session) =>
        followLines(client, session.id, (line, atMs) => {
          const writtenMs = Number(line);
          if (writtenMs >= fromMs) among.push(atMs - writtenMs);
          return writtenMs < fromMs + CHATTY_SECONDS * 1000;
        }),
      ),
    );
    client.close();
    await world.must("kill", "--all");
    return [
      {
        name: "a lone write to a client, p50",
        measured: median(alone),
        unit: "ms",
        limit: { atMost: 1.5 },
        note: `${alone.length} lines, p99 ${quantile(alone, 0.99).toFixed(2)} ms`,
      },
      {
        name: `${CHATTY} sessions of 100 lines/s to one client, p99`,
        measured: quantile(among, 0.99),
        unit: "ms",
        limit: { atMost: 15 },
        note: `${among.length} lines, p50 ${median(among).toFixed(2)} ms`,
      },
      await firstByte(),
    ];
  } finally {
    await world.close();
  }
}

/** run to the first byte with the supervisor warm, against a bare pty spawn plus the start of the CLI. */
async function firstByte(): Promise<Figure> {
  const world = await makeWorld();
  try {
    await world.must("ps");
    const client = await connectTo(world.layout.mainEndpoint);
    const ratios: number[] = [];
    for (let round = 0; round < 15; round += 1) {
      let begun = performance.now();
      await new Promise<void>((resolve) => {
        const terminal = pty.spawn("sh", ["-c", "echo x"], {});
        terminal.onData(() => resolve());
      });
      const bareSpawnMs = performance.now() - begun;
      begun = performance.now();
      await world.must("--version");
      const versionMs = performance.now() - begun;
      begun = performance.now();
      const name = (await world.must("run", "--scratch", "--", "sh", "-c", "echo x; sleep 100")).trim();
      await followLines(client, name, () => false);
      ratios.push((performance.now() - begun) / (bareSpawnMs + versionMs));
      await world.must("kill", name);
    }
    client.close();
    return {
      name: "run to the first byte, --scratch",
      measured: median(ratios),
      unit: "x (pty spawn + overmind --version)",
      limit: { atMost: 2 },
      note: "median of 15",
    };
  } finally {
    await world.close();
  }
}
