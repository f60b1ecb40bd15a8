/** overmind top: what sessions use, once, or on a terminal drawn anew until Ctrl-C or q. */
import { commands } from "../../../schemas/commands.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { sortedForTop, type TopSortKey, topTable } from "../../../schemas/text/top-table.ts";
import type { CliContext } from "../context.ts";
import { FullScreen } from "../full-screen.ts";
import { isLiving } from "../living.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { durationFlag, usageError } from "../values.ts";

const INTERVAL_MS = 2000;
/** Sampling each process of the machine more often would show little but itself. */
const LEAST_INTERVAL_MS = 100;
/** CPU and I/O are rates: a first look has to be a while before the one that is shown. */
const FIRST_LOOK_BEFORE_MS = 250;

export async function top({ flags }: Invocation<"top">, context: CliContext): Promise<number> {
  const { selector, colony } = flags;
  const sort = sortFlag(flags.sort);
  const intervalMs = intervalFlag(flags.interval);
  const look = async (): Promise<SessionView[]> => {
    const { sessions } = await context.link.request("session/list", { selector, colony, usage: true, io: true });
    return sortedForTop(sessions.filter(isLiving), sort);
  };
  await look();
  if (context.out.isTerminal && !flags.once && !flags.json) return watch(context, look, intervalMs);
  await sleep(FIRST_LOOK_BEFORE_MS);
  const sessions = await look();
  const nowMs = context.now();
  if (flags.json) await printJson(context.out, "top", { at: new Date(nowMs).toISOString(), sessions });
  else await context.out.write(topTable(sessions, { nowMs, colour: context.out.colour }));
  return 0;
}

async function watch(context: CliContext, look: () => Promise<SessionView[]>, intervalMs: number): Promise<number> {
  const screen = new FullScreen(context.out);
  let sessions: SessionView[] | undefined;
  const draw = async () => {
    if (sessions === undefined) return;
    const { colour } = context.out;
    await screen.draw(topTable(sessions, { nowMs: context.now(), colour, size: screen.size() }));
  };
  const drawing = async (): Promise<never> => {
    for (let waitMs = FIRST_LOOK_BEFORE_MS; ; waitMs = intervalMs) {
      await sleep(waitMs);
      sessions = await look();
      await draw();
    }
  };
  try {
    return await Promise.race([screen.open(draw), drawing()]);
  } finally {
    screen.close();
  }
}

function sortFlag(typed: string | undefined): TopSortKey {
  const keys = commands.top.flags.sort.choices;
  const key = typed === undefined ? keys[0] : keys.find((one) => one === typed);
  if (key === undefined) throw usageError(`--sort ${typed}: it is one of ${keys.join(", ")}`);
  return key;
}

function intervalFlag(typed: string | undefined): number {
  const intervalMs = durationFlag("interval", typed) ?? INTERVAL_MS;
  if (intervalMs < LEAST_INTERVAL_MS) throw usageError(`--interval ${typed}: it is ${LEAST_INTERVAL_MS}ms at least`);
  return intervalMs;
}

function sleep(ms: number): Promise<void> {
  return new Promise((wake) => setTimeout(wake, ms));
}
