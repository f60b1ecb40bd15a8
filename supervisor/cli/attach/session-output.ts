/**
 * A session's output on this terminal: the screen as it is, then byte by byte what is written, over connections and
 * attempts. Output whose queries were answered before this terminal was attached is shown without them.
 */
import { FaultError } from "../../../schemas/fault.ts";
import { RecordKind, type StreamRecord } from "../../../schemas/segment.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import type { Connection } from "../../client/connection.ts";
import type { CliContext } from "../context.ts";
import { isLiving } from "../living.ts";
import type { LogPosition, LogSink } from "../log-follow.ts";
import { describeDropped, gapText } from "../output/log-reader.ts";
import type { Attached, Attachment } from "./attachment.ts";
import type { OwnTerminal } from "./own-terminal.ts";
import { QueryFilter } from "./query-filter.ts";
import { TerminalOutput } from "./terminal-output.ts";
import { markedTransition } from "./transition-marker.ts";

/** A program that is being made takes no terminal yet: so often it is asked for again. */
const STARTING_RETRY_MS = 25;
/** What came while the connection was lost is shown as it came, up to so much; of more the screen that it left. */
const MOST_MISSED_BYTES = 1 << 20;
const CLEAR = "\x1b[0m\x1b[H\x1b[2J";

export interface OutputParts {
  readonly session: Pick<SessionView, "id" | "name">;
  readonly context: CliContext;
  readonly terminal: OwnTerminal;
  readonly attachment: Attachment;
  /** Nothing is answered by a terminal that only watches. */
  readonly readOnly: boolean;
  /** Where to begin instead of at the screen as it is now. */
  readonly from: LogPosition | undefined;
}

export class SessionOutput implements LogSink {
  readonly #parts: OutputParts;
  readonly #out: TerminalOutput;
  readonly #filter = new QueryFilter();
  #connection: Connection | undefined;
  /** Of what is shown; 0 before there is anything. */
  #attempt = 0;
  #isOver = false;
  /** Queries in output before it have been answered; undefined when none is for this terminal to answer. */
  #answeredUntil: LogPosition | undefined;
  /** The attempt has ended, and why another one follows has not been said. */
  #owesReason = false;
  #isClosed = false;

  constructor(parts: OutputParts) {
    this.#parts = parts;
    this.#out = new TerminalOutput(parts.context, parts.terminal);
  }

  /** See QueryFilter. */
  takesCursorReport(): boolean {
    return this.#filter.takeCursorReport();
  }

  /** Nothing more is shown. */
  close(): void {
    this.#isClosed = true;
  }

