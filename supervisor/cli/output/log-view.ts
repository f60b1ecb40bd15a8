/** One session's log on its way to the screen: records are read into entries, filtered, and handed to the printer. */
import type { StreamRecord } from "../../../schemas/segment.ts";
import type { LogPrinter, LogSource } from "./log-printer.ts";
import { describeDropped, type LogEntry, type LogLine, type LogNote, LogReader, logRecord } from "./log-reader.ts";

/** A line that has not ended after this time is a prompt: it is shown as it stands. */
const PROMPT_AFTER_MS = 100;

export interface LogViewOptions {
  readonly raw: boolean;
  readonly json: boolean;
  /** Entries whose text it matches. */
  readonly pattern: RegExp | undefined;
  /** What happened alone: the lines of a full-screen program say nothing. */
  readonly notesOnly: boolean;
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
    return this.#reader.read(attempt, records).filter((entry) => this.#isWanted(entry));
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
    return this.#reader.flush().filter((entry) => this.#isWanted(entry));
  }

  /** Shows what there is of the line under way, if nothing more of it comes soon. */
  showPromptSoon(printer: LogPrinter): void {
    this.#stopPrompt();
    const pending = this.#reader.pending();
    if (pending === undefined || pending.kind === "stdin" || !this.#isWanted({ ...pending, type: "line" })) return;
    this.#promptTimer = setTimeout(() => {
      // A reader that is gone is told at the next line.
      printer.printPending(this.source, pending.text).catch(() => {});
    }, PROMPT_AFTER_MS);
  }

  #stopPrompt(): void {
    clearTimeout(this.#promptTimer);
    this.#promptTimer = undefined;
  }

  #isWanted({ type, text }: Pick<LogLine | LogNote, "type" | "text">): boolean {
    if (this.#options.notesOnly && type === "line") return false;
    return this.#options.pattern === undefined || this.#options.pattern.test(text);
  }
}
