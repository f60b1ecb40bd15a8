/**
 * Finds the home's supervisor or starts it, in a session of its own (setsid, cwd /, cleaned environment), so that it
 * never dies with whoever started it. Which of two that start at once rules is decided by the supervisor's lock.
 */
import type { ResultOf } from "../../schemas/client-protocol.ts";
import { type Fault, FaultError, fault } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import { PROTOCOL_OLDEST } from "../../schemas/protocol-version.ts";
import { type Connection, connect } from "./connection.ts";
import { makePrivateFolders } from "./private-folders.ts";
import type { SupervisorProcess } from "./process-identity.ts";
import type { Program } from "./program.ts";
import { versionCopy } from "./version-copy.ts";

/** A supervisor ends within some ms; one that first has to write much to a slow disk still gets its time. */
const END_LIMIT_MS = 15_000;
/** What the system says when nobody listens, or who listened is just ending. */
const NOBODY = new Set<unknown>(["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "EAGAIN"]);

export interface LaunchOptions {
  readonly layout: HomeLayout;
  readonly clientName: string;
  /** What a supervisor is started from. */
  readonly program: Program;
  readonly environment: NodeJS.ProcessEnv;
}

/** Throws FaultError: why the supervisor could not start, in its own words, or `incompatible-version`. */
export async function ensureSupervisor(options: LaunchOptions): Promise<Connection> {
  return (await findSupervisor(options)) ?? (await start(options));
}

/** Connects if one runs; one whose protocol is too old for us is ended, and counts as none. Throws FaultError. */
export async function findSupervisor(options: LaunchOptions): Promise<Connection | undefined> {
  const { layout, clientName } = options;
  try {
    return await connect(layout.mainEndpoint, { clientName });
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    if (error.fault.code === "unreachable" && NOBODY.has(error.fault.data?.systemCode)) return undefined;
    if (error.fault.code !== "incompatible-version") throw error;
    await endOlderSupervisor(options, error.fault);
    return undefined;
  }
}

/** Ends the one that runs, whatever its version, and starts ours. Sessions go on. Throws FaultError. */
export async function restartSupervisor(options: LaunchOptions): Promise<Connection> {
  // What the new one runs from is made before the old one ends: nothing may hinder its start any more.
  makePrivateFolders(options.layout);
  versionCopy(options.layout, options.program);
  await stopSupervisor(options, { sessions: false });
  return start(options);
}

/** Returns once its process is gone; undefined when none runs. With `sessions` these end first. Throws FaultError. */
export async function stopSupervisor(
  options: LaunchOptions,
  { sessions }: { readonly sessions: boolean },
): Promise<ResultOf<"supervisor/stop"> | undefined> {
  const connection = await findSupervisor(options);
  if (connection === undefined) return undefined;
  const { pid } = connection.supervisor;
  const { startTimeOf } = await processIdentity();
  const startTime = startTimeOf(pid);
  const stopped = await connection.request("supervisor/stop", { sessions });
  connection.close();
  if (startTime !== undefined) await requireEnd(pid, startTime);
  return stopped;
}

async function start(options: LaunchOptions): Promise<Connection> {
  const { layout, program, environment } = options;
  makePrivateFolders(layout);
  const { startSupervisor } = await import("./start-supervisor.ts");
  return startSupervisor({
    layout,
    environment,
    folder: versionCopy(layout, program),
    find: async () => findSupervisor(options),
  });
}

/** An older client never replaces a newer supervisor. */
async function endOlderSupervisor({ layout, program }: LaunchOptions, reason: Fault): Promise<void> {
  const { readSupervisorProcess, startTimeOf } = await processIdentity();
  const running = readSupervisorProcess(layout);
  if (running === undefined || !isOlder(running, reason, program)) throw new FaultError(reason);
  if (startTimeOf(running.pid) !== running.startTime) return;
  process.kill(running.pid, "SIGTERM");
  await requireEnd(running.pid, running.startTime);
}

/** Loaded when it is needed: it and start-supervisor.ts load node:child_process, which costs a start a tenth. */
async function processIdentity(): Promise<typeof import("./process-identity.ts")> {
  return import("./process-identity.ts");
}

/** By its protocol where it names it, else by its version. */
function isOlder(running: SupervisorProcess, { data }: Fault, program: Program): boolean {
  const protocol = data?.protocol;
  if (typeof protocol === "number") return protocol < PROTOCOL_OLDEST;
  return compareVersions(running.version, program.version) < 0;
}

async function requireEnd(pid: number, startTime: string): Promise<void> {
  const { hasEndedWithin } = await processIdentity();
  if (await hasEndedWithin(pid, startTime, END_LIMIT_MS)) return;
  throw new FaultError(
    fault("timed-out", `the supervisor (pid ${pid}) has not ended in ${END_LIMIT_MS / 1000} s`, {
      hint: `see overmind supervisor logs; kill -9 ${pid} is safe: sessions go on`,
    }),
  );
}

/** Numbers between dots, one by one; what follows a dash does not count. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => (version.split("-")[0] ?? "").split(".").map(Number));
  for (let at = 0; at < 3; at += 1) {
    const difference = (a?.[at] ?? 0) - (b?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
