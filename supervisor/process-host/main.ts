/**
 * The process host: a process of its own that owns the agents' terminals and pipes and appends what they write to disk,
 * and does nothing else. It outlives every supervisor, and cannot be replaced while an agent runs: so it is small, knows
 * only the schemas of its frames and files, loads every module at its start (the version it came from may be deleted)
 * and never dies for one stream's sake. It decides nothing: no restart, no policy, no tree; and it parses no output.
 * Nobody imports it. hive/ starts it and speaks to it (schemas/host-protocol.ts); whoever reads logs reads its files.
 */
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { parseArgs } from "node:util";
import { type ControlGroups, openControlGroups } from "./control-groups.ts";
import { Controllers } from "./controller.ts";
import { Feed } from "./feed.ts";
import { watchHome } from "./home.ts";
import { ProcessHost } from "./host.ts";
import { LogShelf } from "./log-shelf.ts";
import { signalSessions, startTimeOf } from "./process-table.ts";
import { describeError, report } from "./report.ts";
import { isMissing, listen } from "./socket.ts";

/** What SIGKILL has ended is taken away within milliseconds; its control group goes with it. */
const KILLING_GRACE_MS = 100;
/** How long processes have after SIGTERM once the home is gone. Nobody is left who could ask for more. */
const ENDING_GRACE_MS = 2_000;

const OPTIONS = {
  socket: { type: "string" },
  logs: { type: "string" },
  home: { type: "string" },
  identity: { type: "string" },
  version: { type: "string" },
} as const;

interface Arguments {
  readonly socket: string;
  readonly logs: string;
  readonly home: string;
  /** File that says who and where this host is. */
  readonly identity: string;
  readonly version: string;
}

process.on("uncaughtException", (error) =>
  report(`a defect of the process host, which goes on: ${describeError(error)}`),
);
main(readArguments()).catch((error: unknown) => {
  report(`the process host cannot start: ${describeError(error)}`);
  process.exit(1);
});

async function main(given: Arguments): Promise<void> {
  const identity = {
    version: given.version,
    pid: process.pid,
    startTime: startTimeOf(process.pid),
    hostId: randomUUID(),
  };
  if (!existsSync(given.logs)) mkdirSync(given.logs, { mode: 0o700 });
  const feed = new Feed();
  const shelf = new LogShelf(given.logs, (id, firstOffset) => feed.onDropped(id, firstOffset));
  const groups = openControlGroups(given.home);
  const host = new ProcessHost(shelf, feed, groups);
  const leaveNow = () => leave(given, identity.hostId, groups);
  const controllers = new Controllers({ host, feed, shelf, identity, onShutdown: leaveNow });
  const onConnection = (socket: Socket) => controllers.accept(socket);
  let server: Server = await listen(given.socket, onConnection);
  writeIdentity(given, identity);

  const listenAnew = () => {
    if (!isMissing(given.socket)) return;
    report("the socket was deleted: listening anew");
    server.close();
    listen(given.socket, onConnection).then(
      (anew) => {
        server = anew;
        writeIdentity(given, identity);
      },
      (error: unknown) => report(`cannot listen anew: ${describeError(error)}`),
    );
  };
  const leaveIfUnused = (signal: string) => {
    const { size } = host.runningPids();
    if (size > 0) report(`${signal} is ignored: ${size} processes are running`);
    else leaveNow();
  };
  process.on("SIGHUP", listenAnew);
  process.on("SIGTERM", () => leaveIfUnused("SIGTERM"));
  process.on("SIGINT", () => leaveIfUnused("SIGINT"));
  // A limit on the size of files is told as EFBIG too, which is a full disk to us.
  process.on("SIGXFSZ", () => undefined);

  const check = () => {
    if (host.list().length === 0 && !rules(given, identity.hostId)) {
      groups.leave();
      process.exit(0);
    }
    listenAnew();
    groups.removeAllEmpty();
  };
  watchHome(given.home, given.logs, () => endAll(host, given.home, groups), check);
  shelf.scan();
}

function readArguments(): Arguments {
  const { values } = parseArgs({ options: OPTIONS });
  const { socket, logs, home, identity, version } = values;
  if (
    socket === undefined ||
    logs === undefined ||
    home === undefined ||
    identity === undefined ||
    version === undefined
  ) {
    report(
      `usage: process-host ${Object.keys(OPTIONS)
        .map((name) => `--${name} VALUE`)
        .join(" ")}`,
    );
    process.exit(2);
  }
  return { socket, logs, home, identity, version };
}

/** Whole or not at all: the supervisor that reads it may have been started in this moment. */
function writeIdentity(given: Arguments, identity: Readonly<Record<string, unknown>>): void {
  const temporary = `${given.identity}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify({ ...identity, socket: given.socket })}\n`, { mode: 0o600 });
  renameSync(temporary, given.identity);
}

/** What is written is on disk, and what is said leaves in this turn. */
function leave(given: Arguments, hostId: string, groups: ControlGroups): void {
  groups.leave();
  try {
    if (rules(given, hostId)) for (const path of [given.identity, given.socket]) rmSync(path, { force: true });
  } catch (error) {
    report(`cannot remove ${given.identity}: ${describeError(error)}`);
  }
  setImmediate(() => process.exit(0));
}

/** False: another host has taken this one's place, which happens when two are started over one stale socket. */
function rules(given: Arguments, hostId: string): boolean {
  try {
    return readFileSync(given.identity, "utf8").includes(hostId);
  } catch {
    return true; // The file is gone; another host would have written its own.
  }
}

/** Without its home nobody can ever reach these processes again: none is left behind. */
function endAll(host: ProcessHost, home: string, groups: ControlGroups): void {
  const leaders = host.runningPids();
  report(`${home} is gone: ending ${leaders.size} processes`);
  if (leaders.size === 0) {
    groups.leave();
    process.exit(0);
  }
  signalSessions(leaders, "SIGHUP");
  signalSessions(leaders, "SIGTERM");
  setTimeout(() => {
    signalSessions(leaders, "SIGKILL");
    setTimeout(() => {
      groups.leave();
      process.exit(0);
    }, KILLING_GRACE_MS);
  }, ENDING_GRACE_MS);
}
