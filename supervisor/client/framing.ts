/**
 * JSON-RPC messages with Content-Length headers, as bytes: the client's end of schemas/client-protocol.ts. By hand and
 * without a library, for every client alike: loading vscode-jsonrpc costs a command more than its whole exchange with
 * the supervisor takes. The server does use it, and test/ has the two speak to each other.
 */
import { MAX_HEADER_BYTES, OUTPUT_CONTENT_TYPE, OUTPUT_PREFIX_BYTES } from "../../schemas/protocol-version.ts";

/** Bounds what one reply can make a client hold. The largest honest one lists some thousand sessions. */
const MAX_BODY_BYTES = 64 << 20;
const HEADER_END = "\r\n\r\n";

/** Whole records of a followed log (schemas/segment.ts). */
export interface Output {
  readonly subscription: number;
  readonly attempt: number;
  /** Stream offset of the first record. */
  readonly offset: number;
  /** Perhaps a view into what was received: copy it to keep it. */
  readonly records: Buffer;
}

export type Incoming = { readonly json: unknown } | { readonly output: Output };

export function encodeMessage(message: unknown): string {
  const body = JSON.stringify(message);
  return `Content-Length: ${Buffer.byteLength(body)}${HEADER_END}${body}`;
}

/** Bytes that can be no message. The connection is of no more use. */
export class FramingError extends Error {}

interface Header {
  readonly bodyBytes: number;
  readonly isOutput: boolean;
}

/** Cuts a byte stream into messages. `next` returns undefined when it must be pushed more; throws FramingError. */
export class MessageReader {
  #chunks: Buffer[] = [];
  #length = 0;
  #header: Header | undefined;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  next(): Incoming | undefined {
    this.#header ??= this.#readHeader();
    if (this.#header === undefined || this.#length < this.#header.bodyBytes) return undefined;
    const { bodyBytes, isOutput } = this.#header;
    this.#header = undefined;
    const body = this.#take(bodyBytes);
    return isOutput ? { output: parseOutput(body) } : { json: parseJson(body) };
  }

  #readHeader(): Header | undefined {
    if (this.#length === 0) return undefined;
    let head = this.#chunks[0] ?? Buffer.alloc(0);
    let end = head.indexOf(HEADER_END);
    if (end < 0 && this.#chunks.length > 1) {
      head = this.#join();
      end = head.indexOf(HEADER_END);
    }
    if (end > MAX_HEADER_BYTES || (end < 0 && head.length > MAX_HEADER_BYTES)) {
      throw new FramingError(`no end of the header in ${MAX_HEADER_BYTES} bytes`);
    }
    if (end < 0) return undefined;
    const header = parseHeader(head.toString("latin1", 0, end));
    this.#take(end + HEADER_END.length);
    return header;
  }

  #join(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #take(count: number): Buffer {
    const first = this.#chunks[0] ?? Buffer.alloc(0);
    const whole = first.length >= count ? first : this.#join();
    this.#length -= count;
    if (whole.length === count) this.#chunks.shift();
    else this.#chunks[0] = whole.subarray(count);
    return whole.subarray(0, count);
  }
}

function parseHeader(text: string): Header {
  let bodyBytes: number | undefined;
  let isOutput = false;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (name === "content-length" && /^\d{1,15}$/.test(value)) bodyBytes = Number(value);
    else if (name === "content-type") isOutput = value === OUTPUT_CONTENT_TYPE;
  }
  if (bodyBytes === undefined) throw new FramingError("a header without Content-Length");
  if (bodyBytes > MAX_BODY_BYTES) throw new FramingError(`a message of ${bodyBytes} bytes`);
  return { bodyBytes, isOutput };
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    throw new FramingError("a message that is no JSON", { cause: error });
  }
}

function parseOutput(body: Buffer): Output {
  if (body.length < OUTPUT_PREFIX_BYTES) throw new FramingError("an output message without its prefix");
  return {
    subscription: body.readUInt32LE(0),
    attempt: body.readUInt32LE(4),
    offset: body.readDoubleLE(8),
    records: body.subarray(OUTPUT_PREFIX_BYTES),
  };
}
