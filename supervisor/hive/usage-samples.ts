/** Rates from counts that only grow: what each session has used since the sample before. */
import { availableParallelism } from "node:os";
import type { TreeUsage } from "../core/session.ts";
import type { ProcessEntry, ProcessIo } from "./os/process-table.ts";

/** The system counts CPU in steps of 10 ms: over less time than this a share would be noise, so the last one stands. */
const SHORTEST_SAMPLE_MS = 200;
/** A session that nobody has asked about for so long has no sample any more. */
const SAMPLE_LIFE_MS = 10 * 60_000;

type IoRates = Pick<TreeUsage, "readBytesPerSecond" | "writtenBytesPerSecond">;

interface CpuSample {
  readonly atMs: number;
  readonly cpu: number;
  /** CPU seconds by process. */
  readonly spent: ReadonlyMap<string, number>;
}

interface IoSample {
  readonly atMs: number;
  readonly total: ProcessIo;
  readonly rates: IoRates;
}

export class UsageSamples {
  readonly #cpu = new Map<string, CpuSample>();
  readonly #io = new Map<string, IoSample>();

  forget(sessionId: string): void {
    this.#cpu.delete(sessionId);
    this.#io.delete(sessionId);
  }

  forgetOld(nowMs: number): void {
    for (const samples of [this.#cpu, this.#io]) {
      for (const [id, { atMs }] of samples) if (nowMs - atMs > SAMPLE_LIFE_MS) samples.delete(id);
    }
  }

  /** Share of CPU since the last sample, 1 for a whole core; 0 for the first. */
  cpu(sessionId: string, entries: readonly ProcessEntry[], nowMs: number): number {
    const before = this.#cpu.get(sessionId);
    const elapsedMs = nowMs - (before?.atMs ?? nowMs);
    if (before !== undefined && elapsedMs < SHORTEST_SAMPLE_MS) return before.cpu;
    let seconds = 0;
    if (before !== undefined) {
      // Who is new since the last sample has spent all of its time since then.
      for (const entry of entries) seconds += Math.max(0, entry.cpuSeconds - (before.spent.get(nameOf(entry)) ?? 0));
    }
    const cpu = elapsedMs === 0 ? 0 : Math.min(availableParallelism(), (seconds * 1000) / elapsedMs);
    const spent = new Map(entries.map((entry) => [nameOf(entry), entry.cpuSeconds]));
    this.#cpu.set(sessionId, { atMs: nowMs, cpu, spent });
    return cpu;
  }

  /**
   * Bytes a second since the last sample of this kind; nothing for the first. The sums are compared, not process with
   * process: what a child has moved goes over to its parent when it ends, and would be counted twice.
   */
  io(sessionId: string, counts: readonly (ProcessIo | undefined)[], nowMs: number): IoRates {
    const known = counts.filter((one) => one !== undefined);
    if (known.length === 0) return {};
    const before = this.#io.get(sessionId);
    const elapsedMs = nowMs - (before?.atMs ?? nowMs);
    if (before !== undefined && elapsedMs < SHORTEST_SAMPLE_MS) return before.rates;
    const total = {
      readBytes: known.reduce((sum, one) => sum + one.readBytes, 0),
      writtenBytes: known.reduce((sum, one) => sum + one.writtenBytes, 0),
    };
    // Whoever ends and is waited for by a stranger takes its counts along: the sums may shrink.
    const perSecond = (now: number, then: number) => (Math.max(0, now - then) * 1000) / elapsedMs;
    const rates =
      before === undefined
        ? {}
        : {
            readBytesPerSecond: perSecond(total.readBytes, before.total.readBytes),
            writtenBytesPerSecond: perSecond(total.writtenBytes, before.total.writtenBytes),
          };
    this.#io.set(sessionId, { atMs: nowMs, total, rates });
    return rates;
  }
}

function nameOf({ pid, startTime }: ProcessEntry): string {
  return `${pid} ${startTime}`;
}
