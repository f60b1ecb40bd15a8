/** Reads a session's log over the connection, from one place to its end, whatever happens to connections meanwhile. */
import type { Params } from "../../schemas/client-protocol.ts";
import { FaultError, fault } from "../../schemas/fault.ts";
import { parseRecords, type StreamRecord } from "../../schemas/segment.ts";
import type { Connection } from "../client/connection.ts";
import type { Link } from "./link.ts";

/** The next byte of a session's stream that has not been read. */
export interface LogPosition {
  readonly attempt: number;
  readonly offset: number;
}

export type LogStart = Params<"log/follow">["from"];

export interface LogSink {
  /**
   * Before anything is asked of a connection, each new one. `position` is what has been read; undefined at first. May
   * say where to read on.
   */
  connected?(connection: Connection, position: LogPosition | undefined): Promise<LogPosition | undefined>;
  /** The supervisor sends more only as this resolves: whoever prints slowly is sent slowly. */
  records(attempt: number, records: readonly StreamRecord[]): Promise<void>;
  /** So many bytes of the stream that should come next are no longer kept. */
  dropped(attempt: number, bytes: number): Promise<void>;
}

export interface LogRequest {
  /** The session's id: names can come to mean another session while it is read. */
  readonly session: string;
  readonly from: LogStart;
  /** Until the session has ended and all is read; else to the present end. */
  readonly follow: boolean;
}

/** On its way at once: enough to keep a terminal busy, little enough to hold for many sessions. */
const CREDIT_BYTES = 512 * 1024;

/** Resolves at the end, with where it is; undefined when nothing has come. Throws FaultError. */
export async function readLog(link: Link, request: LogRequest, sink: LogSink): Promise<LogPosition | undefined> {
  const reading = new Reading(link, sink, request);
  await link.persist(async (backend) => reading.run(backend));
  return reading.position;
}

class Reading {
  position: LogPosition | undefined;
  readonly #link: Link;
  readonly #sink: LogSink;
  readonly #request: LogRequest;

  constructor(link: Link, sink: LogSink, request: LogRequest) {
    this.#link = link;
    this.#sink = sink;
    this.#request = request;
  }

  /** One connection's part of it. */
  async run(connection: Connection): Promise<void> {
    const { session, follow, from } = this.#request;
    this.position = (await this.#sink.connected?.(connection, this.position)) ?? this.position;
    const { subscription } = await connection.request("log/follow", {
      session,
      follow,
      from: this.position === undefined ? from : { ...this.position },
      creditBytes: CREDIT_BYTES,
    });
    await new Promise<void>((resolve, reject) => {
      // What comes is handled one after the other, in order, and all of it before the end or the loss.
      let work: Promise<void> = Promise.resolve();
      const then = (step: () => Promise<void> | void) => {
        work = work.then(step);
        work.catch(reject);
      };
      connection.subscribe(subscription, {
        data: (attempt, offset, records) =>
          then(async () => {
            await this.#take(attempt, offset, records);
            if (records.length > 0) connection.notify("log/credit", { subscription, bytes: records.length });
          }),
        dropped: (attempt, offset) => then(() => this.#skipTo(attempt, offset)),
        end: (reason) => then(reason === "hive-lost" ? () => reject(lost("the session's hive")) : resolve),
      });
      void connection.lost.then(() => then(() => reject(lost("the supervisor"))));
    });
  }

  async #take(attempt: number, offset: number, bytes: Buffer): Promise<void> {
    this.#link.noteProgress();
    const expected = this.#expected(attempt, offset);
    if (offset > expected) await this.#skipTo(attempt, offset);
    // Sent again from an earlier place: what has been read is left out.
    const fresh = bytes.subarray(Math.max(0, expected - offset));
    const from = Math.max(offset, expected);
    const { records, consumed } = parseRecords(fresh, from);
    this.position = { attempt, offset: from + consumed };
    if (records.length > 0) await this.#sink.records(attempt, records);
  }

  async #skipTo(attempt: number, offset: number): Promise<void> {
    const missing = offset - this.#expected(attempt, offset);
    this.position = { attempt, offset };
    if (missing > 0) await this.#sink.dropped(attempt, missing);
  }

  /** Where the stream should go on: at its beginning when it is a new attempt's. */
  #expected(attempt: number, offset: number): number {
    if (this.position?.attempt === attempt) return this.position.offset;
    // A log that is read from its last lines or from a time begins where the supervisor says.
    const beginsAnywhere = this.position === undefined && !("start" in this.#request.from);
    return beginsAnywhere ? offset : 0;
  }
}

function lost(what: string): FaultError {
  return new FaultError(fault("unreachable", `the connection to ${what} is lost`, { retryable: true }));
}
