/**
 * The screens of this hive's terminals: a model for each that says something, folded into a painting in the store once
 * it is silent, and made again when it speaks or when somebody looks. While nobody is attached a model answers what its
 * program asks the terminal; what it reads again, after a restart or behind a flood, it never answers.
 */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { hasEnded } from "../core/session.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { TerminalModes, Terminals } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import type { Attachments } from "./screen-attachments.ts";
import { ScreenReader } from "./screen-reader.ts";
import { saveScreen, storedScreen } from "./screen-store.ts";
import { ScreenTurns } from "./screen-turns.ts";
import { type EmulatorClass, loadEmulator } from "./terminal-emulator.ts";

/** A model costs some hundred KiB to 2 MiB, and a few milliseconds to fold and to make again. */
const FOLD_AFTER_SILENCE_MS = 10_000;
/**
 * The first bytes of a program go to whoever reads them before its screen is begun, and one that ends at once, as in a
 * crash loop, needs none. Whoever asks its terminal waits so long without noticing.
 */
const BEGIN_AFTER_MS = 20;
const FOLD_CHECK_MS = 5000;
/** Whoever asks its terminal gives up after a second or so, and takes a later answer for typed text. */
const ANSWER_WITHIN_MS = 3000;
/** Typing waits no longer for the newest modes. */
const MODES_PATIENCE_MS = 200;
const NO_MODES: TerminalModes = { bracketedPaste: false, applicationCursor: false };

interface Folded {
  readonly attempt: number;
  readonly offset: number;
  readonly bytes: number;
}

interface Screen {
  readonly isTerminal: boolean;
  /** The latest attempt that was asked for. */
  attempt: number;
  reader?: ScreenReader;
  opening?: Promise<ScreenReader | undefined>;
  /** It has spoken, and its reader is soon to be made. */
  beginning?: Disposable;
  folded?: Folded;
  /** Queries up to then have been answered; what is read again of them is not. */
  answeredMs: number;
}

export interface ScreensUsage {
  readonly live: number;
  readonly folded: number;
  readonly foldedBytes: number;
}

export interface ScreenParts {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
  readonly attachments: Attachments;
}

export class Screens implements Terminals, Disposable {
  readonly #parts: ScreenParts;
  readonly #turns: ScreenTurns;
  readonly #screens = new Map<string, Screen>();
  readonly #beganMs: number;
  readonly #sources: readonly Disposable[];
  #emulator: EmulatorClass | undefined;
  #foldTimer: Disposable | undefined;
  #disposed = false;

  constructor(parts: ScreenParts) {
    this.#parts = parts;
    this.#turns = new ScreenTurns(parts.clock);
    this.#beganMs = parts.clock.now();
    this.#sources = [
      parts.hive.onActivity((streams) => {
        for (const { key } of streams) if (key.process === "main") this.#heard(key.sessionId, key.attempt);
      }),
      parts.store.onChange(({ sessionId }) => {
        if (sessionId !== undefined && this.#screens.has(sessionId)) this.#forgetIfGone(sessionId);
      }),
    ];
  }

  /** The model of this attempt or of a newer one, come to the stream's present end, or as far as it came in that time. */
  async current(sessionId: string, attempt: number, patienceMs: number): Promise<Result<ScreenReader>> {
    const screen = this.#of(sessionId);
    // A newer start may have been heard of meanwhile.
    const newest = Math.max(attempt, screen.attempt);
    const reader = screen.isTerminal ? await this.#open(sessionId, screen, newest) : undefined;
    await reader?.caughtUp(patienceMs);
    if (reader !== undefined && screen.reader === reader) return ok(reader);
    return failed(fault("failed", "the screen cannot be read: its log is gone or another start has begun"));
  }

  async modes(sessionId: string): Promise<TerminalModes> {
    const attempt = this.#parts.store.session(sessionId)?.observed.attempt ?? 0;
    const current = await this.current(sessionId, attempt, MODES_PATIENCE_MS);
    if (!current.ok) return NO_MODES;
    const { bracketedPaste, applicationCursor } = current.value.model;
    return { bracketedPaste, applicationCursor };
  }

  usage(): ScreensUsage {
    let live = 0;
    let folded = 0;
    let foldedBytes = 0;
    for (const screen of this.#screens.values()) {
      if (screen.reader !== undefined) live += 1;
      else if (screen.folded !== undefined) {
        folded += 1;
        foldedBytes += screen.folded.bytes;
      }
    }
    return { live, folded, foldedBytes };
  }

