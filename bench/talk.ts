/** What people wait for: the receipt of a message, and the screen that they attach to. */
import { join } from "node:path";
import * as pty from "@lydell/node-pty";
import { PASTE_PAUSE_MS } from "../supervisor/core/typing.ts";
import { DIST, makeWorld, type World } from "../test/harness/world.ts";
import { pause } from "./cpu.ts";
import { type Figure, median } from "./figures.ts";
import { wallMs } from "./wall.ts";

const SENDS = 12;
/** A raw session is idle 1.5 s after the last byte, its own included. */
const UNTIL_IDLE_MS = 1800;
const ATTACHES = 12;
const LOG_MEBIBYTES = 64;
/** Longer than a screen's painting and shorter than a flood, which is looked through with each piece that comes. */
const MOST_KEPT = 1 << 16;
const LAST_LINE = "the last line of all";

export async function benchTalk(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("config", "set", "sessionLogBytes", `${2 * LOG_MEBIBYTES}MiB`, "--user");
    return [await receipt(world), ...(await paint(world))];
  } finally {
    await world.close();
  }
}

async function receipt(world: World): Promise<Figure> {
  await world.must("run", "--scratch", "--name", "listener", "--", "sh", "-c", "stty -echo; cat > /dev/null");
  const ratios: number[] = [];
  for (let round = 0; round < SENDS; round += 1) {
    await pause(UNTIL_IDLE_MS);
    const node = wallMs(world, ["-e", "0"]);
    const took = wallMs(world, [join(DIST, "overmind.cjs"), "send", "listener", `message ${round}`]);
    ratios.push((took - PASTE_PAUSE_MS) / node);
  }
  await world.must("kill", "listener");
  return {
    name: "overmind send to its receipt, an idle raw session",
    measured: median(ratios),
    unit: "x node -e 0",
    limit: { atMost: 1.35 },
    note: `median of ${SENDS} pairs, minimum ${Math.min(...ratios).toFixed(2)}; less its own pause of ${PASTE_PAUSE_MS} ms`,
  };
}

async function paint(world: World): Promise<Figure[]> {
  const flood = `yes 'a line like those that builds print, sixty-four characters' | head -c ${LOG_MEBIBYTES << 20}`;
  await world.must(
    "run",
    "--scratch",
    "--name",
    "talker",
    "--",
    "sh",
    "-c",
    `${flood}; echo; echo ${LAST_LINE}; sleep 1000`,
  );
  const early = await attachMs(world);
  // The model follows a flood at a bounded share of the processor.
  await pause(15_000);
  const later: number[] = [];
  for (let round = 0; round < ATTACHES; round += 1) later.push(await attachMs(world));
  await world.must("kill", "talker");
  const name = `overmind attach paints the screen, ${LOG_MEBIBYTES} MiB of log`;
  return [
    { name, measured: median(later), unit: "ms", limit: { atMost: 100 }, note: `median of ${ATTACHES} whole commands` },
    {
      name: `${name}, in the middle of its flood`,
      measured: early,
      unit: "ms",
      note: "once, to the last line of the flood",
    },
  ];
}

/** A whole `overmind attach` in a terminal of its own, until the last line stands on it. */
function attachMs(world: World): Promise<number> {
  const begun = performance.now();
  const terminal = pty.spawn(process.execPath, [join(DIST, "overmind.cjs"), "attach", "--read-only", "talker"], {
    cwd: world.project,
    env: world.environment,
    cols: 120,
    rows: 30,
  });
  return new Promise((resolve) => {
    let painted = "";
    let tookMs: number | undefined;
    terminal.onData((text) => {
      painted = (painted + text).slice(-MOST_KEPT);
      if (tookMs !== undefined || !painted.includes(LAST_LINE)) return;
      tookMs = performance.now() - begun;
      terminal.write("\x10\x11");
    });
    terminal.onExit(() => resolve(tookMs ?? Number.NaN));
  });
}
