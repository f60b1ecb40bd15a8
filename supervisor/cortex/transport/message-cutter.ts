/**
 * Cuts what a client sends into message bodies: Content-Length headers, then so many bytes. It holds the header so far,
 * or the body so far and never more than the header declared and the bound allows, however small the pieces come.
 */
import { MAX_HEADER_BYTES, MAX_REQUEST_BYTES } from "../../../schemas/protocol-version.ts";

/** The first message is `hello`, which is short: until a client has said it, it is not listened to for longer. */
export const MAX_HELLO_BYTES = 16 << 10;
/** A body is gathered in a buffer that doubles from here: a client that only declares a length is given none. */
const FIRST_BODY_BYTES = 4096;

const END_OF_HEADERS = Buffer.from("\r\n\r\n");
/** A name of RFC 9110's token characters, a value without control characters. */
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*)$/;
const CONTENT_LENGTH = /^(0|[1-9][0-9]{0,9})$/;
const CONTENT_TYPE = /^application\/vscode-jsonrpc(?:;[ \t]*charset=(?:utf-8|utf8))?$/i;

/** What was sent is no message, and nothing that follows can be told from its rest: the connection is to be closed. */
export class UnreadableError extends Error {}

export class MessageCutter {
  #rest: Buffer = Buffer.alloc(0);
  #body: Buffer | undefined;
  #bodyLength = 0;
  #filled = 0;
  #first = true;

  /** Takes what has come. Every `next` must be asked until it has none before more is taken. */
  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** The next whole body, or undefined when more has to come. Throws UnreadableError. */
  next(): Buffer | undefined {
    if (this.#body === undefined && !this.#readHeaders()) return undefined;
    return this.#readBody();
  }

  #readHeaders(): boolean {
    const end = this.#rest.indexOf(END_OF_HEADERS);
    if (end > MAX_HEADER_BYTES || (end < 0 && this.#rest.length > MAX_HEADER_BYTES)) {
      throw new UnreadableError(`the headers are longer than ${MAX_HEADER_BYTES} bytes`);
    }
    if (end < 0) return false;
    const length = contentLength(this.#rest.toString("latin1", 0, end));
    const most = this.#first ? MAX_HELLO_BYTES : MAX_REQUEST_BYTES;
    if (length > most) {
      throw new UnreadableError(
        `a message of ${length} bytes is longer than ${most}${this.#first ? ", before hello" : ""}`,
      );
    }
    this.#first = false;
    this.#rest = this.#rest.subarray(end + END_OF_HEADERS.length);
    this.#bodyLength = length;
    this.#filled = 0;
    this.#body = Buffer.alloc(0);
    return true;
  }

  #readBody(): Buffer | undefined {
    const missing = this.#bodyLength - this.#filled;
    if (this.#filled === 0 && this.#rest.length >= missing) return this.#take(this.#cut(missing));
    this.#gather(this.#cut(missing));
    return this.#filled === this.#bodyLength ? this.#take(this.#body?.subarray(0, this.#filled)) : undefined;
  }

  #cut(most: number): Buffer {
    const part = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(part.length);
    return part;
  }

  #gather(part: Buffer): void {
    const before = this.#body ?? Buffer.alloc(0);
    const needed = this.#filled + part.length;
    if (needed > before.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(this.#bodyLength, Math.max(needed, before.length * 2, FIRST_BODY_BYTES)),
      );
      before.copy(larger, 0, 0, this.#filled);
      this.#body = larger;
    }
    part.copy(this.#body ?? before, this.#filled);
    this.#filled = needed;
  }

  #take(body: Buffer | undefined): Buffer | undefined {
    this.#body = undefined;
    return body;
  }
}

/** Two headers are known and each may come once; another that is well formed is passed over. */
function contentLength(headers: string): number {
  const values = new Map<string, string>();
  for (const line of headers.split("\r\n")) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new UnreadableError("a header line is no header");
    const known = name.toLowerCase();
    if (values.has(known)) throw new UnreadableError("a header is there twice");
    values.set(known, value.trimEnd());
  }
  const type = values.get("content-type");
  if (type !== undefined && !CONTENT_TYPE.test(type))
    throw new UnreadableError("requests are application/vscode-jsonrpc in UTF-8");
  const length = values.get("content-length");
  if (length === undefined || !CONTENT_LENGTH.test(length)) {
    throw new UnreadableError("the header Content-Length must be there, a whole number of bytes");
  }
  return Number(length);
}
