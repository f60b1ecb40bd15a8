/** Records of a session's streams -> lines and notes. Pure: the same records give the same entries, however they come. */
import { type GapPayload, type MarkerPayload, RecordKind, type StreamRecord } from "../../../schemas/segment.ts";
import { formatBytes } from "../../../schemas/text/bytes.ts";
import { plain } from "../../../schemas/text/plain.ts";
import { TerminalText } from "../../../schemas/text/terminal-text.ts";

export type OutputKind = "terminal" | "stdout" | "stderr" | "stdin";

export interface LogLine {
  readonly type: "line";
  readonly timeMs: number;
  readonly attempt: number;
  readonly kind: OutputKind;
  /** Plain, without its end. */
  readonly text: string;
  /** As the program wrote it, without its line feed; only for a reader that keeps it. */
  readonly raw?: string;
}

/** Something that happened, in its place between the lines. */
export interface LogNote {
  readonly type: "note";
  readonly timeMs: number;
  readonly attempt: number;
  readonly kind: "marker" | "gap" | "dropped";
  readonly text: string;
}

/** A record as it is, for programs. */
export interface LogRecord {
  readonly type: "record";
  readonly timeMs: number;
  readonly attempt: number;
  readonly kind: string;
  readonly offset: number;
  readonly base64: string;
}

export type LogEntry = LogLine | LogNote | LogRecord;

const OUTPUT_KINDS: Readonly<Record<number, OutputKind>> = {
  [RecordKind.terminal]: "terminal",
  [RecordKind.stdout]: "stdout",
  [RecordKind.stderr]: "stderr",
  [RecordKind.stdin]: "stdin",
};
/** A raw line without an end is given out in pieces of so many characters. */
const LONGEST_RAW_LINE = 1 << 20;

/** A gap record, in words. */
export function gapText(record: StreamRecord): string {
  const gap = payloadOf<GapPayload>(record);
  return gap === undefined ? "some output may be missing here" : describeGap(gap);
}

function describeGap(gap: GapPayload): string {
  const how = gap.reason === "disk-full" ? "the disk was full" : "the process host died";
  return gap.bytes === null
    ? `${how}: some output may be missing here`
    : `${how}: ${formatBytes(gap.bytes)} of output are missing here`;
}

export function describeDropped(bytes: number): string {
  return `${formatBytes(bytes)} of older output are no longer kept`;
}

const KIND_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RecordKind).map(([name, kind]) => [kind, name]));

export function logRecord(attempt: number, record: StreamRecord): LogRecord {
  return {
    type: "record",
    timeMs: record.timeMs,
    attempt,
    kind: KIND_NAMES.get(record.kind) ?? String(record.kind),
    offset: record.offset,
    base64: Buffer.from(record.payload).toString("base64"),
  };
}

export class LogReader {
  readonly #keepRaw: boolean;
  readonly #lines = new Map<OutputKind, LineOfKind>();
  #attempt = 0;

  constructor(options: { readonly keepRaw: boolean }) {
    this.#keepRaw = options.keepRaw;
  }

  read(attempt: number, records: readonly StreamRecord[]): (LogLine | LogNote)[] {
    const entries: (LogLine | LogNote)[] = attempt === this.#attempt ? [] : this.flush();
    this.#attempt = attempt;
    for (const record of records) this.#readRecord(record, entries);
    return entries;
  }

