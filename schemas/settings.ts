/** The user's settings file, <home>/settings.json: every default that is settable. One schema, one file. */
import * as z from "zod";

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
  colony: z.string().min(1).max(64).default("default").describe("colony of sessions that name none"),
  logLevel: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("what the supervisor writes to its own log"),
});
export type Settings = z.infer<typeof settingsSchema>;
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly (keyof Settings)[];
