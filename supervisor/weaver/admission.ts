/** Asks the rules of admission with what is: sessions from the store, memory from the machine, bounds from the settings. */
import { type AdmissionFacts, firstInLine, type Place, placeFor, placeForNew } from "../core/admission.ts";
import type { SessionRecord } from "../core/session.ts";
import type { Hive } from "../ports/hive.ts";
import type { Store } from "../ports/store.ts";

export interface AdmissionLimits {
  readonly maxSessions: number;
  readonly memoryFloorBytes: number;
}

export interface Admission {
  /** `freeMemoryBytes` is asked for before: what sessions are there is looked at in this very turn. */
  placeFor(session: SessionRecord, freeMemoryBytes: number | undefined): Place;
  /** Undefined when it cannot be told. */
  freeMemoryBytes(): Promise<number | undefined>;
  /** Why a new session of this priority could not start at once, or undefined. */
  obstacle(priority: number): Promise<string | undefined>;
  /** Those in line for whom there is a place. */
  firstInLine(): readonly SessionRecord[];
}

export function createAdmission(parts: {
  readonly store: Pick<Store, "sessions">;
  readonly hive: Pick<Hive, "id" | "machine">;
  readonly limits: () => AdmissionLimits;
}): Admission {
  const { store, hive, limits } = parts;
  const sessions = () => store.sessions({ living: true }).filter(({ hiveId }) => hiveId === hive.id);
  const facts = (freeMemoryBytes: number | undefined): AdmissionFacts => {
    const { maxSessions, memoryFloorBytes } = limits();
    return { maxSessions, memoryFloorBytes, freeMemoryBytes };
  };
  const freeMemoryBytes = async () => {
    if (limits().memoryFloorBytes === 0) return undefined;
    const memory = await hive.machine.memory();
    return memory.ok ? memory.value.freeBytes : undefined;
  };
  return {
    placeFor: (session, free) => placeFor(session, sessions(), facts(free)),
    freeMemoryBytes,
    async obstacle(priority) {
      const free = await freeMemoryBytes();
      const place = placeForNew(priority, sessions(), facts(free));
      return place.free ? undefined : place.reason;
    },
    firstInLine: () => firstInLine(sessions(), limits().maxSessions),
  };
}
