/** overmind describe, events and status: what there is to read. */

import { FaultError, fault } from "../../../schemas/fault.ts";
import type { EventView } from "../../../schemas/session-view.ts";
import { describeText } from "../../../schemas/text/describe.ts";
import { eventLine } from "../../../schemas/text/event-line.ts";
import { buildDifference } from "../../../schemas/text/status.ts";
import type { Connection } from "../../client/connection.ts";
import type { CliContext } from "../context.ts";
import { followEvents } from "../event-follow.ts";
import { printJson, printJsonLines } from "../output/json.ts";
import { hint } from "../output/report.ts";
import type { Invocation } from "../parse.ts";
import { countFlag } from "../values.ts";

/** What a person reads at once, and what the protocol gives at most. */
const EVENTS_SHOWN = 100;
const MOST_EVENTS = 10_000;

export async function describe({ flags, operands }: Invocation<"describe">, context: CliContext): Promise<number> {
  const described = await context.link.request("session/get", {
    session: operands[0] ?? "",
    showEnvironment: flags["show-env"],
    usage: true,
  });
  if (flags.json) await printJson(context.out, "describe", described);
  else await context.out.write(describeText(described, { nowMs: context.now(), colour: context.out.colour }));
  return 0;
}

export async function events({ flags }: Invocation<"events">, context: CliContext): Promise<number> {
  const last = countFlag("lines", flags.lines, MOST_EVENTS) ?? EVENTS_SHOWN;
  const print = async (news: readonly EventView[]) => {
    if (flags.json) await printJsonLines(context.out, "events", news);
    else await context.out.write(news.map((event) => eventLine(event, context.out.style)).join(""));
  };
  const interrupted = flags.follow ? context.interrupted() : undefined;
  // One more than is shown at least: its id is where following begins.
  const { events: found } = await context.link.request("event/list", { last: Math.max(1, last) });
  await print(last === 0 ? [] : found);
  if (interrupted !== undefined)
    await Promise.race([interrupted, followEvents(context.link, found.at(-1)?.id ?? 0, print)]);
  return 0;
}

export async function status({ flags }: Invocation<"status">, context: CliContext): Promise<number> {
  return showStatus(await context.link.current(), flags.json, context);
}

/** As status, of a supervisor that runs. */
export async function supervisorStatus(
  { flags }: Invocation<"supervisor status">,
  context: CliContext,
): Promise<number> {
  const connection = await context.connectIfRunning();
  if (connection === undefined) {
    throw new FaultError(
      fault("unreachable", "no supervisor runs", {
        hint: "overmind supervisor start, or any command that needs it, starts it",
      }),
    );
  }
  try {
    return await showStatus(connection, flags.json, context);
  } finally {
    connection.close();
  }
}

async function showStatus(connection: Connection, json: boolean, context: CliContext): Promise<number> {
  if (json) {
    await printJson(context.out, "status", await connection.request("supervisor/status", {}));
    return 0;
  }
  const { text } = await connection.request("supervisor/table", { colour: context.out.colour });
  await context.out.write(text);
  const difference = buildDifference(context.identity, connection.supervisor);
  if (difference !== undefined) await hint(context.err, difference);
  return 0;
}
