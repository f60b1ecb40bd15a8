/** The user's settings file, <home>/settings.json: every default that is settable. One schema, one file. */
import * as z from "zod";
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from "./detach-keys.ts";

const bytes = z
  .number()
  .int()
  .min(1 << 20)
  .max(2 ** 42);

export const settingsSchema = z.strictObject({
  graceMs: z
    .number()
    .int()
    .min(0)
    .max(3_600_000)
    .default(10_000)
    .describe("time between SIGTERM and SIGKILL when a session is stopped"),
  sessionLogBytes: bytes.default(64 << 20).describe("log kept for one session; older segments are dropped"),
  totalLogBytes: bytes.default(4 * 2 ** 30).describe("log kept for all sessions together; oldest first"),
  terminalColumns: z
    .number()
    .int()
    .min(1)
    .max(2000)
    .default(120)
    .describe("width of a terminal that nobody is attached to"),
  terminalRows: z
    .number()
    .int()
    .min(1)
    .max(2000)
    .default(30)
    .describe("height of a terminal that nobody is attached to"),
  maxSessions: z
    .number()
    .int()
    .min(1)
    .max(10_000)
    .default(64)
    .describe("sessions that run at once; one more waits for a place"),
  memoryFloorBytes: z
    .number()
    .int()
    .min(0)
    .max(2 ** 50)
    .default(512 << 20)
    .describe("no session is started while less memory than this is free"),
  maxDepth: z.number().int().min(0).max(32).default(4).describe("how deep sessions may start sessions of their own"),
  maxChildren: z.number().int().min(0).max(1000).default(32).describe("living children that one session may have"),
  detachKeys: z
    .string()
    .min(1)
    .max(100)
    .superRefine((keys, context) => {
      const parsed = parseDetachKeys(keys);
      if (!parsed.ok) context.addIssue(`${parsed.fault.message}: ${parsed.fault.hint ?? ""}`);
    })
    .default(DEFAULT_DETACH_KEYS)
    .describe("keys that detach from a session, separated by commas"),
  colony: z.string().min(1).max(64).default("default").describe("colony of sessions that name none"),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("what the supervisor writes to its own log"),
});
export type Settings = z.infer<typeof settingsSchema>;
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly (keyof Settings)[];
