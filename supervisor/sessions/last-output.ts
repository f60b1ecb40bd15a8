/** What a session printed last, as text: since the last message to it, else since its start. */
import { ok, type Result } from "../../schemas/fault.ts";
import { type MarkerPayload, parseRecords, RecordKind, type StreamRecord } from "../../schemas/segment.ts";
import { TerminalText } from "../../schemas/text/terminal-text.ts";
import type { StreamExtent, Streams } from "../ports/hive.ts";
import { BATCH_BYTES } from "./log-reading.ts";

/** A few screens of a terminal are an answer; who wants more reads the log. */
export const MOST_RESULT_CHARACTERS = 64 << 10;
/** The end of the stream that is looked at: with its escape sequences and headers, output is several times its text. */
const LOOKED_AT_BYTES = 1 << 20;
/** Asked for first, and so many times more while that is too little. */
const FEWEST_LINES = 1024;
const MORE_LINES = 8;

export interface LastOutput {
  readonly text: string;
  /** Its beginning is left out. */
  readonly truncated: boolean;
}

export async function lastOutput(streams: Streams, extent: StreamExtent): Promise<Result<LastOutput>> {
  const { key, endOffset } = extent;
  const place = await placeNearEnd(streams, extent);
  if (!place.ok) return place;
  const collected = new CollectedText(place.value > 0);
  let next = place.value;
  while (next < endOffset) {
    const part = await streams.read(key, next, Math.min(BATCH_BYTES, endOffset - next));
    if (!part.ok) return part;
    const { offset, bytes } = part.value;
    if (bytes.length === 0) break; // Dropped while it was read.
    if (offset > next) collected.forget();
    collected.read(parseRecords(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset).records);
    next = offset + bytes.length;
  }
  return ok(collected.result());
}

/** Where a record begins behind which all that is looked at lies: near the end of a long stream. */
async function placeNearEnd(streams: Streams, extent: StreamExtent): Promise<Result<number>> {
  const { key, firstOffset, endOffset } = extent;
  if (endOffset - firstOffset <= LOOKED_AT_BYTES) return ok(firstOffset);
  for (let lines = FEWEST_LINES; ; lines *= MORE_LINES) {
    const offset = await streams.offsetOfLastLines(key, lines);
    if (!offset.ok) return offset;
    const isEnough = endOffset - offset.value >= LOOKED_AT_BYTES || lines > MOST_RESULT_CHARACTERS;
    if (isEnough || offset.value <= firstOffset) return ok(Math.max(offset.value, firstOffset));
  }
}

/** Collects lines of all that is printed, in the order of their ends; of more than is asked for the last. */
class CollectedText {
  #lines: string[] = [];
  #characters = 0;
  #truncated: boolean;
  #kinds = new Map<number, TextOfKind>();

  constructor(truncated: boolean) {
    this.#truncated = truncated;
  }

  /** Something before this is no longer kept. */
  forget(): void {
    this.#truncated = true;
  }

  read(records: readonly StreamRecord[]): void {
    for (const record of records) {
      if (OUTPUT_KINDS.has(record.kind)) this.#write(record);
      else if (isMessage(record)) this.#beginAnew();
    }
  }

  result(): LastOutput {
    for (const kind of this.#kinds.values()) kind.text.flush((line) => this.#add(line, ""));
    const text = this.#lines.join("");
    const kept = text.length > MOST_RESULT_CHARACTERS ? wholeCharacters(text.slice(-MOST_RESULT_CHARACTERS)) : text;
    return { text: kept, truncated: this.#truncated || kept.length < text.length };
  }

  /** What follows is the answer to a message. */
  #beginAnew(): void {
    this.#lines = [];
    this.#characters = 0;
    this.#truncated = false;
    this.#kinds.clear();
  }

  #write({ kind, payload, timeMs }: StreamRecord): void {
    const known = this.#kinds.get(kind) ?? new TextOfKind();
    this.#kinds.set(kind, known);
    known.text.write(known.decoder.decode(payload, { stream: true }), timeMs, (line) => this.#add(line, "\n"));
  }

  #add(line: string, end: string): void {
    this.#lines.push(line + end);
    this.#characters += line.length + end.length;
    if (this.#characters <= 2 * MOST_RESULT_CHARACTERS) return;
    // Cut now and then, not with each line.
    const kept = this.#lines.join("").slice(-MOST_RESULT_CHARACTERS);
    this.#lines = [kept];
    this.#characters = kept.length;
    this.#truncated = true;
  }
}

/** stdout and stderr are streams of their own, each with its own half characters. */
class TextOfKind {
  readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly text = new TerminalText();
}

const OUTPUT_KINDS: ReadonlySet<number> = new Set([RecordKind.terminal, RecordKind.stdout, RecordKind.stderr]);

function isMessage(record: StreamRecord): boolean {
  if (record.kind !== RecordKind.marker) return false;
  try {
    return (JSON.parse(Buffer.from(record.payload).toString("utf8")) as MarkerPayload).marker === "message";
  } catch {
    return false; // Not what we wrote: it marks nothing.
  }
}

/** Without the second half of a character at its beginning. */
function wholeCharacters(text: string): string {
  return /^[\udc00-\udfff]/.test(text) ? text.slice(1) : text;
}
