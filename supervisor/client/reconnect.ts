/**
 * A connection in place of one that was lost, for whoever follows, waits or watches. A supervisor that was killed is
 * started again at once; one that was stopped on purpose is waited for, so that `supervisor stop` is not undone by
 * whoever happens to follow a log.
 */
import { existsSync } from "node:fs";
import { FaultError } from "../../schemas/fault.ts";
import { type Connection, connect } from "./connection.ts";
import type { Target } from "./endpoint.ts";

/** An upgrade takes a second, a machine that wakes up some more: whoever is gone for longer has to be asked for anew. */
const GIVE_UP_MS = 60_000;
const FIRST_DELAY_MS = 40;
const LONGEST_DELAY_MS = 2000;

export interface ReconnectOptions {
  readonly clientName: string;
  /** Connects after starting a supervisor where none runs. Throws FaultError. */
  readonly start: () => Promise<Connection>;
}

/** Throws FaultError: `unreachable` after a minute or when the home is gone, others at once. */
export async function reconnect(target: Target, options: ReconnectOptions): Promise<Connection> {
  const giveUpAtMs = Date.now() + GIVE_UP_MS;
  let refusals = 0;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(2 * delayMs, LONGEST_DELAY_MS)) {
    // Many clients lose their connection at the same moment: the first of them starts the supervisor for all.
    await sleep(delayMs * (0.5 + Math.random()));
    try {
      // Refused once, it may be one that is about to listen.
      return refusals >= 2 ? await options.start() : await connectTo(target, options);
    } catch (error) {
      if (!isAbsent(error) || isHomeGone(target) || Date.now() >= giveUpAtMs) throw error;
      refusals = target.kind === "home" && wasKilled(error) ? refusals + 1 : 0;
    }
  }
}

function connectTo(target: Target, { clientName }: ReconnectOptions): Promise<Connection> {
  if (target.kind === "home") return connect(target.layout.mainEndpoint, { clientName });
  return connect(target.endpoint, { clientName, token: target.token });
}

/** Whoever ends in order takes its socket away; on a killed one's socket the system refuses the connection. */
function wasKilled(error: unknown): boolean {
  return error instanceof FaultError && error.fault.data?.systemCode === "ECONNREFUSED";
}

function isAbsent(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code === "unreachable";
}

function isHomeGone(target: Target): boolean {
  return target.kind === "home" && !existsSync(target.layout.home);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
