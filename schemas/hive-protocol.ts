/**
 * What Cortex and a hive (one machine) say to each other. Locally both live in one process and pass these values over
 * an in-memory pair; over a connection each message is a frame (frame.ts), terminal bytes raw behind its JSON.
 * Cortex asks, the hive answers each request once; the hive also tells of itself unasked.
 */
import * as z from "zod";
import type { Fault } from "./fault.ts";
import type { HostedProcess } from "./host-protocol.ts";

export const HIVE_PROTOCOL_VERSION = 1;

const sessionId = z.string().min(1).max(64);
const key = z.object({ sessionId, process: z.string().min(1).max(200), attempt: z.number().int().min(1) });
const size = z.object({ columns: z.number().int().min(1), rows: z.number().int().min(1) });
const identity = z.object({ pid: z.number().int().min(1), startTime: z.string() });
const offset = z.number().int().min(0);
const strings = z.record(z.string(), z.string());
const workspace = z.object({
  kind: z.enum(["worktree", "scratch"]),
  project: z.string(),
  path: z.string(),
  cwd: z.string(),
  gitDirectory: z.string(),
  branch: z.string(),
  base: z.string(),
  changes: z.object({ staged: z.string(), whole: z.string() }).optional(),
  made: z.boolean(),
});

/** Parameters by method, in the words of ports/hive.ts. The results are those of the port. */
export const hiveMethods = {
  "process/start": z.object({
    spec: z.object({
      key,
      argv: z.array(z.string()).min(1),
      cwd: z.string(),
      environment: strings,
      stdio: z.enum(["terminal", "pipes"]),
      size,
    }),
  }),
  "process/observe": z.object({ key }),
  "process/acknowledge-exit": z.object({ key }),
  /** The bytes are those behind the frame. */
  "process/input": z.object({ key }),
  /** The bytes of the steps are those behind the frame. */
  "process/deliver": z.object({
    key,
    messageId: z.string().min(1).max(200),
    marker: z.object({ id: z.string(), marker: z.literal("message"), text: z.string() }),
    steps: z.array(z.object({ bytes: z.number().int().min(0), pauseMs: z.number().min(0) })).min(1),
  }),
  "process/close-input": z.object({ key }),
  "process/resize": z.object({ key, size }),
  "process/signal": z.object({ key, signal: z.string() }),
  "process/append-marker": z.object({
    key,
    marker: z.object({ id: z.string(), marker: z.enum(["transition", "message"]), text: z.string() }),
  }),
  "process/append-gap": z.object({
    key,
    gap: z.object({ bytes: z.number().nullable(), reason: z.enum(["disk-full", "host-lost"]) }),
  }),
  "process/forget-session": z.object({ sessionId }),
  "tree/signal": z.object({ sessionId, main: identity.optional(), signal: z.string() }),
  "tree/members": z.object({ sessionId, main: identity.optional() }),
  "tree/usage": z.object({ sessions: z.array(z.object({ sessionId, main: identity })), io: z.boolean() }),
  "machine/memory": z.object({}),
  "machine/login-environment": z.object({}),
  "workspace/plan": z.object({
    sessionId,
    sessionName: z.string(),
    folder: z.string(),
    scratch: z.boolean(),
    withChanges: z.boolean(),
  }),
  "workspace/prepare": z.object({ sessionId, workspace }),
  "workspace/unsaved-work": z.object({ workspace }),
  "workspace/remove": z.object({ sessionId, workspace, force: z.boolean() }),
  "stream/list": z.object({ sessionId, only: key.omit({ sessionId: true }).optional() }),
  /** Answered with the bytes behind the frame. */
  "stream/read": z.object({ key, fromOffset: offset, maxBytes: z.number().int().min(1) }),
  "stream/offset-of-last-lines": z.object({ key, lines: z.number().int().min(0) }),
  "stream/offset-of-time": z.object({ key, timeMs: z.number() }),
} as const;
export type HiveMethod = keyof typeof hiveMethods;

/** From Cortex, without an answer. */
export const hiveCommands = {
  "stream/follow": z.object({
    subscription: z.number().int(),
    key,
    fromOffset: offset,
    creditBytes: z.number().int().min(1),
  }),
  "stream/credit": z.object({ subscription: z.number().int(), bytes: z.number().int().min(1) }),
  "stream/unfollow": z.object({ subscription: z.number().int() }),
} as const;
export type HiveCommand = keyof typeof hiveCommands;

/** One message of either side; `bytes` travel beside it. */
export type CortexToHive =
  | { readonly type: "hello"; readonly protocol: number }
  | { readonly type: "request"; readonly id: number; readonly method: string; readonly params: unknown }
  | { readonly type: "command"; readonly method: string; readonly params: unknown };

export type HiveToCortex =
  | { readonly type: "hello"; readonly protocol: number; readonly hiveId: string }
  | { readonly type: "reply"; readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly type: "reply"; readonly id: number; readonly ok: false; readonly fault: Fault }
  /** With bytes: whole records. */
  | { readonly type: "stream-data"; readonly subscription: number; readonly offset: number }
  | { readonly type: "stream-dropped"; readonly subscription: number; readonly offset: number }
  | { readonly type: "stream-end"; readonly subscription: number }
  | { readonly type: "exit"; readonly process: HostedProcess }
  | {
      readonly type: "activity";
      readonly activity: readonly { readonly key: HostedProcess["key"]; readonly lastOutputMs: number }[];
    }
  | { readonly type: "host"; readonly hostId: string };

/** A two-way way for messages, in order, without loss until it closes. */
export interface HiveChannel<Out, In> {
  send(message: Out, bytes?: Uint8Array): void;
  onMessage(listener: (message: In, bytes: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  close(): void;
}

export const NO_BYTES: Uint8Array = new Uint8Array(0);
