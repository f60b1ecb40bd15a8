/** overmind logs: what a session, or all of them, wrote so far; then, when following, what they write. */

import { FaultError } from "../../../schemas/fault.ts";
import { RecordKind } from "../../../schemas/segment.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { followEvents, latestEventId } from "../event-follow.ts";
import { isLiving } from "../living.ts";
import { type LogPosition, type LogStart, readLog } from "../log-follow.ts";
import { LogPrinter, type LogSource } from "../output/log-printer.ts";
import type { LogEntry, LogNote } from "../output/log-reader.ts";
import { LogView } from "../output/log-view.ts";
import { hint } from "../output/report.ts";
import { mergeByTime } from "../output/time-merge.ts";
import type { Invocation } from "../parse.ts";
import { countFlag, patternFlag, sinceFlag, usageError } from "../values.ts";
import { type FullScreen, fullScreenOf, printFullScreen } from "./logs-screen.ts";

/** The protocol's bound; so many lines are held until the last of them is known. */
const MOST_LINES = 10_000_000;
const OUTPUT_KINDS: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);

interface Reading {
  readonly context: CliContext;
  readonly printer: LogPrinter;
  readonly from: LogStart;
  /** Only the last so many lines of what there is. */
  readonly lastLines: number | undefined;
  readonly pattern: RegExp | undefined;
  /** Lines that people read are printed, which a full-screen program has only on its screen. */
  readonly isForPeople: boolean;
  view(source: LogSource, options?: { readonly notesOnly: boolean }): LogView;
}

export async function logs(invocation: Invocation<"logs">, context: CliContext): Promise<number> {
  const { flags, operands } = invocation;
  if (flags.follow && flags["no-follow"]) throw usageError("--follow and --no-follow exclude each other");
  if (flags.raw && flags.json && flags.grep !== undefined)
    throw usageError("--grep looks at lines, and --raw --json prints records");
  const reading = readingOf(invocation, context);
  const [reference] = operands;
  const sessions = reference === undefined ? await everySession(context) : [await sessionNamed(context, reference)];
  const isAlive = sessions.some((session) => isLiving(session));
  const follow = flags.follow || (!flags["no-follow"] && context.out.isTerminal && isAlive);
  const interrupted = follow ? context.interrupted() : new Promise<never>(() => {});
  const [named] = reference === undefined ? [] : sessions;
  const work =
    named === undefined
      ? printLines(reading, sessions, { follow, joinNew: true })
      : isVerbatim(invocation)
        ? copyBytes(reading, named.id, follow)
        : printOne(reading, named, follow);
  await Promise.race([work, interrupted]);
  return 0;
}

function readingOf({ flags, operands }: Invocation<"logs">, context: CliContext): Reading {
  const lastLines = countFlag("lines", flags.lines, MOST_LINES);
  const sinceMs = sinceFlag(flags.since, context.now());
  const pattern = patternFlag("grep", flags.grep);
  const { raw, json, timestamps } = flags;
  return {
    context,
    lastLines,
    pattern,
    isForPeople: !raw && !json,
    from: startOf(lastLines, sinceMs, pattern),
    printer: new LogPrinter(context.out, { tagged: operands.length === 0, timestamps, raw, json }),
    view: (source, { notesOnly } = { notesOnly: false }) =>
      new LogView(source, { raw, json, pattern, notesOnly, now: () => context.now() }),
  };
}

/** The last lines of all are at the end; the last that match, or since a time, may be anywhere before it. */
function startOf(lastLines: number | undefined, sinceMs: number | undefined, pattern: RegExp | undefined): LogStart {
  if (sinceMs !== undefined) return { sinceMs };
  return lastLines === undefined || pattern !== undefined ? { start: true } : { lines: lastLines };
}

/** Nothing is to be done to the bytes: they go through as they are. */
function isVerbatim({ flags }: Invocation<"logs">): boolean {
  return flags.raw && !flags.json && !flags.timestamps && flags.grep === undefined && flags.lines === undefined;
}

async function copyBytes({ context, from }: Reading, session: string, follow: boolean): Promise<void> {
  await readLog(
    context.link,
    { session, from, follow },
    {
      async records(_, records) {
        for (const { kind, payload } of records) if (OUTPUT_KINDS.has(kind)) await context.out.write(payload);
      },
      async dropped() {}, // Nothing but the session's own bytes is printed.
    },
  );
}

/** The screen of a full-screen program, unless what it wrote since a time is asked for; else its lines. */
async function printOne(reading: Reading, session: SessionView, follow: boolean): Promise<void> {
  const { context, isForPeople, from } = reading;
  const shown = isForPeople && !("sinceMs" in from) ? await fullScreenOf(context, session) : undefined;
  if (shown === undefined) {
    await printLines(reading, [session], { follow, joinNew: false });
    return;
  }
  await printFullScreen(context, shown, reading);
  if (!follow) return;
  if (context.out.isTerminal && isLiving(session))
    await hint(context.err, `to watch it: overmind attach ${session.name} --read-only`);
  const { attempt, offset } = shown;
  await printFollowing(reading, { ...followedOf(reading, session, shown), position: { attempt, offset } });
}

interface Followed {
  readonly session: SessionView;
  readonly view: LogView;
  /** Undefined for a program whose lines are readable. */
  readonly shown: FullScreen | undefined;
  position: LogPosition | undefined;
}

