/**
 * Keeps one terminal's model up with its stream, as a reader of its own that falls behind alone. Too far behind it
 * leaves out what nobody will see: reads on near the end, and of what lies between takes what is still in force there.
 */
import { RECORD_HEADER_BYTES, RecordKind, type StreamKey, type StreamRecord } from "../../schemas/segment.ts";
import type { ScreenSnapshot } from "../core/session.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disposable, StreamSubscription, Streams } from "../ports/hive.ts";
import { extentOf, RecordQueue, sizeOf } from "./screen-records.ts";
import type { ScreenTurns, Worker } from "./screen-turns.ts";
import type { EmulatorClass, TerminalSize } from "./terminal-emulator.ts";
import { LastingModes } from "./terminal-lasting.ts";
import { TerminalModel, type TerminalText } from "./terminal-model.ts";

/** So far behind it is not worth drawing what was: some hundred screens. */
const SKIP_BEYOND_BYTES = 2 << 20;
/** Read before the end after a skip: more than any program needs to draw its screen, or 1000 lines of scrollback. */
const READ_AFTER_SKIP_BYTES = 1 << 20;
/** What the hive may send ahead. Without a screen's share of the processor it waits there, and then in the files. */
const CREDIT_BYTES = 1 << 20;
/** Some 2 ms of an emulator, or of looking for modes in what is skipped. */
const FED_IN_A_SLICE = 64 << 10;
const SKIPPED_IN_A_SLICE = 1 << 20;
/** A record so old says that it may be far behind: then, and at most so often, the stream's end is asked for. */
const BEHIND_MS = 2000;
/** The host says the size before all output; this one stands for streams whose beginning is gone. */
const DEFAULT_SIZE: TerminalSize = { columns: 120, rows: 30 };

export interface ScreenSource {
  readonly streams: Streams;
  readonly clock: Clock;
  readonly turns: ScreenTurns;
  readonly emulator: EmulatorClass;
  readonly key: StreamKey;
  /** What it goes on from; undefined: the beginning of the stream. */
  readonly from: ScreenSnapshot | undefined;
  /** The program asked its terminal something, in the record that is being drawn. */
  readonly onReply: (text: string) => void;
  /** The stream cannot be followed any further. */
  readonly onEnd: () => void;
}

export class ScreenReader implements Worker, Disposable {
  readonly key: StreamKey;
  readonly #source: ScreenSource;
  #model: TerminalModel | undefined;
  #offset: number;
  #recordMs = 0;
  #lastWorkMs: number;
  readonly #records = new RecordQueue();
  #subscription: StreamSubscription | undefined;
  #skip: { readonly until: number; readonly lasting: LastingModes } | undefined;
  #askedEndMs = Number.NEGATIVE_INFINITY;
  readonly #waiting = new Set<{ readonly offset: number; readonly done: () => void }>();

