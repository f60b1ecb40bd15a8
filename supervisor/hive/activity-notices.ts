/**
 * When streams last had output, for whoever tells idle from working. The host tells it of streams that it does not
 * send; of those that it sends, it is seen here, from the headers of the latest batch alone, four times a second.
 */
import { OFFSET_NOTICE_INTERVAL_MS } from "../../schemas/host-protocol.ts";
import { RECORD_HEADER_BYTES, RecordKind, type StreamKey } from "../../schemas/segment.ts";
import type { Disposable } from "../ports/hive.ts";

type StreamActivity = { readonly key: StreamKey; readonly lastOutputMs: number };

interface Pending {
  readonly key: StreamKey;
  /** Not looked into yet. */
  batch: Buffer | undefined;
}

export class ActivityNotices implements Disposable {
  readonly #tell: (activity: readonly StreamActivity[]) => void;
  readonly #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (activity: readonly StreamActivity[]) => void) {
    this.#tell = tell;
  }

  /** The host's own notice: it has bounded how often. */
  grew(streams: readonly StreamActivity[]): void {
    const told = streams.filter(({ lastOutputMs }) => lastOutputMs > 0);
    if (told.length > 0) this.#tell(told.map(({ key, lastOutputMs }) => ({ key, lastOutputMs })));
  }

  /** A batch of records on their way to a reader. The first after a silence is told at once. */
  sent(id: string, key: StreamKey, batch: Buffer): void {
    const pending = this.#pending.get(id);
    if (pending !== undefined) {
      pending.batch = batch;
      return;
    }
    this.#pending.set(id, { key, batch: undefined });
    this.#timer ??= setInterval(() => this.#beat(), OFFSET_NOTICE_INTERVAL_MS);
    const lastOutputMs = lastOutputIn(batch);
    if (lastOutputMs > 0) this.#tell([{ key, lastOutputMs }]);
  }

  dispose(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#pending.clear();
  }

  #beat(): void {
    const told: StreamActivity[] = [];
    for (const [id, pending] of this.#pending) {
      if (pending.batch === undefined) this.#pending.delete(id);
      else {
        const lastOutputMs = lastOutputIn(pending.batch);
        if (lastOutputMs > 0) told.push({ key: pending.key, lastOutputMs });
        pending.batch = undefined;
      }
    }
    if (told.length > 0) this.#tell(told);
    if (this.#pending.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Time of the last record of the program's own output among whole records, or 0. */
function lastOutputIn(records: Buffer): number {
  let lastOutputMs = 0;
  for (let at = 0; at + RECORD_HEADER_BYTES <= records.length; ) {
    const kind = records[at];
    if (kind === RecordKind.terminal || kind === RecordKind.stdout || kind === RecordKind.stderr) {
      lastOutputMs = records.readDoubleLE(at + 8);
    }
    at += RECORD_HEADER_BYTES + records.readUInt32LE(at + 4);
  }
  return lastOutputMs;
}
