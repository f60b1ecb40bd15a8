/** overmind supervisor start, stop, restart and logs. */
import { statSync } from "node:fs";
import { open } from "node:fs/promises";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { Connection } from "../../client/connection.ts";
import type { CliContext } from "../context.ts";
import type { Invocation } from "../parse.ts";
import { countFlag } from "../values.ts";
import { refreshInstalled } from "./install.ts";

const LINES_SHOWN = 200;
const MOST_LINES = 1_000_000;
/** A line of the log is rarely longer; what is read at once from its end. */
const PIECE_BYTES = 64 * 1024;
/** A file's growth is not always told (network file systems), so it is looked at as well. */
const LOOK_MS = 250;

export async function supervisorStart(_: Invocation<"supervisor start">, context: CliContext): Promise<number> {
  const running = await context.connectIfRunning();
  await tell(context, running === undefined ? "started" : "runs already", running ?? (await context.link.current()));
  running?.close();
  return 0;
}

export async function supervisorStop({ flags }: Invocation<"supervisor stop">, context: CliContext): Promise<number> {
  // Sessions can outlive their supervisor: to stop them one is needed.
  if (flags.sessions) await context.link.current();
  const stopped = await context.stopSupervisor({ sessions: flags.sessions });
  if (stopped === undefined) {
    await context.out.write("no supervisor runs\n");
    return 0;
  }
  const names = stopped.stopping.map(({ name }) => plain(name));
  const sessions =
    names.length === 0
      ? ""
      : `, and ${names.length === 1 ? "1 session" : `${names.length} sessions`}: ${names.join(", ")}`;
  await context.out.write(`stopped the supervisor${sessions}${flags.sessions ? "" : "; sessions go on"}\n`);
  return 0;
}

export async function supervisorRestart(_: Invocation<"supervisor restart">, context: CliContext): Promise<number> {
  const connection = await context.restartSupervisor();
  refreshInstalled(context);
  await tell(context, "restarted; sessions go on", connection);
  connection.close();
  return 0;
}

async function tell({ out }: CliContext, what: string, { supervisor }: Connection): Promise<void> {
  const { version, buildId, pid } = supervisor;
  await out.write(`supervisor ${pid} ${what} (version ${plain(version)}, build ${plain(buildId)})\n`);
}

export async function supervisorLogs({ flags }: Invocation<"supervisor logs">, context: CliContext): Promise<number> {
  const lines = countFlag("lines", flags.lines, MOST_LINES) ?? LINES_SHOWN;
  const path = context.layout.supervisorLog;
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined && !flags.follow) {
    throw new FaultError(fault("not-found", `there is no log yet: ${path}`, { hint: "overmind supervisor start" }));
  }
  const interrupted = flags.follow ? context.interrupted() : undefined;
  await printFrom(context, path, await startOfLastLines(path, size ?? 0, lines), size ?? 0);
  if (interrupted !== undefined) await Promise.race([interrupted, followFile(context, path, size ?? 0)]);
  return 0;
}

/** Read backwards: the log may be long, and only its end is asked for. */
async function startOfLastLines(path: string, size: number, lines: number): Promise<number> {
  if (size === 0 || lines === 0) return size;
  const file = await open(path, "r");
  try {
    let found = 0;
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - PIECE_BYTES);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(end - start), 0, end - start, start);
      for (let at = bytesRead - 1; at >= 0; at -= 1) {
        // The line feed that ends the log begins no line after it.
        if (buffer[at] === 0x0a && start + at < size - 1) found += 1;
        if (found === lines) return start + at + 1;
      }
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}

async function printFrom({ out }: CliContext, path: string, start: number, end: number): Promise<void> {
  if (start >= end) return;
  const file = await open(path, "r");
  try {
    for (let at = start; at < end; ) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(PIECE_BYTES, end - at)), 0, undefined, at);
      if (bytesRead === 0) return;
      await out.write(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function followFile(context: CliContext, path: string, from: number): Promise<never> {
  for (let at = from; ; ) {
    await new Promise((wake) => setTimeout(wake, LOOK_MS));
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    // Shorter than before: it was begun anew.
    if (size < at) at = 0;
    await printFrom(context, path, at, size);
    at = size;
  }
}
