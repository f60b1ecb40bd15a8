/**
 * The supervisor process: wiring, and the only file that knows every room. It takes the home's lock, opens the store,
 * joins the hive and serves clients. It owns no agent: the process host does, so that this process may die at any time.
 *
 *   supervisor.cjs --home FOLDER
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { type Fault, FaultError, faultOf } from "../schemas/fault.ts";
import { channelPair } from "../schemas/hive-channel.ts";
import { type HomeLayout, homeLayout } from "../schemas/home.ts";
import { type Settings, settingsSchema } from "../schemas/settings.ts";
import { takeExclusiveLock } from "./akasha/exclusive-lock.ts";
import { openSqliteStore } from "./akasha/sqlite-store.ts";
import { startCortex } from "./cortex/cortex.ts";
import { handlers } from "./cortex/handlers/handlers.ts";
import { linkHive } from "./cortex/hive-link.ts";
import type { Services } from "./cortex/services.ts";
import { startUsageSampler } from "./cortex/usage.ts";
import { openFileLog } from "./hive/file-log.ts";
import { openLocalHive } from "./hive/local-hive.ts";
import { processStartTime } from "./hive/process-identity.ts";
import { serveHive } from "./hive/serve-hive.ts";
import { readSettings } from "./hive/settings-file.ts";
import { systemClock, systemIdentities } from "./hive/system-clock.ts";
import { removeUnusedCopies } from "./hive/version-copies.ts";
import { watchHome } from "./hive/watch-home.ts";
import type { Log } from "./ports/clock.ts";
import type { Store } from "./ports/store.ts";
import { trackActivity } from "./sessions/activity.ts";
import { createLogReaders } from "./sessions/log-readers.ts";
import { Attachments } from "./sessions/screen-attachments.ts";
import { Screens } from "./sessions/screens.ts";
import { startMessageLoop } from "./weaver/message-controller.ts";
import { startWeaver } from "./weaver/weaver.ts";

/** Exit status that tells the client: another supervisor rules this home, connect to that one. */
const ANOTHER_RULES = 75;
/** A reply that is on its way gets so long to leave before the process ends. */
const FAREWELL_MS = 100;

interface Running {
  /** Ends the supervisor. Sessions go on. */
  end(exitCode: number): void;
}

/** What is in force: one place, so that the log, the handlers and the process host follow the same. */
interface LiveSettings {
  settings: Settings;
}

/** Throws a FaultError when the file is wrong; what was in force stays. */
async function load(live: LiveSettings, layout: HomeLayout): Promise<void> {
  const read = await readSettings(layout.settings);
  if (!read.ok) throw new FaultError(read.fault);
  live.settings = read.value;
}

