/** overmind result: the text alone on standard output, what it took beside it. */
import { formatDuration } from "../../../schemas/duration.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import { hint } from "../output/report.ts";
import type { Invocation } from "../parse.ts";

/** Returns 0 when it could be told, whatever the session's own exit code. */
export async function result({ flags, operands }: Invocation<"result">, context: CliContext): Promise<number> {
  const told = await context.link.request("session/result", { session: operands[0] ?? "" });
  if (flags.json) {
    await printJson(context.out, "result", told);
    return 0;
  }
  const { session, text, truncated, durationMs } = told;
  if (text !== "") await context.out.write(text.endsWith("\n") ? text : `${text}\n`);
  await context.err.write(`${context.err.style.dim(howItEnded(session, durationMs))}\n`);
  if (truncated) await hint(context.err, `its beginning is left out: overmind logs ${session.name}`);
  return 0;
}

/** "CRASHED, exit 3, 12s" */
function howItEnded({ phase, exit, reason }: SessionView, durationMs: number | null): string {
  const how =
    exit === null ? plain(reason) : exit.signal === null ? `exit ${exit.code ?? "unknown"}` : `signal ${exit.signal}`;
  return [phase, how, ...(durationMs === null ? [] : [formatDuration(durationMs)])].join(", ");
}
