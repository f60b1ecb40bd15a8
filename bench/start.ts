/** How long commands take to start, as whole processes, each in turn with `node -e 0`. */
import { join } from "node:path";
import { DIST, makeWorld, type World } from "../test/harness/world.ts";
import { type Figure, median } from "./figures.ts";
import { wallMs } from "./wall.ts";

const ROUNDS = 25;

interface Command {
  readonly name: string;
  readonly argv: readonly string[];
  readonly atMost?: number;
  /** It says by its exit code what it found. */
  readonly mayFail?: true;
}

export async function benchStart(): Promise<Figure[]> {
  const world = await makeWorld();
  try {
    await world.must("config", "set", "maxSessions", "1000", "--user");
    await world.must("ps");
    const hot: Command[] = [
      { name: "ps", argv: ["ps"], atMost: 1.35 },
      { name: "status", argv: ["status"], atMost: 1.35 },
    ];
    const others: Command[] = [
      ["ps", "--json"],
      ["events"],
      ["logs", "--no-follow"],
      ["supervisor", "status"],
      ["run", "--help"],
      ["prune"],
      ["doctor"],
    ].map((argv) => ({
      name: argv.join(" "),
      argv,
      ...(argv[0] === "doctor" ? { mayFail: true as const } : { atMost: 1.7 }),
    }));
    const figures = [...compare(world, hot, "no session"), ...compare(world, others, "own start and answer")];
    for (let at = 0; at < 200; at += 10) {
      await Promise.all(Array.from({ length: 10 }, () => world.must("run", "--scratch", "--", "sleep", "100000")));
    }
    figures.push(...compare(world, hot, "200 sessions"));
    figures.push(await firstStart(world));
    return figures;
  } finally {
    await world.close();
  }
}

function compare(world: World, commands: readonly Command[], note: string): Figure[] {
  const ratios = new Map(commands.map((command) => [command, [] as number[]]));
  const bare: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const command of commands) {
      const node = wallMs(world, ["-e", "0"]);
      bare.push(node);
      ratios.get(command)?.push(wallMs(world, [join(DIST, "overmind.cjs"), ...command.argv], command.mayFail) / node);
    }
  }
  return commands.map((command) => ({
    name: `overmind ${command.name}, ${note}`,
    measured: median(ratios.get(command) ?? []),
    unit: "x node -e 0",
    ...(command.atMost === undefined ? {} : { limit: { atMost: command.atMost } }),
    note: `median of ${ROUNDS} pairs, minimum ${Math.min(...(ratios.get(command) ?? [])).toFixed(2)}; node -e 0 ${median(bare).toFixed(1)} ms`,
  }));
}

/** The first command after the supervisor's end: it starts the supervisor, which adopts nothing or 200 sessions. */
async function firstStart(world: World): Promise<Figure> {
  await world.overmind("kill", "--all");
  const ratios: number[] = [];
  for (let round = 0; round < 10; round += 1) {
    await world.must("supervisor", "stop");
    const node = wallMs(world, ["-e", "0"]);
    ratios.push(wallMs(world, [join(DIST, "overmind.cjs"), "ps"]) / node);
  }
  return {
    name: "overmind ps that must start the supervisor",
    measured: median(ratios),
    unit: "x node -e 0",
    limit: { atMost: 6 },
    note: `median of 10 pairs, minimum ${Math.min(...ratios).toFixed(2)}; 200 ended sessions in the store`,
  };
}
