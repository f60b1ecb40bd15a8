/**
 * Types into a program what its terminal answers, while nobody is attached whose terminal would. What is read again,
 * after a restart or behind a flood, is never answered: the program has long gone on, and would take it for typed text.
 */
import type { Clock } from "../ports/clock.ts";
import type { Hive } from "../ports/hive.ts";
import type { Attachments } from "./screen-attachments.ts";
import type { ScreenReader } from "./screen-reader.ts";

/** Whoever asks its terminal gives up after a second or so. */
const ANSWER_WITHIN_MS = 3000;

interface Parts {
  readonly hive: Hive;
  readonly clock: Clock;
  readonly attachments: Attachments;
}

export class QueryAnswers {
  readonly #parts: Parts;
  readonly #beganMs: number;
  /** By session: when it last asked something that was answered. */
  readonly #answeredMs = new Map<string, number>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#beganMs = parts.clock.now();
  }

  /** Answers for one reader: what an earlier one has answered it does not answer again. */
  forReader(sessionId: string): (reader: ScreenReader, text: string) => void {
    const afterMs = this.#answeredMs.get(sessionId) ?? this.#beganMs;
    return (reader, text) => {
      const { key, recordMs } = reader;
      const isFresh = recordMs > afterMs && this.#parts.clock.now() - recordMs <= ANSWER_WITHIN_MS;
      if (!isFresh || this.#parts.attachments.answersQueries(sessionId)) return;
      this.#answeredMs.set(sessionId, recordMs);
      // A program that has ended since asks no more.
      void this.#parts.hive.processes.input(key, Buffer.from(text));
    };
  }

  forget(sessionId: string): void {
    this.#answeredMs.delete(sessionId);
  }
}
