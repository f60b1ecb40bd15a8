/**
 * What clients and the supervisor say to each other: JSON-RPC 2.0 with Content-Length headers, over the supervisor's
 * sockets or `overmind-supervisor --stdio`. One table of methods; zod is the one source of their shapes.
 *
 * The first request of a connection is `hello`. A client keeps its side open until it has its answers: closing it takes
 * back what is still under way, for a client that has died looks the same.
 *
 * Terminal bytes are base64 in JSON, or raw for a client that names the capability `binary-output`: a message with the header `Content-Type: application/vnd.overmind.output` whose body is
 *   uint32 subscription, uint32 attempt, float64 offset (all little endian), then whole records (schemas/segment.ts).
 */
import * as z from "zod";
import { PROTOCOL_VERSION } from "./protocol-version.ts";
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

const LONG_TEXT = 65_536;
const name = z.string().min(1).max(64);
const text = z.string().max(LONG_TEXT);
const reference = z.string().min(1).max(200).describe("a session's name, id or unambiguous prefix of its id or name");
const milliseconds = z.number().int().min(0).max(1e12);
const base64 = z.base64().max(2_000_000);
const identifier = z.number().int().min(0);
const side = z.number().int().min(1).max(2000).describe("columns or rows of a terminal");
/** One screenful of text that somebody types or pastes; a file's worth is for files. */
const LONGEST_MESSAGE = 262_144;

const selection = z.union([
  z.strictObject({ references: z.array(reference).min(1).max(1000) }),
  z.strictObject({ all: z.literal(true) }),
  z.strictObject({ selector: z.string().min(1).max(1000).describe("k=v,k!=v,k,!k") }),
]);
export type SessionSelection = z.infer<typeof selection>;

const named = z.object({ id: z.string(), name: z.string() });

const SESSION_NAME_PATTERN = /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/;
const sessionName = z
  .string()
  .regex(
    SESSION_NAME_PATTERN,
    "a session's name has 1 to 63 characters of a-z, 0-9, '.', '_' and '-', and begins and ends with a letter or digit",
  );
const environment = z.record(
  z
    .string()
    .min(1)
    .max(1000)
    .regex(/^[^=\0]+$/),
  z
    .string()
    .max(1_000_000)
    .regex(/^[^\0]*$/),
);
const argument = z
  .string()
  .max(131_071)
  .regex(/^[^\0]*$/, "an argument cannot hold a NUL byte");

/** Where a log is read from. */
const logStart = z.union([
  z.strictObject({ lines: z.number().int().min(0).max(10_000_000).describe("the last so many lines") }),
  z.strictObject({ sinceMs: z.number().min(0).describe("records from this time on, ms since 1970") }),
  z.strictObject({ attempt: z.number().int().min(1), offset: z.number().int().min(0) }),
  z.strictObject({ start: z.literal(true) }),
]);

interface Method {
  readonly params: z.ZodType;
  readonly result: z.ZodType;
  /** May a session call it with its token? Handlers narrow further to itself and its descendants. */
  readonly fromSession: boolean;
}

function method<P extends z.ZodType, R extends z.ZodType>(
  params: P,
  result: R,
  options: { readonly fromSession: boolean },
): { readonly params: P; readonly result: R; readonly fromSession: boolean } {
  return { params, result, ...options };
}

const IN_SESSION = { fromSession: true };
const OUTSIDE_ONLY = { fromSession: false };
const nothing = z.strictObject({});

