/** Starts a supervisor process and waits until the home's endpoint answers, whichever supervisor it is that does. */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, type FSWatcher, openSync, readFileSync, statSync, watch } from "node:fs";
import { join, parse } from "node:path";
import { type Fault, FaultError, fault } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import { SUPERVISOR_FLAGS } from "../../schemas/supervisor-flags.ts";
import type { Connection } from "./connection.ts";
import { daemonEnvironment } from "./daemon-environment.ts";

/** Adopting hundreds of sessions on a slow disk takes seconds; a start that takes longer hangs. */
const START_LIMIT_MS = 15_000;
/** A start takes about 100 ms. The folder tells of the socket at once; where it cannot be watched these delays do. */
const FIRST_RETRY_MS = 10;
const SLOWEST_RETRY_MS = 50;
/** The exit status of a supervisor that found another one ruling. */
const ANOTHER_RULES = 75;
/** The other one may have been ending: who holds the lock and does not answer by then is followed by a new start. */
const RIVAL_PATIENCE_MS = 500;
/** File times are told by a clock that lags some ms behind ours. */
const FILE_TIME_SLACK_MS = 1000;

export interface StartOptions {
  readonly layout: HomeLayout;
  /** The version copy to start it from. */
  readonly folder: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Undefined while nobody answers. */
  readonly find: () => Promise<Connection | undefined>;
}

/** Throws FaultError. */
export async function startSupervisor(options: StartOptions): Promise<Connection> {
  const startedAtMs = Date.now();
  const doorbell = new Doorbell(options.layout.socketFolder);
  let started = new Started(options, doorbell);
  try {
    for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(2 * delayMs, SLOWEST_RETRY_MS)) {
      await doorbell.ring(delayMs);
      const connection = await options.find();
      if (connection !== undefined) return connection;
      const { end } = started;
      if (end !== undefined && end.code !== ANOTHER_RULES)
        throw new FaultError(startFault(options.layout, end, startedAtMs));
      if (Date.now() - startedAtMs > START_LIMIT_MS) throw new FaultError(tooLate(options.layout));
      if (end !== undefined && Date.now() - end.atMs > RIVAL_PATIENCE_MS) started = new Started(options, doorbell);
    }
  } finally {
    doorbell.dispose();
    started.release();
  }
}

interface End {
  readonly code: number | null;
  readonly description: string;
  readonly atMs: number;
}

/** A supervisor process that was started and may have ended. */
class Started {
  end: End | undefined;
  readonly #child: ChildProcess;

  constructor({ layout, folder, environment }: StartOptions, doorbell: Doorbell) {
    const log = openSync(layout.supervisorLog, "a", 0o600);
    try {
      const argv = [...SUPERVISOR_FLAGS, join(folder, "overmind-supervisor.cjs"), "run", "--home", layout.home];
      this.#child = spawn(process.execPath, argv, {
        cwd: parse(layout.home).root,
        env: daemonEnvironment(environment, layout.home),
        detached: true,
        windowsHide: true,
        stdio: ["ignore", log, log],
      });
    } finally {
      closeSync(log);
    }
    const over = (code: number | null, description: string) => {
      this.end ??= { code, description, atMs: Date.now() };
      doorbell.press();
    };
    this.#child.on("exit", (code, signal) => over(code, signal === null ? `exit status ${code}` : signal));
    this.#child.on("error", (error) => over(null, error.message));
  }

  /** From now on this process may end before it. */
  release(): void {
    this.#child.unref();
  }
}

/** Wakes whoever waits: when something happens in the folder, when it is pressed, or when the time is over. */
class Doorbell {
  #wake: (() => void) | undefined;
  #isPressed = false;
  readonly #watcher: FSWatcher | undefined;

  constructor(folder: string) {
    try {
      this.#watcher = watch(folder, () => this.press());
      this.#watcher.on("error", () => {}); // The folder went away: the delays go on, and the start fails by itself.
    } catch {
      this.#watcher = undefined; // Not on this system or file system, or no watch is left: the delays do it alone.
    }
  }

  press(): void {
    this.#isPressed = true;
    this.#wake?.();
  }

  async ring(limitMs: number): Promise<void> {
    if (!this.#isPressed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isPressed = false;
  }

  dispose(): void {
    this.#watcher?.close();
  }
}

/** The supervisor's own words when it left some, else where to look. */
function startFault(layout: HomeLayout, end: End, startedAtMs: number): Fault {
  try {
    if (statSync(layout.startFault).mtimeMs >= startedAtMs - FILE_TIME_SLACK_MS) {
      return JSON.parse(readFileSync(layout.startFault, "utf8")) as Fault;
    }
  } catch {
    // It left none: it never came so far.
  }
  return fault("unreachable", `the supervisor could not start (${end.description})`, {
    hint: `see ${layout.supervisorLog}, and overmind doctor`,
  });
}

function tooLate(layout: HomeLayout): Fault {
  return fault("unreachable", `the supervisor does not answer ${START_LIMIT_MS / 1000} s after its start`, {
    retryable: true,
    hint: `see ${layout.supervisorLog}`,
  });
}