  constructor(source: ScreenSource) {
    this.#source = source;
    this.key = source.key;
    this.#offset = source.from?.offset ?? 0;
    this.#lastWorkMs = source.clock.awakeMs();
    this.#subscription = source.streams.follow(source.key, this.#offset, CREDIT_BYTES, {
      onData: (part) => {
        this.#records.add(part);
        source.turns.want(this);
      },
      onDropped: (offset) => this.#missed(offset),
      onEnd: () => {
        this.dispose();
        source.onEnd();
      },
    });
  }

  get isUrgent(): boolean {
    return this.#waiting.size > 0;
  }

  /** Behind the last record that the model has seen. */
  get offset(): number {
    return this.#offset;
  }

  /** Time of the last record that the model has seen, ms since 1970; 0 before any. */
  get recordMs(): number {
    return this.#recordMs;
  }

  /** Nothing has come for so long, and all that came is drawn. */
  silentMs(): number {
    return !this.#records.isEmpty || this.isUrgent ? 0 : this.#source.clock.awakeMs() - this.#lastWorkMs;
  }

  get model(): TerminalModel {
    const { emulator, from, onReply } = this.#source;
    this.#model ??= new TerminalModel(emulator, from ?? DEFAULT_SIZE, onReply);
    return this.#model;
  }

  snapshot(): ScreenSnapshot {
    return { attempt: this.key.attempt, offset: this.#offset, ...this.model.paint() };
  }

  text(options: { readonly scrollback: boolean }): TerminalText {
    return this.model.text(options);
  }

  /** Resolves once it has come to the present end of the stream, or after `patienceMs`. */
  async caughtUp(patienceMs: number): Promise<void> {
    this.#lastWorkMs = this.#source.clock.awakeMs();
    const endOffset = await this.#measure();
    if (endOffset === undefined || this.#offset >= endOffset || this.#subscription === undefined) return;
    await new Promise<void>((resolve) => {
      const waiter = { offset: endOffset, done };
      const timer = this.#source.clock.after(patienceMs, done);
      const waiting = this.#waiting;
      waiting.add(waiter);
      if (!this.#records.isEmpty) this.#source.turns.want(this);
      function done(): void {
        timer.dispose();
        waiting.delete(waiter);
        resolve();
      }
    });
  }

  slice(): boolean {
    let left = FED_IN_A_SLICE;
    while (left > 0) {
      const record = this.#records.take();
      if (record === undefined) break;
      left -= this.#draw(record);
    }
    const credit = this.#records.takeCredit();
    if (credit > 0) this.#subscription?.credit(credit);
    this.#lastWorkMs = this.#source.clock.awakeMs();
    if (this.#source.clock.now() - this.#recordMs > BEHIND_MS) this.#suspectBehind();
    for (const { offset, done } of this.#waiting) if (this.#offset >= offset) done();
    return !this.#records.isEmpty;
  }

  dispose(): void {
    this.#subscription?.dispose();
    this.#subscription = undefined;
    this.#source.turns.leave(this);
    this.#records.clear();
    this.#model?.dispose();
    this.#model = undefined;
    for (const { done } of this.#waiting) done();
  }

  /** Records before `offset` are no longer kept. What came before is drawn first. */
  #missed(offset: number): void {
    for (let record = this.#records.take(); record !== undefined; record = this.#records.take()) this.#draw(record);
    this.model.breakOff();
    this.#offset = offset;
  }

  /** What of a slice's share it has used up. */
  #draw(record: StreamRecord): number {
    const { kind, payload, offset } = record;
    this.#offset = offset + RECORD_HEADER_BYTES + payload.length;
    this.#recordMs = record.timeMs;
    if (this.#skip !== undefined && offset >= this.#skip.until) {
      this.model.skip(this.#skip.lasting);
      this.#skip = undefined;
    }
    if (kind === RecordKind.resize) this.model.resize(sizeOf(record));
    else if (kind === RecordKind.gap) this.model.breakOff();
    else if (kind === RecordKind.terminal) {
      if (this.#skip !== undefined) {
        this.#skip.lasting.look(payload);
        return payload.length * (FED_IN_A_SLICE / SKIPPED_IN_A_SLICE);
      }
      this.model.feed(payload);
    }
    return payload.length;
  }

  #suspectBehind(): void {
    if (this.#source.clock.awakeMs() - this.#askedEndMs > BEHIND_MS) void this.#measure();
  }

  /** Asks for the stream's end, and skips when that is far away. Undefined: it is there. */
  async #measure(): Promise<number | undefined> {
    this.#askedEndMs = this.#source.clock.awakeMs();
    // Mostly nothing is behind it; where a stream ends costs reading a segment of it.
    const rest = await this.#source.streams.read(this.key, this.#offset, 1);
    if (rest.ok && rest.value.bytes.length === 0) return undefined;
    const extent = await extentOf(this.#source.streams, this.key);
    if (extent === undefined) return undefined;
    if (extent.endOffset - this.#offset > SKIP_BEYOND_BYTES) {
      const until = extent.endOffset - READ_AFTER_SKIP_BYTES;
      this.#skip = { until, lasting: this.#skip?.lasting ?? new LastingModes() };
    }
    return extent.endOffset;
  }
}
