/** What clients see of a session: the shape of `--json` and of the protocol. Times are ISO 8601 in UTC. */
import * as z from "zod";

export const phaseSchema = z.enum([
  "PENDING",
  "STARTING",
  "RUNNING",
  "STOPPING",
  "BACKOFF",
  "COMPLETED",
  "CRASHED",
  "STOPPED",
  "LOST",
]);
const activitySchema = z.enum(["working", "idle", "waiting"]);

const time = z.iso.datetime().describe("ISO 8601, UTC");

export const exitSchema = z.object({
  code: z.number().int().nullable().describe("exit code, or null when a signal ended it"),
  signal: z.string().nullable().describe("signal name such as SIGKILL, or null"),
});

const usageSchema = z.object({
  cpu: z.number().describe("share of one core since the last sample; can exceed 1"),
  memoryBytes: z.number().int().describe("resident memory of the whole tree"),
  processes: z.number().int(),
  readBytesPerSecond: z.number().nullable().describe("null unless it was asked for (top)"),
  writtenBytesPerSecond: z.number().nullable(),
  sampledAt: time,
});

export const sessionViewSchema = z.object({
  id: z.string(),
  name: z.string(),
  phase: phaseSchema,
  activity: activitySchema.nullable().describe("null unless it runs"),
  reason: z.string().describe("why it is in this phase"),
  agent: z.string(),
  argv: z.array(z.string()),
  project: z.string().describe("the folder it was started for"),
  colony: z.string(),
  labels: z.record(z.string(), z.string()),
  parentId: z.string().nullable(),
  hiveId: z.string(),
  attempt: z.number().int().describe("counts starts from 1; 0 before the first"),
  restarts: z.number().int().describe("restarts by its policy so far"),
  restart: z.object({
    policy: z.enum(["never", "on-failure", "always"]),
    maxRestarts: z.number().int(),
    windowMs: z.number().nullable().describe("null: counted since it was last healthy"),
    backoffMs: z.number(),
    counted: z.number().int().describe("restarts that count against maxRestarts now"),
  }),
  nextStartAt: time.nullable().describe("in BACKOFF: when the next start is due"),
  activityTimeoutMs: z.number().nullable(),
  priority: z.number().int(),
  queuedMessages: z.number().int().describe("messages that are not delivered yet"),
  attached: z.number().int().describe("people attached to its terminal"),
  pid: z.number().int().nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  exit: exitSchema.nullable(),
  workspace: z.object({
    kind: z.enum(["worktree", "scratch"]),
    path: z.string(),
    cwd: z.string(),
    branch: z.string(),
    base: z.string().describe("commit that the branch starts from; empty for a scratch repository"),
  }),
  environmentNames: z.array(z.string()).describe("names only: values are printed by describe --show-env alone"),
  usage: usageSchema.nullable(),
});
export type SessionView = z.infer<typeof sessionViewSchema>;

/** What a session may see of sessions that are no descendants of its own. */
export const sessionGlimpseSchema = sessionViewSchema.pick({ name: true, phase: true, activity: true });
export type SessionGlimpse = z.infer<typeof sessionGlimpseSchema>;

export const messageViewSchema = z.object({
  id: z.string(),
  sessionId: z.string(),
  createdAt: time,
  by: z.string().describe("who sent it"),
  text: z.string(),
  keys: z.array(z.string()),
  state: z.enum(["queued", "delivering", "delivered", "unconfirmed", "failed"]),
  reason: z.string(),
  attempt: z.number().int().nullable().describe("the start of the session that it was typed into"),
  deliveredAt: time.nullable(),
});
export type MessageView = z.infer<typeof messageViewSchema>;

export const transitionViewSchema = z.object({
  id: z.number().int(),
  at: time,
  from: phaseSchema.nullable(),
  to: phaseSchema,
  attempt: z.number().int(),
  reason: z.string(),
  evidence: z.record(z.string(), z.unknown()),
});
export type TransitionView = z.infer<typeof transitionViewSchema>;

export const eventViewSchema = z.object({
  id: z.number().int(),
  at: time,
  hiveId: z.string(),
  kind: z.string(),
  sessionId: z.string().nullable(),
  sessionName: z.string().nullable(),
  data: z.record(z.string(), z.unknown()),
});
export type EventView = z.infer<typeof eventViewSchema>;

export const statusViewSchema = z.object({
  supervisor: z.object({
    version: z.string(),
    buildId: z.string(),
    pid: z.number().int(),
    startedAt: time,
    memoryBytes: z.number().int(),
    home: z.string(),
    endpoint: z.string(),
  }),
  host: z
    .object({ pid: z.number().int(), version: z.string(), hostId: z.string(), processes: z.number().int() })
    .nullable()
    .describe("null while no process host is connected"),
  hiveId: z.string(),
  sessions: z.partialRecord(phaseSchema, z.number().int()).describe("how many sessions are in each phase"),
  waiting: z.number().int().describe("sessions that wait for a human"),
  screens: z
    .object({
      live: z.number().int().describe("screen models that are being fed"),
      folded: z.number().int().describe("those of silent sessions, kept as text"),
      foldedBytes: z.number().int(),
    })
    .describe("screen models of terminal sessions"),
});
export type StatusView = z.infer<typeof statusViewSchema>;
