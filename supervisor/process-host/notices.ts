/** Tells the controller which streams have grown: the first growth after a silence at once, then each 250 ms at most. */
import { type HostMessage, OFFSET_NOTICE_INTERVAL_MS } from "../../schemas/host-protocol.ts";
import { Pulse } from "./pulse.ts";
import type { SegmentWriter } from "./segment-writer.ts";

/** How late the second notice of a stream may be, and how rarely the host wakes up for all of them. */
const SLACK_MS = 50;

export class Notices {
  readonly #tell: (message: HostMessage) => void;
  #toldAtMs = new WeakMap<SegmentWriter, number>();
  readonly #soon = new Set<SegmentWriter>();
  readonly #later = new Pulse<SegmentWriter>(SLACK_MS, (writer) => !this.#tellSoonIfDue(writer, Date.now()));

  constructor(tell: (message: HostMessage) => void) {
    this.#tell = tell;
  }

  grew(writer: SegmentWriter, nowMs: number): void {
    if (!this.#tellSoonIfDue(writer, nowMs)) this.#later.add(writer);
  }

  /** What follows is told at once: until now the stream was sent as data. */
  forget(writer: SegmentWriter): void {
    this.#toldAtMs.delete(writer);
  }

  /** For a controller that has been told nothing yet. */
  reset(): void {
    this.#toldAtMs = new WeakMap();
    this.#soon.clear();
  }

  /** What grows in one turn of the event loop is told in one frame. */
  #tellSoonIfDue(writer: SegmentWriter, nowMs: number): boolean {
    if (this.#soon.has(writer)) return true;
    const toldAtMs = this.#toldAtMs.get(writer);
    if (toldAtMs !== undefined && nowMs - toldAtMs < OFFSET_NOTICE_INTERVAL_MS) return false;
    this.#toldAtMs.set(writer, nowMs);
    if (this.#soon.size === 0) setImmediate(() => this.#tellAll());
    this.#soon.add(writer);
    return true;
  }

  #tellAll(): void {
    const streams = [...this.#soon].map(({ key, endOffset, lastOutputMs }) => ({ key, endOffset, lastOutputMs }));
    this.#soon.clear();
    if (streams.length > 0) this.#tell({ type: "offsets", streams });
  }
}
