/** The weaver over a scripted world, with a clock that a test moves. */
import { createFakeHive, type FakeHive } from "../../test/fakes/fake-hive.ts";
import { createMemoryStore, type MemoryStore } from "../../test/fakes/memory-store.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import type { Activity, Desired, SessionRecord } from "../core/session.ts";
import type { SessionActivity } from "../ports/live.ts";
import { createLogReaders, type LogReaders } from "../sessions/log-readers.ts";
import { startWeaver, type Weaver } from "./weaver.ts";

const silent = { info() {}, warn() {}, error() {} };

export class WeaverWorld {
  readonly store: MemoryStore = createMemoryStore();
  readonly clock: MovedClock = createMovedClock();
  readonly hive: FakeHive = createFakeHive({ id: this.store.hiveId, now: this.clock.now });
  readonly limits = { maxSessions: 64, memoryFloorBytes: 1 << 30 };
  /** When each session last wrote; undefined while the clock of its silence stands. */
  readonly wroteAtMs = new Map<string, number | undefined>();
  readonly logReaders: LogReaders = createLogReaders();
  readonly #listeners = new Set<(sessionId: string, activity: Activity) => void>();
  weaver: Weaver = this.#start();

  #start(): Weaver {
    const activity: SessionActivity = {
      of: () => "idle",
      quietMs: (sessionId) => {
        const wroteAtMs = this.wroteAtMs.get(sessionId);
        const startedAtMs = this.store.session(sessionId)?.observed.startedAtMs ?? 0;
        return wroteAtMs === undefined ? undefined : this.clock.now() - Math.max(wroteAtMs, startedAtMs);
      },
      onChange: (listener) => {
        this.#listeners.add(listener);
        return { dispose: () => void this.#listeners.delete(listener) };
      },
    };
    const { store, hive, clock } = this;
    return startWeaver({
      store,
      hive,
      clock,
      log: silent,
      activity,
      logReaders: this.logReaders,
      limits: () => this.limits,
    });
  }

  tellActivity(sessionId: string, activity: Activity): void {
    for (const listener of this.#listeners) listener(sessionId, activity);
  }

  /** The supervisor dies and another takes its place: what is in the store and in the world is all there is. */
  async restartSupervisor(downMs = 0): Promise<void> {
    this.weaver.dispose();
    this.clock.advance(downMs);
    this.weaver = this.#start();
    await this.weaver.idle();
  }

  async started(given: Parameters<typeof sessionRecord>[0] = {}): Promise<SessionRecord> {
    const record = sessionRecord({ hiveId: this.store.hiveId, createdAtMs: this.clock.now(), ...given });
    const created = this.store.createSession(record, "asked for by the user");
    await this.weaver.idle();
    return this.now(created);
  }

  now(session: SessionRecord): SessionRecord {
    const found = this.store.session(session.id);
    if (found === undefined) throw new Error(`${session.id} has been removed`);
    return found;
  }

  want(session: SessionRecord, desired: Desired): void {
    this.store.changeSession(session.id, this.now(session).revision, { desired });
  }

  /** Lets so much time pass, in steps in which ticks can follow timers. */
  async pass(totalMs: number, stepMs = 50): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, totalMs - passed));
      await this.weaver.idle();
    }
  }

  async crash(session: SessionRecord, code = 1): Promise<void> {
    this.hive.exit(session.id, { code, signal: null });
    await this.weaver.idle();
  }

  phases(session: SessionRecord): readonly string[] {
    return this.store.transitions(session.id).map(({ to }) => to);
  }

  /** How many of its main processes live. */
  living(session: SessionRecord): number {
    return this.hive.processesOf(session.id).filter(({ alive }) => alive).length;
  }
}
