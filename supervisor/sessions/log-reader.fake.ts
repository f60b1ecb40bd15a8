/** Whoever reads a log, and the session that it reads, as a test moves them. */
import { parseRecords } from "../../schemas/segment.ts";
import { createMovedClock, type MovedClock } from "../../test/fakes/moved-clock.ts";
import { followLog } from "./log-follow.ts";
import { readLogOnce } from "./log-once.ts";
import type { FollowedState, LogReading, LogStart } from "./log-reading.ts";
import type { WrittenStreams } from "./written-streams.fake.ts";

/** Lets everything that is only waiting for its turn have it; nothing here waits for time. */
export const turns = async () => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

export const RUNNING: FollowedState = { attempt: 1, ended: false, settled: true, removing: false };
export const ENDED: FollowedState = { attempt: 1, ended: true, settled: true, removing: false };

/** A reader, and the session that it reads, as the test moves them. */
export class Reader {
  /** `1:text` for each record of output, `dropped 1@offset`, `end: reason`. */
  readonly seen: string[] = [];
  readonly offsets: { attempt: number; from: number; to: number }[] = [];
  reading: LogReading | undefined;
  state: FollowedState | undefined = RUNNING;
  saturated = false;
  readonly clock: MovedClock = createMovedClock();
  readonly errors: string[] = [];
  #listeners = new Set<() => void>();
  #drained: (() => void)[] = [];

  start(
    streams: WrittenStreams,
    from: LogStart,
    options: { follow: boolean; creditBytes?: number; process?: string },
  ): void {
    const open = options.follow ? followLog : readLogOnce;
    const { seen, offsets } = this;
    const isSaturated = () => this.saturated;
    this.reading = open({
      streams,
      clock: this.clock,
      log: { info() {}, warn() {}, error: (message) => void this.errors.push(message) },
      session: {
        id: "session",
        state: () => this.state,
        onChange: (listener) => {
          this.#listeners.add(listener);
          return { dispose: () => void this.#listeners.delete(listener) };
        },
      },
      process: options.process ?? "main",
      from,
      creditBytes: options.creditBytes ?? 1 << 20,
      sink: {
        data(attempt, offset, bytes) {
          const parsed = parseRecords(Buffer.from(bytes), offset);
          if (parsed.corrupt || parsed.consumed !== bytes.length) throw new Error("not whole records");
          for (const { payload } of parsed.records) seen.push(`${attempt}:${Buffer.from(payload).toString()}`);
          offsets.push({ attempt, from: offset, to: offset + bytes.length });
        },
        dropped: (attempt, offset) => void seen.push(`dropped ${attempt}@${offset}`),
        end: (reason) => void seen.push(`end: ${reason}`),
        get saturated() {
          return isSaturated();
        },
        drained: () => new Promise<void>((resolve) => void this.#drained.push(resolve)),
      },
    });
    this.reading.begin();
  }

  become(state: FollowedState | undefined): void {
    this.state = state;
    for (const listener of [...this.#listeners]) listener();
  }

  /** The client has read all it was sent. */
  drain(): void {
    this.saturated = false;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  get listening(): number {
    return this.#listeners.size;
  }
}
