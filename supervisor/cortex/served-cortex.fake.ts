/** A real Cortex on real sockets, over a store in memory, with handlers that a test gives. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { methods } from "../../schemas/client-protocol.ts";
import { ok } from "../../schemas/fault.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import type { Log } from "../ports/clock.ts";
import { type Cortex, startCortex } from "./cortex.ts";
import type { Handlers } from "./handler.ts";

interface LogLine {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

export interface ServedCortex {
  readonly folder: string;
  readonly main: string;
  readonly session: string;
  readonly store: MemoryStore;
  readonly clock: MovedClock;
  readonly log: Log;
  readonly logged: LogLine[];
  readonly cortex: Cortex;
  close(): Promise<void>;
}

export async function serveCortex(
  given: Partial<Handlers> | ((world: Pick<ServedCortex, "store" | "clock" | "log">) => Partial<Handlers>) = {},
): Promise<ServedCortex> {
  const folder = mkdtempSync(join(tmpdir(), "om-cortex-"));
  const store = createMemoryStore();
  const clock = createMovedClock();
  const logged: LogLine[] = [];
  const log: Log = {
    info: (message, data) => void logged.push({ level: "info", message, data }),
    warn: (message, data) => void logged.push({ level: "warn", message, data }),
    error: (message, data) => void logged.push({ level: "error", message, data }),
  };
  const endpoints = { main: join(folder, "run", "main.sock"), session: join(folder, "run", "session.sock") };
  const handlers = { ...emptyAnswers(), ...(typeof given === "function" ? given({ store, clock, log }) : given) };
  const identity = {
    version: "9.9.9",
    buildId: "build",
    pid: 1,
    startedAtMs: clock.now(),
    home: folder,
    endpoint: endpoints.main,
  };
  const cortex = await startCortex({ services: { store, clock, log, identity }, handlers, endpoints });
  return {
    folder,
    ...endpoints,
    store,
    clock,
    log,
    logged,
    cortex,
    async close() {
      await cortex.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Handlers that answer every request with nothing. */
function emptyAnswers(): Handlers {
  const names = Object.keys(methods).filter((name) => name !== "hello");
  return Object.fromEntries(names.map((name) => [name, () => ok({})])) as unknown as Handlers;
}
