/**
 * This terminal's place at the session: made anew with each connection and each of the session's attempts. What is typed
 * goes through it, in order, one request after the other: none overtakes the last.
 */
import type { ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError } from "../../../schemas/fault.ts";
import type { Connection } from "../../client/connection.ts";
import { terminalSides } from "./own-terminal.ts";

/** How soon a session that has not read its input yet is tried again. */
const BUSY_RETRY_MS = 50;

export type Attached = ResultOf<"session/attach">;

export interface AttachmentOptions {
  readonly session: string;
  /** Neither types nor sizes. */
  readonly readOnly: boolean;
  /** What is typed while no program runs is dropped, as a person expects; of a file or pipe nothing may be lost. */
  readonly dropsWhileOver: boolean;
}

interface Place {
  readonly connection: Connection;
  readonly attachment: number;
}

export class Attachment {
  readonly #options: AttachmentOptions;
  #place: Place | undefined;
  /** The session has no program, and what is typed is dropped. */
  #isOver = false;
  #waiting: ((place: Place | undefined) => void)[] = [];

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** Throws FaultError. */
  async open(connection: Connection): Promise<Attached> {
    const { session, readOnly } = this.#options;
    await this.#leave(connection);
    this.#isOver = false;
    const sides = readOnly ? undefined : terminalSides();
    const attached = await connection.request("session/attach", {
      session,
      ...(sides ?? {}),
      ...(readOnly ? { readOnly } : {}),
    });
    const place = { connection, attachment: attached.attachment };
    this.#place = place;
    this.#settle(place);
    void connection.lost.then(() => this.#lose(place));
    const now = terminalSides();
    if (now?.columns !== sides?.columns || now?.rows !== sides?.rows) this.resize();
    return attached;
  }

  /** The program has ended; another may follow. */
  over(): void {
    this.#place = undefined;
    if (!this.#options.dropsWhileOver) return;
    this.#isOver = true;
    this.#settle(undefined);
  }

  /** This terminal has another size. */
  resize(): void {
    const sides = terminalSides();
    if (this.#place === undefined || sides === undefined || this.#options.readOnly) return;
    const { connection, attachment } = this.#place;
    // A session that has just ended has no size any more; its end is told elsewhere.
    connection.request("session/resize", { session: this.#options.session, ...sides, attachment }).catch(() => {});
  }

  /** Resolves once it is sent, or has been dropped; throws FaultError for a session that will never take it. */
  async send(bytes: Buffer, isReply: boolean): Promise<void> {
    for (;;) {
      const place = await this.#current();
      if (place === undefined) return;
      try {
        await place.connection.request("session/input", {
          session: this.#options.session,
          bytes: bytes.toString("base64"),
          attachment: place.attachment,
          ...(isReply ? { reply: true } : {}),
        });
        return;
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
        switch (error.fault.code) {
          case "unconfirmed":
            return; // It may have arrived, and what is typed must not arrive twice.
          case "unreachable":
            // It did not arrive. The loss is told to everybody in a moment, if it has not been.
            this.#lose(place);
            continue;
          case "conflict":
          case "not-found":
            // Its program has just ended, which its output tells in a moment.
            if (this.#options.dropsWhileOver) return;
            break;
          case "busy":
            break;
          default:
            throw error;
        }
        await new Promise((wake) => setTimeout(wake, BUSY_RETRY_MS));
      }
    }
  }

  /** Undefined when what is to be sent is to be dropped. */
  #current(): Promise<Place | undefined> {
    if (this.#place !== undefined || this.#isOver) return Promise.resolve(this.#place);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #settle(place: Place | undefined): void {
    for (const resolve of this.#waiting.splice(0)) resolve(place);
  }

  #lose(place: Place): void {
    if (this.#place === place) this.#place = undefined;
  }

  /** A lost connection's has left by itself. */
  async #leave(connection: Connection): Promise<void> {
    const place = this.#place;
    this.#place = undefined;
    if (place?.connection !== connection) return;
    // A place at an attempt that is over may be gone by itself.
    await connection.request("session/detach", { attachment: place.attachment }).catch(() => {});
  }
}
