/** overmind wait: for one session or many, all of them or any. */
import type { Fault } from "../../../schemas/fault.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOfFault, exitCodeOfSession } from "../exit-code.ts";
import { printJson } from "../output/json.ts";
import { reportFault } from "../output/report.ts";
import type { Invocation } from "../parse.ts";
import { durationFlag, usageError } from "../values.ts";

const TIMED_OUT = exitCodeOfFault(fault("timed-out", ""), true);

export async function wait({ flags, operands }: Invocation<"wait">, context: CliContext): Promise<number> {
  if (flags.any && flags.all) throw usageError("--any and --all exclude each other");
  const limitMs = durationFlag("timeout", flags.timeout);
  const untilMs = limitMs === undefined ? undefined : context.now() + limitMs;
  // By their ids: while this waits a name can come to mean another session. All of them before any is waited for.
  const targets = await Promise.all(operands.map(async (reference) => sessionNamed(context, reference)));
  const { results, deciding } = flags.any
    ? await untilAnyEnded(context, targets, untilMs)
    : await untilAllEnded(context, targets, untilMs);
  const timedOut = deciding.some((result) => result.timedOut);
  const code = timedOut ? TIMED_OUT : (deciding.find((result) => result.code !== 0)?.code ?? 0);
  if (flags.json) {
    const sessions = results.map(({ session, timedOut: goesOn, code: own }) => ({
      session,
      ended: !goesOn,
      code: goesOn ? null : own,
    }));
    await printJson(context.out, "wait", { sessions, timedOut, code });
    return code;
  }
  for (const [index, result] of results.entries()) {
    const why = deciding.includes(result) ? whyNoCode(result, targets[index]?.name ?? "") : undefined;
    if (why !== undefined) await reportFault(context.err, fault("failed", why));
  }
  if (timedOut) await reportGoingOn(context, targets, results, flags.timeout ?? "");
  return code;
}

interface Waited {
  /** One for each session, in the order named. */
  readonly results: readonly Ended[];
  /** Those whose end is the command's. */
  readonly deciding: readonly Ended[];
}

async function untilAllEnded(
  context: CliContext,
  targets: readonly SessionView[],
  untilMs: number | undefined,
): Promise<Waited> {
  const results = await Promise.all(targets.map(async ({ id }) => untilEnded(context, id, untilMs)));
  return { results, deciding: results };
}

async function untilAnyEnded(
  context: CliContext,
  targets: readonly SessionView[],
  untilMs: number | undefined,
): Promise<Waited> {
  const waits = targets.map(async ({ id }) => untilEnded(context, id, untilMs));
  const first = await firstEnded(waits);
  if (first === undefined) {
    const results = await Promise.all(waits);
    return { results, deciding: results };
  }
  // The others as they are by now: of several that had ended before, the first answer says nothing.
  const results = await Promise.all(
    targets.map(async ({ id }, index) => (index === first.index ? first.ended : untilEnded(context, id, 0))),
  );
  const winner = results.reduce((best, one) => (endedAtMs(one) < endedAtMs(best) ? one : best), first.ended);
  return { results, deciding: [winner] };
}

/** Of several that wait at once the first whose session has ended; undefined when all have timed out. */
function firstEnded(
  waits: readonly Promise<Ended>[],
): Promise<{ readonly index: number; readonly ended: Ended } | undefined> {
  return new Promise((resolve, reject) => {
    const each = waits.map(async (wait, index) => {
      const ended = await wait;
      if (!ended.timedOut) resolve({ index, ended });
    });
    Promise.all(each).then(() => resolve(undefined), reject);
  });
}

function whyNoCode({ session, timedOut, hint }: Ended, name: string): string | undefined {
  return session === null && !timedOut ? `${name} was removed before anybody saw how it ended` : hint;
}

function endedAtMs({ session, timedOut }: Ended): number {
  const endedAt = session?.endedAt ?? null;
  return timedOut || endedAt === null ? Number.POSITIVE_INFINITY : Date.parse(endedAt);
}

async function reportGoingOn(
  { err }: CliContext,
  targets: readonly SessionView[],
  results: readonly Ended[],
  limit: string,
): Promise<void> {
  const names = targets.filter((_, index) => results[index]?.timedOut === true).map(({ name }) => name);
  const [verb, they] = names.length === 1 ? ["has", "it goes"] : ["have", "they go"];
  await reportFault(
    err,
    fault("timed-out", `${names.join(", ")} ${verb} not ended within ${limit}`, { hint: `${they} on` }),
  );
}

async function sessionNamed({ link }: CliContext, reference: string): Promise<SessionView> {
  const { session } = await link.request("session/get", { session: reference });
  return session;
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
  if (timedOut) return { session, timedOut, code: TIMED_OUT, hint: undefined };
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
