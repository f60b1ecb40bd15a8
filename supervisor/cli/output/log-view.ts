/** One session's log on its way to the screen: records are read into entries, filtered, and handed to the printer. */
import type { StreamRecord } from "../../../schemas/segment.ts";
import type { LogPrinter, LogSource } from "./log-printer.ts";
import { describeDropped, type LogEntry, LogReader, logRecord } from "./log-reader.ts";

/** A line that has not ended after this time is a prompt: it is shown as it stands. */
const PROMPT_AFTER_MS = 100;

export interface LogViewOptions {
  readonly raw: boolean;
  readonly json: boolean;
  /** Entries whose text it matches. */
  readonly pattern: RegExp | undefined;
  now(): number;
}

export class LogView {
  readonly source: LogSource;
  readonly #options: LogViewOptions;
  readonly #reader: LogReader;
  #promptTimer: NodeJS.Timeout | undefined;

  constructor(source: LogSource, options: LogViewOptions) {
    this.source = source;
    this.#options = options;
    this.#reader = new LogReader({ keepRaw: options.raw });
  }

  /** The entries that the records complete. */
  read(attempt: number, records: readonly StreamRecord[]): LogEntry[] {
    if (this.#options.raw && this.#options.json) return records.map((record) => logRecord(attempt, record));
    return this.#reader.read(attempt, records).filter((entry) => this.#isWanted(entry.text));
  }

  dropped(attempt: number, bytes: number): LogEntry[] {
    const note = {
      type: "note",
      kind: "dropped",
      timeMs: this.#options.now(),
      attempt,
      text: describeDropped(bytes),
    } as const;
    return [...this.flush(), note];
  }

  flush(): LogEntry[] {
    this.#stopPrompt();
    return this.#reader.flush().filter((entry) => this.#isWanted(entry.text));
  }

  /** Shows what there is of the line under way, if nothing more of it comes soon. */
  showPromptSoon(printer: LogPrinter): void {
    this.#stopPrompt();
    const pending = this.#reader.pending();
    if (pending === undefined || pending.kind === "stdin" || !this.#isWanted(pending.text)) return;
    this.#promptTimer = setTimeout(() => {
      // A reader that is gone is told at the next line.
      printer.printPending(this.source, pending.text).catch(() => {});
    }, PROMPT_AFTER_MS);
  }

  #stopPrompt(): void {
    clearTimeout(this.#promptTimer);
    this.#promptTimer = undefined;
  }

  #isWanted(text: string): boolean {
    return this.#options.pattern === undefined || this.#options.pattern.test(text);
  }
}