export const methods = {
  hello: method(
    z.strictObject({
      protocol: z.number().int().describe(`the newest version the client speaks, ${PROTOCOL_VERSION} today`),
      oldest: z.number().int().describe("the oldest version it speaks"),
      client: z.strictObject({ name, version: name }),
      capabilities: z.array(name).max(32).optional(),
      token: z.string().max(200).optional().describe("on the session socket: the session's token"),
    }),
    z.object({
      protocol: z.number().int(),
      supervisor: z.object({ version: z.string(), buildId: z.string(), pid: z.number().int() }),
      hiveId: z.string(),
      capabilities: z.array(z.string()),
      session: named.nullable(),
    }),
    IN_SESSION,
  ),
  "session/run": method(
    z.strictObject({
      argv: z.array(argument).min(1).max(10_000),
      agent: name.optional().describe("what people call it; the program's name when absent"),
      folder: text.describe("absolute path of a folder in the project"),
      name: sessionName.optional(),
      scratch: z.boolean().optional(),
      withChanges: z.boolean().optional(),
      callerEnvironment: environment.describe(
        "the caller's own variables; what names its place or identity is left out",
      ),
      environment: environment.optional().describe("variables that were asked for: these win"),
      labels: z.record(z.string().min(1).max(100), z.string().max(1000)).optional(),
      colony: name.optional(),
      graceMs: milliseconds.optional(),
      keepChildren: z.boolean().optional(),
      removeWhenEnded: z.boolean().optional(),
      stdio: z.enum(["terminal", "pipes"]).optional(),
      columns: side.optional(),
      rows: side.optional(),
      restart: z
        .strictObject({
          policy: z.enum(["never", "on-failure", "always"]).optional().describe("never when absent"),
          maxRestarts: z.number().int().min(0).max(1000).optional().describe("5 when absent"),
          windowMs: milliseconds.optional().describe("counts in a sliding window instead of since it was healthy"),
          backoffMs: milliseconds.optional().describe("1000 when absent"),
        })
        .optional(),
      activityTimeoutMs: z.number().int().min(1).max(1e12).optional(),
      priority: z.number().int().min(-1000).max(1000).optional(),
      noQueue: z.boolean().optional().describe("a conflict when it could not start at once"),
      parent: reference.optional().describe("the session that it is a child of; inside a session itself when absent"),
    }),
    z.object({ session: sessionViewSchema, warnings: z.array(z.string()) }),
    IN_SESSION,
  ),
  "session/list": method(
    z.strictObject({
      all: z.boolean().optional().describe("completed and stopped ones too"),
      selector: z.string().max(1000).optional(),
      colony: name.optional(),
      usage: z.boolean().optional().describe("sample the trees' CPU and memory"),
      io: z.boolean().optional().describe("what the trees read and write too"),
    }),
    z.object({ sessions: z.array(sessionViewSchema), others: z.array(sessionGlimpseSchema) }),
    IN_SESSION,
  ),
  "session/table": method(
    z.strictObject({
      all: z.boolean().optional(),
      selector: z.string().max(1000).optional(),
      colony: name.optional(),
      tree: z.boolean().optional(),
      wide: z.boolean().optional(),
      colour: z.boolean().optional(),
    }),
    z.object({ text: z.string().describe("the table of `overmind ps`, ready to print") }),
    IN_SESSION,
  ),
  "session/get": method(
    z.strictObject({ session: reference, showEnvironment: z.boolean().optional(), usage: z.boolean().optional() }),
    z.object({
      session: sessionViewSchema,
      transitions: z.array(transitionViewSchema),
      environment: z.record(z.string(), z.string()).nullable(),
      logs: z.array(
        z.object({
          process: z.string(),
          attempt: z.number().int(),
          firstOffset: z.number().int(),
          endOffset: z.number().int(),
        }),
      ),
    }),
    IN_SESSION,
  ),
  "session/stop": method(
    z.strictObject({
      sessions: selection,
      mode: z.enum(["stop", "kill"]),
      graceMs: milliseconds.optional(),
      cascade: z.boolean().optional().describe("their descendants too, children first"),
    }),
    z.object({ sessions: z.array(named) }),
    IN_SESSION,
  ),
  "session/remove": method(
    z.strictObject({
      sessions: selection,
      force: z.boolean().optional(),
      graceMs: milliseconds.optional(),
      cascade: z.boolean().optional().describe("their descendants too, children first"),
    }),
    z.object({ sessions: z.array(named) }),
    OUTSIDE_ONLY,
  ),
  "session/restart": method(
    z.strictObject({ sessions: selection, graceMs: milliseconds.optional() }),
    z.object({
      sessions: z.array(named.extend({ attempt: z.number().int().describe("the one that is asked for") })),
    }),
    IN_SESSION,
  ),
  "session/rename": method(
    z.strictObject({ session: reference, name: sessionName }),
    z.object({ session: sessionViewSchema }),
    OUTSIDE_ONLY,
  ),
  "session/interrupt": method(z.strictObject({ session: reference }), nothing, IN_SESSION),
  "session/result": method(
    z.strictObject({ session: reference }),
    z.object({
      session: sessionViewSchema,
      text: z.string().describe("what it answered or printed last, readable"),
      truncated: z.boolean().describe("the beginning is left out"),
      durationMs: z.number().nullable().describe("of the last attempt; null when it never started"),
    }),
    IN_SESSION,
  ),
  "session/follow": method(
    z.strictObject({ session: reference }),
    z.object({ subscription: identifier, session: sessionViewSchema }),
    IN_SESSION,
  ),
  "session/unfollow": method(z.strictObject({ subscription: identifier }), nothing, IN_SESSION),
  "session/attach": method(
    z.strictObject({
      session: reference,
      columns: side.optional().describe("of the client's terminal; without them its size does not count"),
      rows: side.optional(),
      readOnly: z.boolean().optional().describe("neither types nor sizes"),
    }),
    z.object({
      attachment: identifier,
      session: sessionViewSchema,
      attempt: z.number().int(),
      offset: z.number().int().describe("the output goes on here: log/follow from it"),
      columns: side.describe("of the session's terminal now"),
      rows: side,
      screen: base64.describe("paints the screen, and its scrollback above it, on a cleared terminal"),
      held: base64.describe("to be written after it: the beginning of a sequence that goes on at `offset`"),
      at: z.number().describe("ms since 1970: queries in output before it have been answered"),
    }),
    OUTSIDE_ONLY,
  ),
  "session/detach": method(z.strictObject({ attachment: identifier }), nothing, OUTSIDE_ONLY),
  "screen/get": method(
    z.strictObject({
      session: reference,
      scrollback: z.boolean().optional().describe("all that is kept above it too"),
    }),
    z.object({
      session: named,
      attempt: z.number().int(),
      offset: z.number().int(),
      columns: z.number().int(),
      rows: z.number().int(),
      cursor: z.object({ column: z.number().int(), row: z.number().int(), visible: z.boolean() }).describe("from 0"),
      title: z.string(),
      alternate: z.boolean().describe("the alternate screen is shown"),
      fullScreen: z.boolean().describe("its output moves the cursor about: it is readable as a screen alone"),
      scrollback: z.array(z.string()).describe("lines above the screen; empty unless asked for"),
      lines: z.array(z.string()).describe("the screen's, without colours, trailing blanks left out"),
      ansi: z.string().describe("the screen with its colours, as escape sequences"),
    }),
    IN_SESSION,
  ),
  "message/send": method(
    z.strictObject({
      id: z
        .string()
        .regex(/^[A-Za-z0-9_-]{8,64}$/)
        .optional()
        .describe("chosen by the client: sent again with the same id it is the same message"),
      session: reference,
      text: z.string().max(LONGEST_MESSAGE).optional(),
      keys: z.array(name).max(100).optional().describe("pressed after the text: enter, escape, tab, up, ctrl-c, ..."),
      now: z.boolean().optional().describe("does not wait until the session is idle"),
      until: z.enum(["queued", "delivered", "idle"]).describe("when to answer"),
      timeoutMs: milliseconds.optional(),
      colour: z.boolean().optional(),
    }),
    z.object({
      message: messageViewSchema,
      timedOut: z.boolean(),
      text: z.string().describe("the receipt, ready to print"),
      exitCode: z.number().int().describe("what `overmind send` exits with"),
    }),
    IN_SESSION,
  ),
  "message/list": method(
    z.strictObject({ session: reference }),
    z.object({ session: named, messages: z.array(messageViewSchema) }),
    IN_SESSION,
  ),
  "colony/list": method(
    nothing,
    z.object({
      colonies: z.array(z.object({ name: z.string(), sessions: z.partialRecord(phaseSchema, z.number().int()) })),
    }),
    OUTSIDE_ONLY,
  ),
  "session/prune": method(
    nothing,
    z.object({ removing: z.array(named), kept: z.array(named.extend({ why: z.string() })) }),
    OUTSIDE_ONLY,
  ),
  "session/wait": method(
    z.strictObject({
      session: reference,
      until: z.enum(["started", "ended", "removed"]).describe("ended: no further start is due"),
      attempt: z.number().int().min(0).optional().describe("until started: this start of it, or a later one"),
      timeoutMs: milliseconds.optional(),
    }),
    z.object({
      session: sessionViewSchema.nullable().describe("null once it has been removed"),
      timedOut: z.boolean(),
      fault: z.unknown().optional().describe("Fault: why a removal that was asked for was not done"),
      ended: z
        .array(z.object({ pid: z.number().int(), command: z.string() }))
        .describe("processes that were signalled"),
    }),
    IN_SESSION,
  ),
  "session/signal": method(z.strictObject({ session: reference, signal: name }), nothing, IN_SESSION),
  "session/input": method(
    z.strictObject({
      session: reference,
      bytes: base64,
      attachment: identifier.optional().describe("who types: its terminal's size rules from now on"),
      reply: z.boolean().optional().describe("not typed: the terminal's answer to a query, for whose size rules alone"),
    }),
    nothing,
    OUTSIDE_ONLY,
  ),
  "session/close-input": method(z.strictObject({ session: reference }), nothing, OUTSIDE_ONLY),
  "session/resize": method(
    z.strictObject({
      session: reference,
      columns: side,
      rows: side,
      attachment: identifier.optional().describe("whose terminal has this size; without it the session's is set"),
    }),
    nothing,
    OUTSIDE_ONLY,
  ),
  "log/follow": method(
    z.strictObject({
      session: reference,
      process: name.optional(),
      from: logStart,
      follow: z.boolean().describe("go on until the session has ended and all is sent; else stop at the present end"),
      creditBytes: z
        .number()
        .int()
        .min(1)
        .max(1 << 26),
    }),
    z.object({ subscription: identifier, session: named }),
    IN_SESSION,
  ),
  "log/unfollow": method(z.strictObject({ subscription: identifier }), nothing, IN_SESSION),
  "event/list": method(
    z.strictObject({
      last: z.number().int().min(0).max(10_000).optional(),
      afterId: identifier.optional(),
      session: reference.optional(),
    }),
    z.object({ events: z.array(eventViewSchema) }),
    OUTSIDE_ONLY,
  ),
  "event/follow": method(
    z.strictObject({ afterId: identifier.optional(), session: reference.optional() }),
    z.object({ subscription: identifier }),
    OUTSIDE_ONLY,
  ),
  "event/unfollow": method(z.strictObject({ subscription: identifier }), nothing, OUTSIDE_ONLY),
  "supervisor/status": method(nothing, statusViewSchema, OUTSIDE_ONLY),
  "supervisor/table": method(
    z.strictObject({ colour: z.boolean().optional() }),
    z.object({ text: z.string().describe("the text of `overmind status`, ready to print") }),
    OUTSIDE_ONLY,
  ),
  "supervisor/stop": method(
    z.strictObject({ sessions: z.boolean().optional().describe("stop all sessions first") }),
    z.object({ stopping: z.array(named) }),
    OUTSIDE_ONLY,
  ),
  "settings/reload": method(nothing, nothing, OUTSIDE_ONLY),
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof methods;
export type Params<M extends MethodName> = z.infer<(typeof methods)[M]["params"]>;
export type ResultOf<M extends MethodName> = z.infer<(typeof methods)[M]["result"]>;

/** Notifications, by who sends them. */
export const notifications = {
  client: {
    "log/credit": z.strictObject({
      subscription: identifier,
      bytes: z
        .number()
        .int()
        .min(1)
        .max(1 << 26),
    }),
  },
  supervisor: {
    "log/data": z.object({
      subscription: identifier,
      attempt: z.number().int(),
      offset: z.number().int().describe("stream offset of the first record"),
      bytes: z.base64().describe("whole records, see schemas/segment.ts"),
    }),
    "log/dropped": z.object({
      subscription: identifier,
      attempt: z.number().int(),
      offset: z.number().int().describe("reading goes on here: what lies before it is no longer kept"),
    }),
    "log/end": z.object({ subscription: identifier, reason: z.enum(["end", "removed", "hive-lost"]) }),
    "session/change": z.object({
      subscription: identifier,
      changes: z.array(
        z.discriminatedUnion("type", [
          z.object({
            type: z.literal("transition"),
            at: z.string(),
            from: phaseSchema.nullable(),
            to: phaseSchema,
            attempt: z.number().int(),
            reason: z.string(),
          }),
          z.object({ type: z.literal("activity"), at: z.string(), activity: z.string() }),
          z.object({ type: z.literal("message"), at: z.string(), message: messageViewSchema }),
          z.object({ type: z.literal("removed"), at: z.string() }),
          z
            .object({ type: z.literal("end"), at: z.string(), phase: phaseSchema, exit: exitSchema.nullable() })
            .describe("no further start is due; nothing follows"),
        ]),
      ),
    }),
    "event/new": z.object({ subscription: identifier, events: z.array(eventViewSchema) }),
  },
} as const;
export type ClientNotification = keyof typeof notifications.client;
export type SupervisorNotification = keyof typeof notifications.supervisor;
export type NotificationParams<N extends SupervisorNotification> = z.infer<(typeof notifications.supervisor)[N]>;
export type ClientNotificationParams<N extends ClientNotification> = z.infer<(typeof notifications.client)[N]>;