async function printLines(
  reading: Reading,
  sessions: readonly SessionView[],
  { follow, joinNew }: { readonly follow: boolean; readonly joinNew: boolean },
): Promise<void> {
  // Asked before the history is read: a session that begins meanwhile is found by its events.
  const afterId = follow && joinNew ? await newestEvent(reading.context) : undefined;
  const followed = await Promise.all(
    sessions.map(async (session) => {
      const shown = reading.isForPeople && joinNew ? await fullScreenOf(reading.context, session) : undefined;
      return followedOf(reading, session, shown);
    }),
  );
  await printHistory(reading, followed, follow);
  if (!follow) return;
  const living = followed.filter(({ session }) => isLiving(session) || !joinNew);
  const joining =
    afterId === undefined
      ? Promise.resolve()
      : joinNewSessions(reading, new Set(sessions.map(({ id }) => id)), afterId);
  await Promise.all([joining, ...living.map((one) => printFollowing(reading, one))]);
}

function followedOf(reading: Reading, session: SessionView, shown?: FullScreen): Followed {
  const view = reading.view({ name: session.name, process: "main" }, { notesOnly: shown !== undefined });
  return { session, view, shown, position: undefined };
}

/** What there is, in order of time. Lines under way are left to the one who follows. */
async function printHistory(reading: Reading, followed: readonly Followed[], goesOn: boolean): Promise<void> {
  const { context, printer, from, lastLines } = reading;
  const last: Printed[] = [];
  const inputs = mergeByTime<Printed>(followed.length, async (items) => {
    if (lastLines === undefined) {
      await printItems(printer, items);
      return;
    }
    for (const item of items) last.push(item);
    if (last.length > 2 * lastLines) last.splice(0, last.length - lastLines);
  });
  await Promise.all(
    followed.map(async (one, index) => {
      const push = async (entries: readonly LogEntry[]) => {
        await inputs[index]?.push(entries.map((entry) => ({ source: one.view.source, entry, timeMs: entry.timeMs })));
      };
      const request = { session: one.session.id, from, follow: false };
      one.position = await unlessRemoved(
        readLog(context.link, request, {
          records: async (attempt, records) => push(one.view.read(attempt, records)),
          dropped: async (attempt, bytes) => push(one.view.dropped(attempt, bytes)),
        }),
      );
      if (!goesOn) await push(one.view.flush());
      if (one.shown !== undefined && reading.pattern === undefined) await push([pointer(one.shown, context.now())]);
      await inputs[index]?.end();
    }),
  );
  if (lastLines !== undefined) await printItems(printer, lastLines === 0 ? [] : last.slice(-lastLines));
}

/** Where to look instead, after all that has happened. */
function pointer({ session, attempt }: FullScreen, timeMs: number): LogNote {
  const text = `a full-screen program: overmind screen ${plain(session.name)}`;
  return { type: "note", kind: "marker", timeMs, attempt, text };
}

interface Printed {
  readonly source: LogSource;
  readonly entry: LogEntry;
  readonly timeMs: number;
}

/** Each run of one source's entries at once. */
async function printItems(printer: LogPrinter, items: readonly Printed[]): Promise<void> {
  let run: LogEntry[] = [];
  for (const [index, { source, entry }] of items.entries()) {
    run.push(entry);
    if (items[index + 1]?.source === source) continue;
    await printer.print(source, run);
    run = [];
  }
}

async function printFollowing(
  { context, printer, from }: Reading,
  { session, view, position }: Followed,
): Promise<void> {
  const request = { session: session.id, from: position ?? from, follow: true };
  view.showPromptSoon(printer);
  await unlessRemoved(
    readLog(context.link, request, {
      async records(attempt, records) {
        await printer.print(view.source, view.read(attempt, records));
        view.showPromptSoon(printer);
      },
      dropped: async (attempt, bytes) => printer.print(view.source, view.dropped(attempt, bytes)),
    }),
  );
  await printer.print(view.source, view.flush());
  await printer.finish();
}

/** A session whose first event comes while all are followed is followed from its beginning. */
async function joinNewSessions(reading: Reading, known: Set<string>, afterId: number): Promise<void> {
  const { context } = reading;
  const following: Promise<void>[] = [];
  await followEvents(context.link, afterId, async (events) => {
    for (const { sessionId } of events) {
      if (sessionId === null || known.has(sessionId)) continue;
      known.add(sessionId);
      const found = await unlessRemoved(sessionNamed(context, sessionId));
      if (found === undefined) continue;
      const printing = printFollowing({ ...reading, from: { start: true } }, followedOf(reading, found));
      following.push(printing);
      // Told by the last line of the command; until then it is no unhandled failure.
      printing.catch(() => {});
    }
  });
}

/** Undefined inside a session, where events are not told: there new sessions are not joined. */
async function newestEvent({ link }: CliContext): Promise<number | undefined> {
  try {
    return await latestEventId(link);
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === "not-permitted") return undefined;
    throw error;
  }
}

async function everySession({ link }: CliContext): Promise<readonly SessionView[]> {
  const { sessions } = await link.request("session/list", { all: true });
  return sessions;
}

async function sessionNamed({ link }: CliContext, reference: string): Promise<SessionView> {
  const { session } = await link.request("session/get", { session: reference });
  return session;
}

/** A session that is removed while its log is read has no more to say. */
async function unlessRemoved<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof FaultError && error.fault.code === "not-found") return undefined;
    throw error;
  }
}
