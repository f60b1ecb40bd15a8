/** Prints the entries of logs: plain, tagged, with times, raw or as JSON. One for a command; its sources share it. */
import type { Output } from "../context.ts";
import type { LogEntry } from "./log-reader.ts";

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
    for (const entry of entries) text += this.#options.json ? jsonLine(source, entry) : this.#line(source, entry);
    if (text !== "") await this.#out.write(text);
  }

  /** Shows what there is of a line that waits for its end. Nothing is shown of it in JSON. */
  async printPending(source: LogSource, text: string): Promise<void> {
    if (this.#options.json || text === this.#openText(source)) return;
    const shown = `${this.#prefix(source, undefined)}${text}`;
    const written = this.#continue(source, text) ?? `${this.#closeOpen()}${shown}`;
    this.#open = { source, text };
    await this.#out.write(written);
  }

  /** Ends a line that is shown without its end. */
  async finish(): Promise<void> {
    const end = this.#closeOpen();
    if (end !== "") await this.#out.write(end);
  }

  #line(source: LogSource, entry: LogEntry): string {
    if (entry.type === "note") {
      if (this.#options.raw) return "";
      const note = `-- overmind: ${entry.text} (${clockTime(entry.timeMs)})`;
      return `${this.#closeOpen()}${this.#prefix(source, entry.timeMs)}${this.#out.style.dim(note)}\n`;
    }
    const text = this.#options.raw ? (entry.raw ?? entry.text) : entry.text;
    // Input on pipes is in the log for programs that replay it; a reader looks for output.
    if (entry.kind === "stdin") return "";
    const continued = this.#continue(source, text);
    if (continued !== undefined) {
      this.#open = undefined;
      return `${continued}\n`;
    }
    return `${this.#closeOpen()}${this.#prefix(source, entry.timeMs)}${text}\n`;
  }

  /** What is missing after the part of this line that is shown; undefined when it does not begin so. */
  #continue(source: LogSource, text: string): string | undefined {
    const open = this.#openText(source);
    return open !== undefined && text.startsWith(open) ? text.slice(open.length) : undefined;
  }

  #openText(source: LogSource): string | undefined {
    return this.#open?.source === source ? this.#open.text : undefined;
  }

  /** What to write so that the next line stands alone. On a terminal a line that has been overwritten is taken back. */
  #closeOpen(): string {
    if (this.#open === undefined) return "";
    this.#open = undefined;
    return "\n";
  }

  #prefix(source: LogSource, timeMs: number | undefined): string {
    const { style } = this.#out;
    const time = this.#options.timestamps && timeMs !== undefined ? `${style.dim(new Date(timeMs).toISOString())} ` : "";
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
  const { kind, text, attempt, timeMs } = entry;
  const time = new Date(timeMs).toISOString();
  return `${JSON.stringify({ time, session: source.name, process: source.process, attempt, kind, text })}\n`;
}

function clockTime(timeMs: number): string {
  const at = new Date(timeMs);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
