/** Parses what a connection says, once. Additional fields are passed over: a newer controller may know more. */
import { posix, win32 } from "node:path";
import { type Fault, fault } from "../../schemas/fault.ts";
import {
  type ControllerMessage,
  type DeliveryStep,
  MAX_DELIVERY_PAUSE_MS,
  MAX_DELIVERY_STEPS,
} from "../../schemas/host-protocol.ts";
import { MAX_RECORD_BYTES, streamFolderName } from "../../schemas/segment.ts";

type Check = (value: unknown) => boolean;

/** A folder name on every system. */
const SESSION_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const MAX_FOLDER_NAME_BYTES = 240;
/** What fits the kernel's 16 bits. */
const MAX_COLUMNS = 0xffff;
/** Leaves a marker's JSON room in a record. */
const MAX_TEXT = MAX_RECORD_BYTES / 8;

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const text: Check = (value) => typeof value === "string" && value.length <= MAX_TEXT;
/** Goes to the system, whose strings end at a NUL. */
const systemText: Check = (value) => typeof value === "string" && !value.includes("\0");
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const either =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value));

function object(fields: Readonly<Record<string, Check>>): Check {
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    const given = value as Readonly<Record<string, unknown>>;
    return Object.entries(fields).every(([name, check]) => check(given[name]));
  };
}

const sessionId: Check = (value) => typeof value === "string" && SESSION_ID.test(value);
const key: Check = (value) =>
  object({ sessionId, process: text, attempt: (attempt) => count(attempt) && attempt !== 0 })(value) &&
  isFolderName(value as { process: string; attempt: number });
const length: Check = (value) => count(value) && value !== 0 && (value as number) <= MAX_COLUMNS;
const size = object({ columns: length, rows: length });
const argv: Check = (value) => Array.isArray(value) && value.length > 0 && value.every(systemText) && value[0] !== "";
const cwd: Check = (value) =>
  systemText(value) && (posix.isAbsolute(value as string) || win32.isAbsolute(value as string));
const environment: Check = (value) =>
  object({})(value) &&
  Object.entries(value as object).every(([name, one]) => systemText(name) && systemText(one) && !name.includes("="));
const marker = object({ id: text, marker: oneOf("transition", "message"), text });
const pauseMs: Check = (value) => typeof value === "number" && value >= 0 && value <= MAX_DELIVERY_PAUSE_MS;
const step = object({ bytes: count, pauseMs });
const steps: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.length <= MAX_DELIVERY_STEPS && value.every(step);
const gap = object({ bytes: either(count, oneOf(null)), reason: oneOf("disk-full", "host-lost") });

const FIELDS: Readonly<Record<ControllerMessage["type"], Readonly<Record<string, Check>>>> = {
  hello: { id: count, protocol: count, oldest: count, epoch: count, version: text },
  list: { id: count },
  start: { id: count, spec: object({ key, argv, cwd, environment, stdio: oneOf("terminal", "pipes"), size }) },
  input: { id: count, key },
  deliver: { id: count, key, messageId: text, marker, steps },
  "close-input": { id: count, key },
  resize: { id: count, key, size },
  signal: { id: count, key, signal: text },
  append: {
    id: count,
    key,
    record: either(object({ kind: oneOf("marker"), payload: marker }), object({ kind: oneOf("gap"), payload: gap })),
  },
  "acknowledge-exit": { id: count, key },
  "forget-session": { id: count, sessionId },
  subscribe: { id: count, key, fromOffset: count, creditBytes: count },
  credit: { key, bytes: count },
  unsubscribe: { key },
  limits: { id: count, sessionLogBytes: count, totalLogBytes: count },
  shutdown: { id: count },
};

/** The message, or what is wrong with it. `byteCount` is that of the raw bytes behind its frame. */
export function parseControllerMessage(
  message: unknown,
  byteCount: number,
): ControllerMessage | { readonly type: "bad"; readonly fault: Fault } {
  const type = object({ type: text })(message) ? (message as { readonly type: string }).type : "";
  if (!Object.hasOwn(FIELDS, type)) return bad(`the process host knows no message of type "${type.slice(0, 40)}"`);
  const fields = FIELDS[type as ControllerMessage["type"]];
  const given = message as Readonly<Record<string, unknown>>;
  const wrong = Object.entries(fields).find(([name, check]) => !check(given[name]));
  if (wrong !== undefined) return bad(`${type}: the field ${wrong[0]} is missing or wrong`);
  const parsed = message as ControllerMessage;
  if (parsed.type === "deliver" && bytesOf(parsed.steps) !== byteCount) {
    return bad(`deliver: the steps have ${bytesOf(parsed.steps)} bytes, and ${byteCount} are behind the frame`);
  }
  return parsed;
}

/** The id that a reply needs, of any message. */
export function requestId(message: unknown): number | undefined {
  return object({ id: count })(message) ? (message as { readonly id: number }).id : undefined;
}

function bad(message: string): { readonly type: "bad"; readonly fault: Fault } {
  return { type: "bad", fault: fault("invalid-params", message) };
}

function bytesOf(given: readonly DeliveryStep[]): number {
  return given.reduce((sum, one) => sum + one.bytes, 0);
}

function isFolderName(value: { readonly process: string; readonly attempt: number }): boolean {
  try {
    return value.process !== "" && streamFolderName(value).length <= MAX_FOLDER_NAME_BYTES;
  } catch {
    return false; // Half a surrogate pair has no encoding.
  }
}
