/** From a body to a JSON-RPC message that vscode-jsonrpc may be given: it trusts ids, params and shapes blindly. */
import { isUtf8 } from "node:buffer";
import { ErrorCodes, type NotificationMessage, type RequestMessage } from "vscode-jsonrpc/node";
import { MAX_NESTING } from "../../../schemas/protocol-version.ts";

/** An id is echoed and kept while its request is under way. */
const LONGEST_ID = 100;
const LONGEST_METHOD = 100;

/** The method of a notification that cancels a request. */
export const CANCELLATION = "$/cancelRequest";

export type Parsed =
  | { readonly kind: "request"; readonly message: RequestMessage; readonly id: number | string }
  | { readonly kind: "notification"; readonly message: NotificationMessage }
  | { readonly kind: "cancellation"; readonly message: NotificationMessage; readonly id: number | string }
  /** A response, though nothing was asked. */
  | { readonly kind: "ignored" }
  | { readonly kind: "refused"; readonly code: number; readonly why: string; readonly id: number | string | null };

export function parseMessage(body: Buffer): Parsed {
  if (nestsTooDeep(body)) return refused(ErrorCodes.InvalidRequest, `it is nested deeper than ${MAX_NESTING}`);
  if (!isUtf8(body)) return refused(ErrorCodes.ParseError, "it is not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return refused(ErrorCodes.ParseError, "it is not JSON"); // The engine's own words would echo what was sent.
  }
  return classify(value);
}

function classify(value: unknown): Parsed {
  if (Array.isArray(value))
    return refused(ErrorCodes.InvalidRequest, "batches are not served: send one message at a time");
  if (!isObject(value)) return refused(ErrorCodes.InvalidRequest, "a message is an object");
  const id = "id" in value ? value.id : undefined;
  const known = isId(id) ? id : null;
  if (value.jsonrpc !== "2.0") return refused(ErrorCodes.InvalidRequest, 'jsonrpc must be "2.0"', known);
  const { method, params } = value;
  if (method === undefined && ("result" in value || "error" in value)) return { kind: "ignored" };
  if (typeof method !== "string" || method === "" || method.length > LONGEST_METHOD) {
    return refused(ErrorCodes.InvalidRequest, `method must be a string of 1 to ${LONGEST_METHOD} characters`, known);
  }
  if (params !== undefined && !isObject(params))
    return refused(ErrorCodes.InvalidRequest, "params must be an object", known);
  const rest = params === undefined ? {} : { params };
  if (id === undefined) {
    const message = { jsonrpc: "2.0", method, ...rest };
    if (method !== CANCELLATION) return { kind: "notification", message };
    const cancelled = params?.id;
    if (!isId(cancelled)) return refused(ErrorCodes.InvalidRequest, "a cancellation names an id");
    return { kind: "cancellation", message, id: cancelled };
  }
  if (known === null) {
    return refused(
      ErrorCodes.InvalidRequest,
      `id must be a whole number or a string of at most ${LONGEST_ID} characters`,
    );
  }
  return { kind: "request", message: { jsonrpc: "2.0", id: known, method, ...rest }, id: known };
}

function refused(code: number, why: string, id: number | string | null = null): Parsed {
  return { kind: "refused", code, why, id };
}

function isId(value: unknown): value is number | string {
  return typeof value === "string" ? value.length <= LONGEST_ID : Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Looked for in the bytes, before anything that recurses sees them. In UTF-8 no part of a longer character is ASCII. */
export function nestsTooDeep(body: Uint8Array): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < body.length; at += 1) {
    const byte = body[at];
    if (inString) {
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE) inString = false;
      continue;
    }
    if (byte === QUOTE) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > MAX_NESTING) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}