async function start(home: string): Promise<void> {
  // Ours is strict; what agents and their worktrees get is what the user had.
  const userUmask = process.umask(0o077);
  const layout = homeLayout(home, { platform: process.platform, userId: process.getuid?.() ?? 0 });
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const lock = takeExclusiveLock(layout.lock);
  if (!lock.ok) {
    if (lock.fault.code === "conflict") process.exit(ANOTHER_RULES);
    refuseToStart(layout, lock.fault);
  }
  const live: LiveSettings = { settings: settingsSchema.parse({}) };
  const log = openFileLog(layout.supervisorLog, () => live.settings.logLevel);
  try {
    await load(live, layout);
    const running = await run(layout, log, userUmask, live);
    process.on("SIGTERM", () => running.end(0));
    process.on("SIGINT", () => running.end(0));
    process.on("SIGHUP", () => {}); // The terminal that started the client is gone: that is no reason to end.
    fenceBugs(log, running);
  } catch (error) {
    log.error("the supervisor could not start", {
      fault: faultOf(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    refuseToStart(layout, faultOf(error));
  }
}

async function run(layout: HomeLayout, log: Log, userUmask: number, live: LiveSettings): Promise<Running> {
  const startedAtMs = systemClock.now();
  const opened = openSqliteStore({ path: layout.store, now: systemClock.now, log });
  if (!opened.ok) throw new FaultError(opened.fault);
  const store = opened.value;
  const limits = () => {
    const { sessionLogBytes, totalLogBytes } = live.settings;
    return { sessionLogBytes, totalLogBytes };
  };
  const local = await openLocalHive({
    hiveId: store.hiveId,
    layout,
    hostCommand: {
      program: process.execPath,
      arguments: [join(import.meta.dirname, "process-host.cjs")],
    },
    epoch: store.nextEpoch(),
    version: OVERMIND_VERSION,
    limits: limits(),
    log,
    umask: userUmask,
    // Clients are served at once; sessions are looked at as soon as their host is there.
    waitForHost: false,
  });
  const pair = channelPair();
  serveHive(local, pair.hive, log);
  const linked = await linkHive(pair.cortex);
  if (!linked.ok) throw new FaultError(linked.fault);
  const hive = linked.value;
  const parts = { store, hive, clock: systemClock, log };
  const activity = trackActivity(parts);
  const logReaders = createLogReaders();
  const attachments = new Attachments(parts);
  const screens = new Screens({ ...parts, attachments });
  const usage = startUsageSampler(parts);
  const weaver = startWeaver({ ...parts, activity, logReaders, limits: () => live.settings });
  const messages = startMessageLoop({ ...parts, activity, terminals: screens });
  let running: Running | undefined;
  const buildId = readBuildId();
  const services: Services = {
    ...parts,
    identities: systemIdentities,
    activity,
    logReaders,
    screens,
    attachments,
    usage,
    identity: {
      version: OVERMIND_VERSION,
      buildId,
      pid: process.pid,
      startedAtMs,
      home: layout.home,
      endpoint: layout.mainEndpoint,
    },
    injected: {
      sessionEndpoint: layout.sessionEndpoint,
      binFolder: join(import.meta.dirname, "bin"),
      pathDelimiter: delimiter,
    },
    settings: () => live.settings,
    obstacleToStart: (priority) => weaver.admission.obstacle(priority),
    reloadSettings: async () => {
      await load(live, layout);
      weaver.lookAtAll();
      await local.setLimits(limits());
    },
    host: () => local.host(),
    supervisorMemoryBytes: () => process.memoryUsage.rss(),
    stopSupervisor: () => void setTimeout(() => running?.end(0), FAREWELL_MS),
  };
  const cortex = await startCortex({
    services,
    handlers: handlers(services),
    endpoints: { main: layout.mainEndpoint, session: layout.sessionEndpoint },
  });
  writeIdentity(layout, buildId);
  void dropOldCopies(layout, store, log);
  log.info("the supervisor rules", { pid: process.pid, version: OVERMIND_VERSION, buildId });
  running = {
    end(exitCode) {
      log.info("the supervisor ends; sessions go on", { exitCode });
      weaver.dispose();
      messages.dispose();
      usage.dispose();
      activity.dispose();
      attachments.dispose();
      screens.dispose();
      void cortex
        .close()
        .then(() => local.close({ endIdleHost: true }))
        .finally(() => {
          store.close();
          process.exit(exitCode);
        });
    },
  };
  const ruling = running;
  watchHome(layout.home, () => ruling.end(0));
  return running;
}

/** Copies of the program that nothing runs from: not this one, and none that a session finds first in its PATH. */
async function dropOldCopies(layout: HomeLayout, store: Store, log: Log): Promise<void> {
  const binFolders = store.sessions({ living: true }).map(({ spec }) => spec.environment.PATH?.split(delimiter)[0]);
  const used = new Set([import.meta.dirname, ...binFolders.map((folder) => dirname(folder ?? ""))]);
  try {
    const removed = await removeUnusedCopies(layout.versions, used, systemClock.now());
    if (removed.length > 0) log.info("removed old copies of the program", { removed });
  } catch (error) {
    log.warn("old copies of the program could not be removed", { fault: faultOf(error) });
  }
}

/** A bug that reached no fence: the state is no longer known to be right, sessions are safe, the next client starts anew. */
function fenceBugs(log: Log, running: Running): void {
  const end = (error: unknown) => {
    log.error("a bug that no fence caught", { stack: error instanceof Error ? error.stack : String(error) });
    running.end(70);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

function readBuildId(): string {
  try {
    return readFileSync(join(import.meta.dirname, "build-id"), "utf8").trim();
  } catch {
    return "unknown"; // Run from sources: only a build has an id.
  }
}

function writeIdentity(layout: HomeLayout, buildId: string): void {
  const identity = {
    pid: process.pid,
    startTime: processStartTime(process.pid) ?? "",
    version: OVERMIND_VERSION,
    buildId,
    endpoint: layout.mainEndpoint,
  };
  const draft = `${layout.supervisorIdentity}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
  renameSync(draft, layout.supervisorIdentity);
  rmSync(layout.startFault, { force: true });
}

/** The client that started us reads the reason from here and tells it in its own words. */
function refuseToStart(layout: HomeLayout, reason: Fault): never {
  try {
    writeFileSync(layout.startFault, `${JSON.stringify(reason)}\n`, { mode: 0o600 });
  } catch {
    // The home itself cannot be written to: standard error, which goes to its log or terminal, is all there is.
  }
  process.stderr.write(
    `overmind-supervisor: ${reason.message}\n${reason.hint === undefined ? "" : `hint: ${reason.hint}\n`}`,
  );
  process.exit(1);
}

function homeArgument(): string {
  const at = process.argv.indexOf("--home");
  const home = at < 0 ? undefined : process.argv[at + 1];
  if (home === undefined) {
    process.stderr.write("overmind-supervisor: no --home given\nhint: start it with `overmind supervisor start`\n");
    process.exit(2);
  }
  return home;
}

void start(homeArgument());
