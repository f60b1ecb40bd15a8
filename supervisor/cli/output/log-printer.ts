/** Prints the entries of logs: plain, tagged, with times, raw or as JSON. One for a command; its sources share it. */
import { clockTime } from "../../../schemas/text/time.ts";
import type { Output } from "../context.ts";
import type { LogEntry, LogLine, LogNote } from "./log-reader.ts";

export interface LogSource {
  readonly name: string;
  readonly process: string;
}

export interface LogPrinterOptions {
  /** Each line begins with its session's name. */
  readonly tagged: boolean;
  readonly timestamps: boolean;
  readonly raw: boolean;
  readonly json: boolean;
}

/** To the line's beginning, and erase it. */
const TAKE_BACK = "\r\x1b[K";
const TAG_COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94] as const;

export class LogPrinter {
  readonly #out: Output;
  readonly #options: LogPrinterOptions;
  /** A line that is shown without its end, so that a prompt can be seen: whose it is, and what of it is shown. */
  #open: { readonly source: LogSource; readonly text: string } | undefined;

  constructor(out: Output, options: LogPrinterOptions) {
    this.#out = out;
    this.#options = options;
  }

  async print(source: LogSource, entries: readonly LogEntry[]): Promise<void> {
    let text = "";
    for (const entry of entries) text += this.#text(source, entry);
    if (text !== "") await this.#out.write(text);
  }

  /** Shows what there is of a line that waits for its end. In JSON and with times a line is shown once, whole. */
  async printPending(source: LogSource, text: string): Promise<void> {
    if (this.#options.json || this.#options.timestamps) return;
    const shown = this.#openText(source);
    // What was overwritten can be taken back on a terminal alone.
    if (shown === text || (shown !== undefined && !text.startsWith(shown) && !this.#out.isTerminal)) return;
    const written =
      this.#continue(source, text) ?? `${this.#closeOpen(source)}${this.#prefix(source, undefined)}${text}`;
    this.#open = { source, text };
    await this.#out.write(written);
  }

  /** Ends a line that is shown without its end. */
  async finish(): Promise<void> {
    const end = this.#closeOpen();
    if (end !== "") await this.#out.write(end);
  }

  #text(source: LogSource, entry: LogEntry): string {
    if (this.#options.json) return jsonLine(source, entry);
    switch (entry.type) {
      case "line":
        return this.#line(source, entry);
      case "note":
        return this.#options.raw ? "" : this.#note(source, entry);
      case "record":
        return ""; // Bytes without their line: they are for JSON.
    }
  }

  #note(source: LogSource, entry: LogNote): string {
    const note = `-- overmind: ${entry.text} (${clockTime(entry.timeMs)})`;
    return `${this.#closeOpen()}${this.#prefix(source, entry.timeMs)}${this.#out.style.dim(note)}\n`;
  }

  #line(source: LogSource, entry: LogLine): string {
    const text = this.#options.raw ? (entry.raw ?? entry.text) : entry.text;
    // Input on pipes is in the log for programs that replay it; a reader looks for output.
    if (entry.kind === "stdin") return "";
    const continued = this.#continue(source, text);
    if (continued !== undefined) {
      this.#open = undefined;
      return `${continued}\n`;
    }
    return `${this.#closeOpen(source)}${this.#prefix(source, entry.timeMs)}${text}\n`;
  }

  /** What is missing after the part of this line that is shown; undefined when it does not begin so. */
  #continue(source: LogSource, text: string): string | undefined {
    const open = this.#openText(source);
    return open !== undefined && text.startsWith(open) ? text.slice(open.length) : undefined;
  }

  #openText(source: LogSource): string | undefined {
    return this.#open?.source === source ? this.#open.text : undefined;
  }

  /** What to write so that the next text stands alone; on a terminal it may replace what is shown of the same line. */
  #closeOpen(replacedBy?: LogSource): string {
    if (this.#open === undefined) return "";
    const isReplaced = this.#open.source === replacedBy && this.#out.isTerminal;
    this.#open = undefined;
    return isReplaced ? TAKE_BACK : "\n";
  }

  #prefix(source: LogSource, timeMs: number | undefined): string {
    const { style } = this.#out;
    const time =
      this.#options.timestamps && timeMs !== undefined ? `${style.dim(new Date(timeMs).toISOString())} ` : "";
    return time + (this.#options.tagged ? `${this.#tag(source.name)} | ` : "");
  }

  #tag(name: string): string {
    if (!this.#out.colour) return name;
    let hash = 0;
    for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
    return `\x1b[${TAG_COLOURS[hash % TAG_COLOURS.length] ?? TAG_COLOURS[0]}m${name}\x1b[39m`;
  }
}

function jsonLine(source: LogSource, entry: LogEntry): string {
  const { kind, attempt, timeMs } = entry;
  const what = entry.type === "record" ? { offset: entry.offset, base64: entry.base64 } : { text: entry.text };
  const time = new Date(timeMs).toISOString();
  return `${JSON.stringify({ time, session: source.name, process: source.process, attempt, kind, ...what })}\n`;
}
