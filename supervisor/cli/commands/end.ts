/** overmind stop, kill, rm and prune: each returns once it is done, and says what it ended. */
import type { Params, SessionSelection } from "../../../schemas/client-protocol.ts";
import { type Fault, FaultError, fault } from "../../../schemas/fault.ts";
import type { EndedSession } from "../../../schemas/json-output.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { parseSignal } from "../../../schemas/signals.ts";
import { type EndedProcess, endedLine, hadEndedLine } from "../../../schemas/text/ended.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { forEachSession, reportFailures } from "../each-session.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { selectionOf } from "../selection.ts";
import { durationFlag, usageError } from "../values.ts";

interface Named {
  readonly id: string;
  readonly name: string;
}

export async function stop(invocation: Invocation<"stop">, context: CliContext): Promise<number> {
  const { cascade, grace, json } = invocation.flags;
  const graceMs = durationFlag("grace", grace);
  const sessions = selectionOf(invocation);
  return endAll(
    context,
    { sessions, mode: "stop", graceMs, ...cascadeOf(cascade) },
    { command: "stop", verb: "stopped", json },
  );
}

export async function kill(invocation: Invocation<"kill">, context: CliContext): Promise<number> {
  const { flags } = invocation;
  const sessions = selectionOf(invocation);
  if (flags.signal !== undefined) {
    if (flags.cascade) throw usageError("--signal and --cascade exclude each other", "a signal ends no session");
    return signalAll(context, sessions, flags.signal, flags.json);
  }
  return endAll(
    context,
    { sessions, mode: "kill", ...cascadeOf(flags.cascade) },
    { command: "kill", verb: "killed", json: flags.json },
  );
}

function cascadeOf(flag: boolean): { readonly cascade?: true } {
  return flag ? { cascade: true } : {};
}

interface Telling {
  readonly command: "stop" | "kill";
  readonly verb: string;
  readonly json: boolean;
}

async function endAll(context: CliContext, request: Params<"session/stop">, telling: Telling): Promise<number> {
  const askedAtMs = context.now();
  const { sessions: targets } = await context.link.request("session/stop", request);
  const isNamed = "references" in request.sessions;
  const ended: EndedSession[] = [];
  const failures = await forEachSession(targets, async ({ id, name }) => {
    const { session, ended: processes } = await context.link.request("session/wait", { session: id, until: "ended" });
    if (session === null) return; // It was removed meanwhile, so it has ended.
    const hadEnded = session.endedAt !== null && Date.parse(session.endedAt) < askedAtMs;
    const { phase, reason, exit } = session;
    ended.push({ id, name, phase, reason, exit, hadEnded, processes: hadEnded ? [] : processes });
    if (telling.json) return;
    if (!hadEnded) await context.out.write(`${endedLine(telling.verb, name, processes)}\n`);
    else if (isNamed) await context.out.write(`${hadEndedLine(session)}\n`);
  });
  if (telling.json) await printJson(context.out, telling.command, { sessions: ended, failures });
  return reportFailures(context, failures);
}

async function signalAll(
  context: CliContext,
  selection: SessionSelection,
  typed: string,
  json: boolean,
): Promise<number> {
  const signal = parseSignal(typed);
  if (signal === undefined) throw usageError(`${typed} is no signal`, "name one as in TERM, SIGINT or 9");
  const signalled: Named[] = [];
  const failures = await forEachSession(await signalTargets(context, selection), async ({ id, name }) => {
    await context.link.requestOnce("session/signal", { session: id, signal });
    signalled.push({ id, name });
    if (!json) await context.out.write(`sent ${signal} to ${plain(name)}\n`);
  });
  if (json) await printJson(context.out, "kill", { signal, signalled, failures });
  return reportFailures(context, failures);
}

/** Every session that is named; of all or a selection those that run. */
async function signalTargets({ link }: CliContext, selection: SessionSelection): Promise<readonly Named[]> {
  if ("references" in selection) {
    const found = await Promise.all(
      selection.references.map(async (reference) => link.request("session/get", { session: reference })),
    );
    return found.map(({ session }) => session);
  }
  const selector = "selector" in selection ? selection.selector : undefined;
  const { sessions } = await link.request("session/list", { selector });
  return sessions.filter(({ phase }) => phase === "RUNNING" || phase === "STOPPING");
}

export async function rm(invocation: Invocation<"rm">, context: CliContext): Promise<number> {
  const { flags } = invocation;
  const askedAtMs = context.now();
  const { sessions: targets } = await context.link.request("session/remove", {
    sessions: selectionOf(invocation),
    force: flags.force,
    ...cascadeOf(flags.cascade),
    graceMs: durationFlag("grace", flags.grace),
  });
  const removed: (Named & { processes: EndedProcess[] })[] = [];
  const failures = await forEachSession(targets, async ({ id, name }) => {
    const ending = processesEnded(context, id, askedAtMs);
    await untilRemoved(context, { id, name });
    const processes = await ending;
    removed.push({ id, name, processes });
    if (!flags.json) await context.out.write(`${endedLine("removed", name, processes)}\n`);
  });
  if (flags.json) await printJson(context.out, "rm", { removed, failures });
  return reportFailures(context, failures);
}

export async function prune({ flags }: Invocation<"prune">, context: CliContext): Promise<number> {
  const { removing, kept } = await context.link.request("session/prune", {});
  const removed: Named[] = [];
  const failures = await forEachSession(removing, async (session) => {
    await untilRemoved(context, session);
    removed.push(session);
    if (!flags.json) await context.out.write(`${endedLine("removed", session.name, [])}\n`);
  });
  if (flags.json) await printJson(context.out, "prune", { removed, kept, failures });
  else await context.out.write(kept.map(({ name, why }) => `kept ${plain(name)}: ${plain(why)}\n`).join(""));
  return reportFailures(context, failures);
}

/** Throws the fault for which a removal was not done. */
async function untilRemoved({ link }: CliContext, { id, name }: Named): Promise<void> {
  const session = await ifThere(link.request("session/wait", { session: id, until: "removed" }));
  if (session === undefined || session.session === null) return;
  throw new FaultError(
    (session.fault as Fault | undefined) ??
      fault("conflict", `${name} was not removed: somebody asked for something else meanwhile`),
  );
}

/** What ending it took; nothing for a session that had ended before. */
async function processesEnded({ link }: CliContext, id: string, askedAtMs: number): Promise<EndedProcess[]> {
  const waited = await ifThere(link.request("session/wait", { session: id, until: "ended" }));
  const session: SessionView | null = waited?.session ?? null;
  const hadEnded =
    session?.endedAt !== null && session?.endedAt !== undefined && Date.parse(session.endedAt) < askedAtMs;
  return hadEnded ? [] : (waited?.ended ?? []);
}

/** Undefined for a session that is gone: then its removal is done. */
async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === "not-found") return undefined;
    throw error;
  }
}