  /** What the next supervisor would have to read again is saved. */
  dispose(): void {
    for (const source of this.#sources) source.dispose();
    this.#foldTimer?.dispose();
    for (const screen of this.#screens.values()) {
      screen.beginning?.dispose();
      this.#fold(screen);
    }
    this.#disposed = true;
    this.#turns.dispose();
    this.#screens.clear();
  }

  #heard(sessionId: string, attempt: number): void {
    const screen = this.#of(sessionId);
    const isRead = screen.reader !== undefined && screen.attempt >= attempt;
    if (!screen.isTerminal || isRead || screen.beginning !== undefined) return;
    screen.beginning = this.#parts.clock.after(BEGIN_AFTER_MS, () => {
      delete screen.beginning;
      const { phase } = this.#parts.store.session(sessionId)?.observed ?? { phase: "STOPPED" as const };
      if (hasEnded(phase) || phase === "BACKOFF") return;
      this.#open(sessionId, screen, attempt).catch((error: unknown) => {
        this.#parts.log.error("a screen cannot be followed", { sessionId, error: String(error) });
      });
    });
  }

  #of(sessionId: string): Screen {
    const known = this.#screens.get(sessionId);
    if (known !== undefined) return known;
    const isTerminal = this.#parts.store.session(sessionId)?.spec.stdio === "terminal";
    const made: Screen = { isTerminal, attempt: 0, answeredMs: 0 };
    this.#screens.set(sessionId, made);
    return made;
  }

  #open(sessionId: string, screen: Screen, attempt: number): Promise<ScreenReader | undefined> {
    if (screen.attempt === attempt && screen.reader !== undefined) return Promise.resolve(screen.reader);
    if (screen.attempt === attempt && screen.opening !== undefined) return screen.opening;
    screen.attempt = attempt;
    const opening = this.#make(sessionId, screen, attempt).finally(() => {
      if (screen.opening === opening) delete screen.opening;
    });
    screen.opening = opening;
    return opening;
  }

  async #make(sessionId: string, screen: Screen, attempt: number): Promise<ScreenReader | undefined> {
    this.#emulator ??= await loadEmulator();
    const from = await storedScreen(this.#parts, sessionId, attempt);
    if (this.#disposed || screen.attempt !== attempt || this.#screens.get(sessionId) !== screen) return undefined;
    screen.reader?.dispose();
    const answeredMs = screen.answeredMs;
    const reader: ScreenReader = new ScreenReader({
      streams: this.#parts.hive.streams,
      clock: this.#parts.clock,
      turns: this.#turns,
      emulator: this.#emulator,
      key: { sessionId, process: "main", attempt },
      from,
      onReply: (text) => {
        if (reader.recordMs > answeredMs) this.#answer(sessionId, screen, reader, text);
      },
      onEnd: () => {
        if (screen.reader === reader) delete screen.reader;
      },
    });
    screen.reader = reader;
    this.#watchSilence();
    return reader;
  }

  #answer(sessionId: string, screen: Screen, { key, recordMs }: ScreenReader, text: string): void {
    const isFresh = recordMs >= this.#beganMs && this.#parts.clock.now() - recordMs <= ANSWER_WITHIN_MS;
    if (!isFresh || this.#parts.attachments.answersQueries(sessionId)) return;
    screen.answeredMs = recordMs;
    // A program that has ended since asks no more.
    void this.#parts.hive.processes.input(key, Buffer.from(text));
  }

  #forgetIfGone(sessionId: string): void {
    if (this.#parts.store.session(sessionId) !== undefined) return;
    const screen = this.#screens.get(sessionId);
    screen?.beginning?.dispose();
    screen?.reader?.dispose();
    this.#screens.delete(sessionId);
  }

  #watchSilence(): void {
    this.#foldTimer ??= this.#parts.clock.after(FOLD_CHECK_MS, () => {
      this.#foldTimer = undefined;
      let live = 0;
      for (const screen of this.#screens.values()) {
        if (screen.reader === undefined) continue;
        if (screen.reader.silentMs() >= FOLD_AFTER_SILENCE_MS) this.#fold(screen);
        else live += 1;
      }
      if (live > 0) this.#watchSilence();
    });
  }

  #fold(screen: Screen): void {
    const { reader } = screen;
    if (reader === undefined) return;
    const { offset, key } = reader;
    if (screen.folded?.attempt !== key.attempt || screen.folded.offset !== offset) {
      screen.folded = { attempt: key.attempt, offset, bytes: saveScreen(this.#parts, reader) };
    }
    delete screen.reader;
    reader.dispose();
  }
}
