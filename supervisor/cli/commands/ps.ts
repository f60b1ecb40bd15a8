/** overmind ps */
import { FaultError } from "../../../schemas/fault.ts";
import type { CliContext } from "../context.ts";
import { followEvents, latestEventId } from "../event-follow.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { usageError } from "../values.ts";

/** Uptimes grow and activities change without an event. */
const REDRAW_MS = 1000;
/** Changes that come together are drawn together. */
const TOGETHER_MS = 50;

export async function ps({ flags }: Invocation<"ps">, context: CliContext): Promise<number> {
  if (flags.output !== undefined && flags.output !== "wide") throw usageError(`-o ${flags.output}: only wide is known`);
  if (flags.watch && flags.json)
    throw usageError("--watch and --json exclude each other", "for programs: overmind events -f --json");
  const { all, selector, colony } = flags;
  const wide = flags.output === "wide";
  if (flags.json) {
    await printJson(
      context.out,
      "ps",
      await context.link.request("session/list", { all, selector, colony, usage: wide }),
    );
    return 0;
  }
  const table = async () => {
    const { text } = await context.link.request("session/table", {
      all,
      selector,
      colony,
      wide,
      tree: flags.tree,
      colour: context.out.colour,
    });
    return text;
  };
  if (flags.watch) await watch(context, table);
  else await context.out.write(await table());
  return 0;
}

async function watch(context: CliContext, table: () => Promise<string>): Promise<void> {
  const { out, link } = context;
  let shown: string | undefined;
  const draw = async () => {
    const text = await table();
    if (text === shown) return;
    shown = text;
    await out.write(out.isTerminal ? onClearScreen(text) : `${text}\n`);
  };
  const interrupted = context.interrupted();
  await draw();
  let timer: NodeJS.Timeout | undefined;
  const redrawing = new Promise<never>((_, reject) => {
    if (out.isTerminal) timer = setInterval(() => void draw().catch(reject), REDRAW_MS);
  });
  try {
    await Promise.race([interrupted, redrawing, redrawOnEvents(context, draw)]);
  } finally {
    clearInterval(timer);
    link.close();
  }
}

/** Inside a session events are not told: there the clock alone redraws. */
async function redrawOnEvents({ link }: CliContext, draw: () => Promise<void>): Promise<void> {
  try {
    await followEvents(link, await latestEventId(link), async () => {
      await new Promise((wake) => setTimeout(wake, TOGETHER_MS));
      await draw();
    });
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "not-permitted") throw error;
    await new Promise(() => {}); // Until Ctrl-C.
  }
}

/** Over what was drawn before, without the flicker of an erased screen. */
function onClearScreen(text: string): string {
  return `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J`;
}
