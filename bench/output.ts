/** Bytes from a flooding session to the disk and to one subscriber, against a bare node-pty loop and tmux's pipe-pane. */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pty from "@lydell/node-pty";
import { DIST, FIXTURES, makeWorld, type World } from "../test/harness/world.ts";
import { type Figure, median } from "./figures.ts";
import { connectTo, followSession } from "./subscriber.ts";

const MIB = 60;
const ROUNDS = 5;
const FLOOD = join(FIXTURES, "floods.mjs");

interface Shape {
  readonly name: string;
  /** Program and arguments; writes MIB mebibytes. */
  readonly argv: readonly string[];
}

const SHAPES: readonly Shape[] = [
  { name: "short lines", argv: [process.execPath, FLOOD, String(MIB)] },
  { name: "long lines", argv: ["sh", "-c", `head -c ${MIB * 1024 * 1024} /dev/zero | tr '\\0' x | fold -w 4000`] },
  { name: "short lines, raw mode", argv: ["sh", "-c", `stty raw; exec ${process.execPath} ${FLOOD} ${MIB}`] },
];

export async function benchOutput(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("ps");
    const figures: Figure[] = [];
    for (const shape of SHAPES) {
      const bare: number[] = [];
      const ours: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        bare.push(await barePty(shape));
        ours.push(await overmind(world, shape, world.layout.mainEndpoint));
      }
      figures.push({
        name: `output, ${shape.name}: kept on disk and delivered to one subscriber`,
        measured: median(ours) / median(bare),
        unit: "x bare node-pty",
        limit: { atLeast: 0.85 },
        note: `${median(ours).toFixed(1)} MB/s, bare ${median(bare).toFixed(1)} MB/s, medians of ${ROUNDS} in turn`,
      });
      if (shape.name === "short lines") figures.push(await overStdio(world, shape, median(ours)));
      if (shape.name === "short lines" && spawnSync("tmux", ["-V"]).status === 0)
        figures.push(await againstTmux(shape, median(ours)));
    }
    return figures;
  } finally {
    await world.close();
  }
}

function barePty(shape: Shape): Promise<number> {
  return new Promise((resolve) => {
    const [program = "", ...args] = shape.argv;
    const begun = performance.now();
    const terminal = pty.spawn(program, args, { encoding: null, cols: 120, rows: 30 });
    let bytes = 0;
    terminal.onData((chunk) => {
      bytes += chunk.length;
    });
    terminal.onExit(() => resolve(bytes / 1000 / (performance.now() - begun)));
  });
}

/** From the request to run it until its last byte is with the subscriber, which is after it is on disk. */
async function overmind(world: World, shape: Shape, endpoint: string): Promise<number> {
  const client = await connectTo(endpoint);
  const begun = performance.now();
  const { session } = await client.request("session/run", {
    argv: [...shape.argv],
    folder: world.root,
    scratch: true,
    callerEnvironment: { PATH: process.env.PATH ?? "" },
  });
  await client.request("session/wait", { session: session.id, until: "started" });
  const startedMs = performance.now();
  const bytes = await followSession(client, session.id);
  const tookMs = performance.now() - startedMs;
  if (bytes < MIB * 1024 * 1024) throw new Error(`only ${bytes} bytes came, after ${performance.now() - begun} ms`);
  client.close();
  await world.must("rm", "--force", session.id);
  return bytes / 1000 / tookMs;
}

/** The same through `overmind-supervisor --stdio`, as an editor has it, with one more pipe on this side. */
async function overStdio(world: World, shape: Shape, direct: number): Promise<Figure> {
  const endpoint = join(world.root, "stdio.sock");
  const server = createServer((socket) => {
    const pipe = spawn(process.execPath, [join(DIST, "overmind-supervisor.cjs"), "--stdio"], {
      env: world.environment,
      stdio: ["pipe", "pipe", "inherit"],
    });
    socket.pipe(pipe.stdin);
    pipe.stdout.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(endpoint, resolve));
  const rates: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) rates.push(await overmind(world, shape, endpoint));
  server.close();
  return {
    name: "output, short lines: over --stdio",
    measured: median(rates) / direct,
    unit: "x the socket",
    note: `${median(rates).toFixed(1)} MB/s, median of ${ROUNDS}`,
  };
}

async function againstTmux(shape: Shape, oursMBs: number): Promise<Figure> {
  const folder = mkdtempSync(join(tmpdir(), "om-tmux-"));
  const rates: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round += 1) rates.push(await tmuxPipePane(shape, folder, round));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return {
    name: "output, short lines: against tmux pipe-pane",
    measured: oursMBs / median(rates),
    unit: "x tmux",
    limit: { atLeast: 1.2 },
    note: `tmux ${median(rates).toFixed(1)} MB/s, median of ${ROUNDS}`,
  };
}

function tmuxPipePane(shape: Shape, folder: string, round: number): Promise<number> {
  const socket = join(folder, `tmux-${round}`);
  const file = join(folder, `out-${round}`);
  const tmux = (...argv: string[]) =>
    spawnSync("tmux", ["-S", socket, "-f", "/dev/null", ...argv], { env: { ...process.env, TMUX: "" } });
  tmux(
    "new-session",
    "-d",
    "-x",
    "120",
    "-y",
    "30",
    "sh",
    "-c",
    `read go; ${shape.argv.map((part) => `'${part}'`).join(" ")}; sleep 1000`,
  );
  tmux("pipe-pane", `exec cat > ${file}`);
  const begun = performance.now();
  tmux("send-keys", "go", "Enter");
  return new Promise((resolve) => {
    const watching = spawn("tail", ["-F", "-c", "+1", file], { stdio: ["ignore", "pipe", "ignore"] });
    let tail = "";
    let bytes = 0;
    watching.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      tail = (tail + chunk.subarray(-100).toString("latin1")).slice(-200);
      if (!/done \d+/.test(tail)) return;
      const tookMs = performance.now() - begun;
      watching.kill();
      tmux("kill-server");
      resolve(Math.max(bytes, statSync(file).size) / 1000 / tookMs);
    });
  });
}
