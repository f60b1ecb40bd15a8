/** One session's screen: read while it says something, folded into a painting while it is silent. */
import { hasEnded } from "../core/session.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { TerminalModes } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import type { QueryAnswers } from "./screen-answers.ts";
import { ScreenReader } from "./screen-reader.ts";
import { saveScreen, storedScreen } from "./screen-store.ts";
import type { ScreenTurns } from "./screen-turns.ts";
import { loadEmulator } from "./terminal-emulator.ts";

/**
 * The first bytes of a program go to whoever reads them before its screen is begun, and one that ends at once, as in a
 * crash loop, needs none. Whoever asks its terminal waits so long without noticing.
 */
const BEGIN_AFTER_MS = 20;

export interface SharedByScreens {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
  readonly turns: ScreenTurns;
  readonly answers: QueryAnswers;
  /** A reader has been made. */
  readonly onLive: () => void;
}

export interface FoldedScreen {
  readonly attempt: number;
  readonly offset: number;
  /** Of the painting in the store; 0 when the stream is read again instead. */
  readonly bytes: number;
  /** Time of the last record that is in it, ms since 1970. */
  readonly recordMs: number;
  readonly modes: TerminalModes;
}

export class SessionScreen implements Disposable {
  readonly #shared: SharedByScreens;
  readonly #sessionId: string;
  /** The latest that was asked for. */
  #attempt = 0;
  #reader: ScreenReader | undefined;
  #opening: Promise<ScreenReader | undefined> | undefined;
  #beginning: Disposable | undefined;
  #folded: FoldedScreen | undefined;
  /** When it last wrote, as far as the hive has told. */
  #wroteMs = 0;
  #disposed = false;

  constructor(shared: SharedByScreens, sessionId: string) {
    this.#shared = shared;
    this.#sessionId = sessionId;
  }

  get reader(): ScreenReader | undefined {
    return this.#reader;
  }

  get folded(): FoldedScreen | undefined {
    return this.#reader === undefined ? this.#folded : undefined;
  }

  /** The program says something: soon its screen is read. */
  heard(attempt: number, wroteMs: number): void {
    this.#wroteMs = Math.max(this.#wroteMs, wroteMs);
    const isRead = this.#reader !== undefined && this.#attempt >= attempt;
    if (isRead || this.#beginning !== undefined) return;
    const { clock, store, log } = this.#shared;
    this.#beginning = clock.after(BEGIN_AFTER_MS, () => {
      this.#beginning = undefined;
      const session = store.session(this.#sessionId);
      if (session === undefined || hasEnded(session.observed.phase) || session.observed.phase === "BACKOFF") return;
      this.open(attempt).catch((error: unknown) => {
        log.error("a screen cannot be followed", { sessionId: this.#sessionId, error: String(error) });
      });
    });
  }

  /** What is known without reading anything; undefined when it has written since. */
  knownModes(attempt: number): TerminalModes | undefined {
    const reader = this.#reader;
    if (reader !== undefined) {
      const isCurrent = reader.key.attempt === attempt && reader.silentMs() > 0 && reader.recordMs >= this.#wroteMs;
      return isCurrent ? modesOf(reader) : undefined;
    }
    const folded = this.#folded;
    return folded?.attempt === attempt && folded.recordMs >= this.#wroteMs ? folded.modes : undefined;
  }

  /** The reader of this attempt, or of a newer one that has been heard of; undefined when a still newer one is begun. */
  open(asked: number): Promise<ScreenReader | undefined> {
    const attempt = Math.max(asked, this.#attempt);
    if (this.#attempt === attempt && this.#reader !== undefined) return Promise.resolve(this.#reader);
    if (this.#attempt === attempt && this.#opening !== undefined) return this.#opening;
    this.#attempt = attempt;
    const opening = this.#make(attempt).finally(() => {
      if (this.#opening === opening) this.#opening = undefined;
    });
    this.#opening = opening;
    return opening;
  }

  fold(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const { offset, key } = reader;
    if (this.#folded?.attempt !== key.attempt || this.#folded.offset !== offset) {
      const bytes = saveScreen(this.#shared, reader);
      this.#folded = { attempt: key.attempt, offset, bytes, recordMs: reader.recordMs, modes: modesOf(reader) };
    }
    this.#reader = undefined;
    reader.dispose();
  }

  dispose(): void {
    this.#disposed = true;
    this.#beginning?.dispose();
    this.#reader?.dispose();
    this.#reader = undefined;
  }

  async #make(attempt: number): Promise<ScreenReader | undefined> {
    const { hive, clock, turns, answers, onLive } = this.#shared;
    const emulator = await loadEmulator();
    const from = await storedScreen(this.#shared, this.#sessionId, attempt);
    if (this.#disposed || this.#attempt !== attempt) return undefined;
    this.#reader?.dispose();
    const answer = answers.forReader(this.#sessionId);
    const reader: ScreenReader = new ScreenReader({
      streams: hive.streams,
      clock,
      turns,
      emulator,
      key: { sessionId: this.#sessionId, process: "main", attempt },
      from,
      onReply: (text) => answer(reader, text),
      onEnd: () => {
        if (this.#reader === reader) this.#reader = undefined;
      },
    });
    this.#reader = reader;
    onLive();
    return reader;
  }
}

export function modesOf({ model }: ScreenReader): TerminalModes {
  const { bracketedPaste, applicationCursor } = model;
  return { bracketedPaste, applicationCursor };
}