  /** The lines that have no end yet, as they stand. */
  flush(): (LogLine | LogNote)[] {
    const entries: (LogLine | LogNote)[] = [];
    for (const [kind, line] of this.#lines) line.flush((found) => entries.push(this.#line(kind, found)));
    this.#lines.clear();
    return entries;
  }

  /** What to show of a line that waits for its end, such as a prompt. */
  pending(): { readonly kind: OutputKind; readonly text: string } | undefined {
    for (const [kind, line] of this.#lines) if (line.pending !== "") return { kind, text: line.pending };
    return undefined;
  }

  #readRecord(record: StreamRecord, entries: (LogLine | LogNote)[]): void {
    const kind = OUTPUT_KINDS[record.kind];
    if (kind !== undefined) {
      let line = this.#lines.get(kind);
      if (line === undefined) {
        line = new LineOfKind(this.#keepRaw);
        this.#lines.set(kind, line);
      }
      line.write(record.payload, record.timeMs, (found) => entries.push(this.#line(kind, found)));
    } else if (record.kind === RecordKind.exit) {
      // Whatever the main process began to write is done; what follows tells of its end.
      entries.push(...this.flush());
    } else if (record.kind === RecordKind.marker) {
      const marker = payloadOf<MarkerPayload>(record);
      if (marker !== undefined) entries.push(this.#note(record, "marker", plain(marker.text)));
    } else if (record.kind === RecordKind.gap) {
      entries.push(...this.flush(), this.#note(record, "gap", gapText(record)));
    }
  }

  #line(kind: OutputKind, { text, raw, timeMs }: FoundLine): LogLine {
    return { type: "line", timeMs, attempt: this.#attempt, kind, text, ...(raw === undefined ? {} : { raw }) };
  }

  #note(record: StreamRecord, kind: LogNote["kind"], text: string): LogNote {
    return { type: "note", timeMs: record.timeMs, attempt: this.#attempt, kind, text };
  }
}

interface FoundLine {
  readonly text: string;
  readonly raw: string | undefined;
  readonly timeMs: number;
}

/** The line under way of one kind: stdout and stderr are streams of their own, each with its own half characters. */
class LineOfKind {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #keepRaw: boolean;
  readonly #text = new TerminalText();
  #raw = "";
  #rawBeganMs: number | undefined;

  constructor(keepRaw: boolean) {
    this.#keepRaw = keepRaw;
  }

  get pending(): string {
    return this.#keepRaw ? this.#raw : this.#text.pending;
  }

  write(bytes: Uint8Array, timeMs: number, onLine: (line: FoundLine) => void): void {
    this.#add(this.#decoder.decode(bytes, { stream: true }), timeMs, onLine);
  }

  flush(onLine: (line: FoundLine) => void): void {
    this.#add(this.#decoder.decode(), 0, onLine);
    if (this.#keepRaw && this.#raw !== "") this.#endRaw(0, onLine);
    if (!this.#keepRaw) this.#text.flush((text, timeMs) => onLine({ text, raw: undefined, timeMs }));
  }

  #add(text: string, timeMs: number, onLine: (line: FoundLine) => void): void {
    if (!this.#keepRaw) {
      this.#text.write(text, timeMs, (line, beganMs) => onLine({ text: line, raw: undefined, timeMs: beganMs }));
      return;
    }
    let from = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
      this.#extendRaw(text.slice(from, end), timeMs, onLine);
      this.#endRaw(timeMs, onLine);
      from = end + 1;
    }
    this.#extendRaw(text.slice(from), timeMs, onLine);
  }

  #extendRaw(text: string, timeMs: number, onLine: (line: FoundLine) => void): void {
    this.#raw += text;
    if (this.#raw === "") return;
    this.#rawBeganMs ??= timeMs;
    while (this.#raw.length > LONGEST_RAW_LINE) {
      const rest = this.#raw.slice(LONGEST_RAW_LINE);
      this.#raw = this.#raw.slice(0, LONGEST_RAW_LINE);
      this.#endRaw(timeMs, onLine);
      [this.#raw, this.#rawBeganMs] = [rest, timeMs];
    }
  }

  #endRaw(timeMs: number, onLine: (line: FoundLine) => void): void {
    const raw = this.#raw;
    let text = "";
    const plainText = new TerminalText();
    plainText.write(`${raw}\n`, 0, (line) => {
      text += line;
    });
    onLine({ text, raw, timeMs: this.#rawBeganMs ?? timeMs });
    this.#raw = "";
    this.#rawBeganMs = undefined;
  }
}

/** Markers and gaps are ours, but a file on disk can hold anything. */
function payloadOf<T>(record: StreamRecord): T | undefined {
  try {
    return JSON.parse(Buffer.from(record.payload).toString("utf8")) as T;
  } catch {
    return undefined; // Not what we wrote: it has nothing to say in a listing.
  }
}
