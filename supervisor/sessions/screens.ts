/**
 * The screens of this hive's terminals: a model for each that says something, folded into a painting in the store once
 * it is silent, and made again when it speaks or when somebody looks. While nobody is attached a model answers what its
 * program asks the terminal.
 */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive } from "../ports/hive.ts";
import type { TerminalModes, Terminals } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import { QueryAnswers } from "./screen-answers.ts";
import type { Attachments } from "./screen-attachments.ts";
import type { ScreenReader } from "./screen-reader.ts";
import { ScreenTurns } from "./screen-turns.ts";
import { modesOf, SessionScreen, type SharedByScreens } from "./session-screen.ts";

/** A model costs some hundred KiB to 2 MiB, and a few milliseconds to fold and to make again. */
const FOLD_AFTER_SILENCE_MS = 10_000;
const FOLD_CHECK_MS = 5000;
/** Typing waits no longer for the newest modes. */
const MODES_PATIENCE_MS = 200;
const NO_MODES: TerminalModes = { bracketedPaste: false, applicationCursor: false };

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
  readonly #shared: SharedByScreens;
  /** Undefined: the session has no terminal. */
  readonly #screens = new Map<string, SessionScreen | undefined>();
  readonly #sources: readonly Disposable[];
  #foldTimer: Disposable | undefined;

  constructor(parts: ScreenParts) {
    this.#parts = parts;
    const turns = new ScreenTurns(parts.clock);
    this.#shared = { ...parts, turns, answers: new QueryAnswers(parts), onLive: () => this.#watchSilence() };
    this.#sources = [
      parts.hive.onActivity((streams) => {
        for (const { key, lastOutputMs } of streams) {
          if (key.process === "main") this.#of(key.sessionId)?.heard(key.attempt, lastOutputMs);
        }
      }),
      parts.store.onChange(({ sessionId }) => {
        if (sessionId !== undefined && this.#screens.has(sessionId)) this.#forgetIfGone(sessionId);
      }),
    ];
  }

  /** The model of this attempt or of a newer one, come to the stream's present end, or as far as it came in that time. */
  async current(sessionId: string, attempt: number, patienceMs: number): Promise<Result<ScreenReader>> {
    const screen = attempt > 0 ? this.#of(sessionId) : undefined;
    const reader = await screen?.open(attempt);
    await reader?.caughtUp(patienceMs);
    if (reader !== undefined && screen?.reader === reader) return ok(reader);
    return failed(
      fault("failed", "the screen cannot be read: its log is gone, or another start has begun", {
        retryable: true,
        hint: "try again",
      }),
    );
  }

  async modes(sessionId: string): Promise<TerminalModes> {
    const attempt = this.#parts.store.session(sessionId)?.observed.attempt ?? 0;
    const known = this.#screens.get(sessionId)?.knownModes(attempt);
    if (known !== undefined) return known;
    const current = await this.current(sessionId, attempt, MODES_PATIENCE_MS);
    return current.ok ? modesOf(current.value) : NO_MODES;
  }

  usage(): ScreensUsage {
    const screens = [...this.#screens.values()];
    const folded = screens.flatMap((screen) => screen?.folded ?? []);
    return {
      live: screens.filter((screen) => screen?.reader !== undefined).length,
      folded: folded.length,
      foldedBytes: folded.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** What the next supervisor would have to read again is saved. */
  dispose(): void {
    for (const source of this.#sources) source.dispose();
    this.#foldTimer?.dispose();
    for (const screen of this.#screens.values()) {
      screen?.fold();
      screen?.dispose();
    }
    this.#shared.turns.dispose();
    this.#screens.clear();
  }

  #of(sessionId: string): SessionScreen | undefined {
    if (this.#screens.has(sessionId)) return this.#screens.get(sessionId);
    const session = this.#parts.store.session(sessionId);
    if (session === undefined) return undefined;
    const screen = session.spec.stdio === "terminal" ? new SessionScreen(this.#shared, sessionId) : undefined;
    this.#screens.set(sessionId, screen);
    return screen;
  }

  #forgetIfGone(sessionId: string): void {
    if (this.#parts.store.session(sessionId) !== undefined) return;
    this.#screens.get(sessionId)?.dispose();
    this.#screens.delete(sessionId);
    this.#shared.answers.forget(sessionId);
  }

  /** One timer for all, armed only while one is live. */
  #watchSilence(): void {
    this.#foldTimer ??= this.#parts.clock.after(FOLD_CHECK_MS, () => {
      this.#foldTimer = undefined;
      let isAnyLive = false;
      for (const screen of this.#screens.values()) {
        if ((screen?.reader?.silentMs() ?? 0) >= FOLD_AFTER_SILENCE_MS) screen?.fold();
        if (screen?.reader !== undefined) isAnyLive = true;
      }
      if (isAnyLive) this.#watchSilence();
    });
  }
}
