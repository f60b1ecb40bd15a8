/**
 * What each command prints with --json: stable, one schema a command. `lines: true` means one such object a line. For
 * generation and tests: the command line itself loads no zod.
 */
import * as z from "zod";
import type { CommandName } from "./commands.ts";
import {
  eventViewSchema,
  exitSchema,
  messageViewSchema,
  phaseSchema,
  sessionGlimpseSchema,
  sessionViewSchema,
  statusViewSchema,
  transitionViewSchema,
} from "./session-view.ts";

const named = z.object({ id: z.string(), name: z.string() });
const time = z.iso.datetime().describe("ISO 8601, UTC");

const faultSchema = z
  .object({
    code: z.string(),
    message: z.string(),
    retryable: z.boolean(),
    hint: z.string().optional(),
    data: z.record(z.string(), z.unknown()).optional(),
  })
  .describe("what went wrong, and what to do");
const failures = z
  .array(z.object({ session: z.string(), fault: faultSchema }))
  .describe("sessions for which it was not done");

const endedProcess = z.object({ pid: z.number().int(), command: z.string() });
const endedSession = named.extend({
  phase: phaseSchema,
  reason: z.string(),
  exit: exitSchema.nullable(),
  hadEnded: z.boolean().describe("true when it had ended before"),
  processes: z.array(endedProcess).describe("processes that were signalled"),
});
const ended = z.object({ sessions: z.array(endedSession), failures });

const check = z.object({
  name: z.string(),
  state: z.enum(["ok", "warn", "fail"]),
  message: z.string(),
  advice: z.string().nullable().describe("what to do; null when it is ok"),
});

const logOutput = {
  time,
  session: z.string().describe("the session's name"),
  process: z.string().describe("main, or another process of the session"),
  attempt: z.number().int().describe("which start of the session, from 1"),
};
const logLine = z.union([
  z.object({
    ...logOutput,
    kind: z.enum(["terminal", "stdout", "stderr", "stdin"]),
    text: z.string().describe("a line, without escape sequences and its end"),
  }),
  z.object({
    ...logOutput,
    kind: z.enum(["marker", "gap", "dropped"]),
    text: z.string().describe("what happened, in words"),
  }),
  z
    .object({
      ...logOutput,
      kind: z.string(),
      offset: z.number().int(),
      base64: z.string().describe("the record's bytes"),
    })
    .describe("with --raw: one object a record, see schemas/segment.ts for kinds"),
]);

const setting = z.object({ name: z.string(), value: z.unknown(), default: z.unknown(), description: z.string() });

export interface JsonOutput {
  readonly schema: z.ZodType;
  /** One object a line, as they come. */
  readonly lines?: true;
}

export const jsonOutputs = {
  run: { schema: z.object({ session: sessionViewSchema, warnings: z.array(z.string()) }) },
  ps: {
    schema: z.object({
      sessions: z.array(sessionViewSchema),
      others: z
        .array(sessionGlimpseSchema)
        .describe("inside a session: what it may know of sessions that are not its own"),
    }),
  },
  logs: { schema: logLine, lines: true },
  stop: { schema: ended },
  kill: {
    schema: z.union([ended, z.object({ signal: z.string(), signalled: z.array(named), failures }).describe("with -s")]),
  },
  rm: { schema: z.object({ removed: z.array(named.extend({ processes: z.array(endedProcess) })), failures }) },
  wait: {
    schema: z.object({
      sessions: z
        .array(
          z.object({
            session: sessionViewSchema.nullable().describe("null when it was removed meanwhile"),
            ended: z.boolean(),
            code: z.number().int().nullable().describe("what `wait` for it alone exits with; null unless it has ended"),
          }),
        )
        .describe("in the order named"),
      timedOut: z.boolean(),
      code: z.number().int().describe("the command's own exit code"),
    }),
  },
  screen: {
    schema: z.object({
      session: named,
      attempt: z.number().int(),
      columns: z.number().int(),
      rows: z.number().int(),
      cursor: z.object({ column: z.number().int(), row: z.number().int(), visible: z.boolean() }),
      title: z.string(),
      alternate: z.boolean(),
      fullScreen: z.boolean(),
      lines: z.array(z.string()),
    }),
  },
  send: {
    schema: z.object({
      message: messageViewSchema,
      timedOut: z.boolean(),
      output: z.array(z.string()).nullable().describe("with --wait: the lines that came; else null"),
    }),
  },
  messages: { schema: z.object({ session: named, messages: z.array(messageViewSchema) }) },
  restart: { schema: z.object({ sessions: z.array(sessionViewSchema), failures }) },
  rename: { schema: z.object({ session: sessionViewSchema }) },
  result: {
    schema: z.object({
      session: sessionViewSchema,
      text: z.string(),
      truncated: z.boolean(),
      durationMs: z.number().nullable(),
    }),
  },
  top: { schema: z.object({ at: time, sessions: z.array(sessionViewSchema) }) },
  "colony list": {
    schema: z.object({
      colonies: z.array(z.object({ name: z.string(), sessions: z.partialRecord(phaseSchema, z.number().int()) })),
    }),
  },
  describe: {
    schema: z.object({
      session: sessionViewSchema,
      transitions: z.array(transitionViewSchema),
      environment: z.record(z.string(), z.string()).nullable().describe("null without --show-env"),
      logs: z.array(
        z.object({
          process: z.string(),
          attempt: z.number().int(),
          firstOffset: z.number().int(),
          endOffset: z.number().int(),
        }),
      ),
    }),
  },
  events: { schema: eventViewSchema, lines: true },
  prune: { schema: z.object({ removed: z.array(named), kept: z.array(named.extend({ why: z.string() })), failures }) },
  status: { schema: statusViewSchema },
  "supervisor status": { schema: statusViewSchema },
  doctor: { schema: z.object({ ok: z.boolean().describe("nothing fails"), checks: z.array(check) }) },
  "config get": { schema: setting },
  "config list": { schema: z.object({ file: z.string(), settings: z.array(setting) }) },
} as const satisfies Partial<Record<CommandName, JsonOutput>>;

export type JsonCommand = keyof typeof jsonOutputs;
export type JsonOutputOf<C extends JsonCommand> = z.infer<(typeof jsonOutputs)[C]["schema"]>;
export type DoctorCheck = z.infer<typeof check>;
export type EndedSession = z.infer<typeof endedSession>;
export type SettingView = z.infer<typeof setting>;
