/** overmind restart: returns once each has started again, and says as which process. */
import { type Fault, FaultError, fault } from "../../../schemas/fault.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { restartedLine } from "../../../schemas/text/restarted.ts";
import type { CliContext } from "../context.ts";
import { forEachSession, reportFailures } from "../each-session.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { selectionOf } from "../selection.ts";
import { durationFlag } from "../values.ts";

export async function restart(invocation: Invocation<"restart">, context: CliContext): Promise<number> {
  const { flags } = invocation;
  // Once: asked for twice it would be restarted twice.
  const { sessions: targets } = await context.link.requestOnce("session/restart", {
    sessions: selectionOf(invocation),
    graceMs: durationFlag("grace", flags.grace),
  });
  const restarted: SessionView[] = [];
  const failures = await forEachSession(targets, async (target) => {
    const session = await untilStarted(context, target);
    restarted.push(session);
    if (!flags.json) await context.out.write(`${restartedLine(session)}\n`);
  });
  if (flags.json) await printJson(context.out, "restart", { sessions: restarted, failures });
  return reportFailures(context, failures);
}

interface Restarting {
  readonly id: string;
  readonly name: string;
  /** The start that was asked for. */
  readonly attempt: number;
}

/** Throws the fault for which it was not started. */
async function untilStarted({ link }: CliContext, { id, name, attempt }: Restarting): Promise<SessionView> {
  const { session, fault: why } = await link.request("session/wait", { session: id, until: "started", attempt });
  if (session === null) throw new FaultError(fault("not-found", `${name} was removed meanwhile`));
  if (why !== undefined) throw new FaultError(why as Fault);
  if (session.attempt >= attempt) return session;
  throw new FaultError(
    fault("conflict", `${name} was not started again: it is ${session.phase}, ${session.reason}`, {
      hint: `somebody asked for something else meanwhile: overmind describe ${name}`,
    }),
  );
}