  async connected(connection: Connection, position: LogPosition | undefined): Promise<LogPosition | undefined> {
    this.#connection = connection;
    if (position === undefined) return this.#parts.from ?? this.#begin(connection);
    if (this.#isOver || this.#attempt === 0) return undefined;
    const attached = await this.#attach(connection, position.attempt);
    if (attached === undefined || !this.#hasMissedMuch(attached, position)) return undefined;
    return this.#paint(attached);
  }

  async records(attempt: number, records: readonly StreamRecord[]): Promise<void> {
    if (attempt !== this.#attempt && !this.#isClosed) await this.#beginAttempt(attempt);
    for (const record of records) if (!this.#isClosed) await this.#show(record);
  }

  async dropped(_: number, bytes: number): Promise<void> {
    await this.#out.warn(describeDropped(bytes));
  }

  /** The screen of a session that runs; one that is about to run is waited for. */
  async #begin(connection: Connection): Promise<LogPosition> {
    const { session, attachment } = this.#parts;
    try {
      const attached = await attachment.open(connection);
      this.#attempt = attached.attempt;
      this.#noteAttached(attached);
      return await this.#paint(attached);
    } catch (error) {
      if (!isConflict(error)) throw error;
      const { session: view, logs } = await connection.request("session/get", { session: session.id });
      if (!isLiving(view)) throw error;
      attachment.over();
      await this.#out.tell(`${view.name} is ${view.phase}: ${view.reason}`);
      const last = logs.filter(({ process }) => process === "main").at(-1);
      return { attempt: last?.attempt ?? 1, offset: last?.endOffset ?? 0 };
    }
  }

  async #paint(attached: Attached): Promise<LogPosition> {
    const { terminal } = this.#parts;
    if (terminal.isShown) {
      await this.#out.reset();
      await this.#out.write(Buffer.from(CLEAR));
      await this.#out.write(Buffer.from(attached.screen, "base64"));
      await this.#out.write(this.#filter.strip(Buffer.from(attached.held, "base64")));
    }
    return { attempt: attached.attempt, offset: attached.offset };
  }

  async #beginAttempt(attempt: number): Promise<void> {
    const isFirst = this.#attempt === 0;
    this.#attempt = attempt;
    this.#isOver = false;
    if (!isFirst) await this.#out.reset();
    if (this.#parts.attachment.goOn()) return;
    // A connection that is lost meanwhile is attached to again by itself.
    if (this.#connection !== undefined) await this.#attach(this.#connection, attempt).catch(ignoreLoss);
  }

  /** Undefined when the attempt has ended meanwhile. */
  async #attach(connection: Connection, attempt: number): Promise<Attached | undefined> {
    const { attachment } = this.#parts;
    this.#answeredUntil = undefined;
    for (let mayHaveStarted = true; ; ) {
      try {
        const attached = await attachment.open(connection);
        this.#noteAttached(attached);
        return attached;
      } catch (error) {
        const view = await this.#lookAfter(error, connection);
        const isStarting = view?.phase === "STARTING" || (view?.phase === "RUNNING" && mayHaveStarted);
        if (!isStarting || view.attempt > attempt) {
          attachment.over();
          return undefined;
        }
        // One that runs by now had not when it refused; if it refuses again it is for another reason.
        mayHaveStarted = view.phase === "STARTING";
        await new Promise((wake) => setTimeout(wake, STARTING_RETRY_MS));
      }
    }
  }

  /** The session that refused it because it does not run; undefined when it has been removed. */
  async #lookAfter(error: unknown, connection: Connection): Promise<SessionView | undefined> {
    try {
      if (!isConflict(error)) throw error;
      return (await connection.request("session/get", { session: this.#parts.session.id })).session;
    } catch (why) {
      if (why instanceof FaultError && why.fault.code === "not-found") return undefined;
      throw why;
    }
  }

  #noteAttached({ attempt, offset }: Attached): void {
    this.#answeredUntil = this.#parts.readOnly ? undefined : { attempt, offset };
  }

  #isAnswered({ offset }: StreamRecord): boolean {
    const until = this.#answeredUntil;
    return (
      until === undefined || this.#attempt < until.attempt || (this.#attempt === until.attempt && offset < until.offset)
    );
  }

  #hasMissedMuch(attached: Attached, position: LogPosition): boolean {
    if (!this.#parts.terminal.isShown || attached.attempt !== position.attempt) return false;
    return attached.offset - position.offset > MOST_MISSED_BYTES;
  }

  async #show(record: StreamRecord): Promise<void> {
    const { kind, payload } = record;
    switch (kind) {
      case RecordKind.terminal:
      case RecordKind.stdout:
        this.#owesReason = false;
        await this.#out.write(this.#isAnswered(record) ? this.#filter.strip(payload) : this.#filter.pass(payload));
        return;
      case RecordKind.stderr:
        await this.#out.writeError(payload);
        return;
      case RecordKind.gap:
        await this.#out.warn(gapText(record));
        return;
      case RecordKind.exit:
        this.#endAttempt();
        await this.#out.reset();
        return;
      case RecordKind.marker:
        await this.#showMarker(payload);
        return;
    }
  }

  /** Markers are for the log, where they do not stand in the middle of a screen; but why it starts again is told. */
  async #showMarker(payload: Uint8Array): Promise<void> {
    const marked = markedTransition(payload);
    if (marked === undefined) return;
    const { to, reason } = marked;
    const isBetween = to === "BACKOFF" || to === "PENDING";
    if (isBetween) this.#endAttempt();
    // A start stands in the next attempt's log, and is told where nothing before it said why.
    else if (to !== "STARTING" || !this.#owesReason) return;
    this.#owesReason = false;
    await this.#out.tell(reason);
  }

  #endAttempt(): void {
    this.#isOver = true;
    this.#owesReason = true;
    this.#parts.attachment.over();
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof FaultError && error.fault.code === "conflict";
}

function ignoreLoss(error: unknown): undefined {
  if (error instanceof FaultError && (error.fault.code === "unreachable" || error.fault.code === "unconfirmed"))
    return undefined;
  throw error;
}
