/** overmind wait */
import type { Fault } from "../../../schemas/fault.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOfFault, exitCodeOfSession } from "../exit-code.ts";
import { printJson } from "../output/json.ts";
import { reportFault } from "../output/report.ts";
import type { Invocation } from "../parse.ts";
import { durationFlag } from "../values.ts";

export async function wait({ flags, operands }: Invocation<"wait">, context: CliContext): Promise<number> {
  const limitMs = durationFlag("timeout", flags.timeout);
  const untilMs = limitMs === undefined ? undefined : context.now() + limitMs;
  // By its id: while this waits the name can come to mean another session.
  const { session: found } = await context.link.request("session/get", { session: operands[0] ?? "" });
  const ended = await untilEnded(context, found.id, untilMs);
  if (flags.json)
    await printJson(context.out, "wait", { session: ended.session, timedOut: ended.timedOut, code: ended.code });
  else if (ended.timedOut) {
    await reportFault(
      context.err,
      fault("timed-out", `${found.name} has not ended within ${flags.timeout}`, { hint: "it goes on" }),
    );
  } else if (ended.hint !== undefined) {
    await reportFault(context.err, fault("failed", ended.hint));
  }
  return ended.code;
}

export interface Ended {
  readonly session: Awaited<ReturnType<typeof ask>>["session"];
  readonly timedOut: boolean;
  /** What `wait` and `run --attach` exit with. */
  readonly code: number;
  /** Why there is no code of its own; undefined when there is one. */
  readonly hint: string | undefined;
}

/** However often connections break meanwhile. */
export async function untilEnded(context: CliContext, id: string, untilMs?: number): Promise<Ended> {
  const { session, timedOut, fault: why } = await askOrGone(context, id, untilMs);
  if (timedOut) return { session, timedOut, code: exitCodeOfFault(fault("timed-out", ""), true), hint: undefined };
  const code = exitCodeOfSession(session, why as Fault | undefined);
  if (session === null) return { session, timedOut, code, hint: "it was removed before anybody saw how it ended" };
  const hint = session.exit === null ? `${plain(session.name)} is ${session.phase}: ${session.reason}` : undefined;
  return { session, timedOut, code, hint };
}

async function askOrGone(context: CliContext, id: string, untilMs: number | undefined) {
  try {
    return await ask(context, id, untilMs);
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "not-found") throw error;
    return { session: null, timedOut: false, fault: undefined };
  }
}

function ask(context: CliContext, id: string, untilMs: number | undefined) {
  return context.link.persist(async (connection) =>
    connection.request("session/wait", {
      session: id,
      until: "ended",
      timeoutMs: untilMs === undefined ? undefined : Math.max(0, Math.round(untilMs - context.now())),
    }),
  );
}
