/**
 * This terminal's place at the session: made anew with each connection, it outlives the session's attempts. What is typed
 * goes through it, in order, one request after the other: none overtakes the last.
 */
import type { ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError } from "../../../schemas/fault.ts";
import type { Connection } from "../../client/connection.ts";
import { type TerminalSides, terminalSides } from "./own-terminal.ts";

/** How soon a session that has not read its input yet, or is just starting, is tried again. */
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
  /** What the session was told of this terminal. */
  sides: TerminalSides | undefined;
}

export class Attachment {
  readonly #options: AttachmentOptions;
  #place: Place | undefined;
  /** The session has no program, and what is typed is dropped. */
  #isOver = false;
  #isSizing = false;
  #waiting: ((place: Place | undefined) => void)[] = [];

  constructor(options: AttachmentOptions) {
    this.#options = options;
  }

  /** Throws FaultError. */
  async open(connection: Connection): Promise<Attached> {
    const { session, readOnly } = this.#options;
    const sides = readOnly ? undefined : terminalSides();
    const attached = await connection.request("session/attach", {
      session,
      ...(sides ?? {}),
      ...(readOnly ? { readOnly } : {}),
    });
    const place: Place = { connection, attachment: attached.attachment, sides };
    this.#place = place;
    this.#begin(place);
    void connection.lost.then(() => this.#lose(place));
    return attached;
  }

  /** The program has ended; another may follow. */
  over(): void {
    this.#isOver = true;
    if (this.#options.dropsWhileOver) this.#settle(undefined);
  }

  /** Another has begun. False when there is no place yet that it could be typed into from. */
  goOn(): boolean {
    if (this.#place === undefined) return false;
    this.#begin(this.#place);
    return true;
  }

  /** This terminal may have another size than the session was told. */
  resize(): void {
    if (this.#isSizing) return;
    this.#isSizing = true;
    const done = () => {
      this.#isSizing = false;
    };
    // A session that is gone has no size any more; its end is told elsewhere.
    this.#tellSize().then(done, done);
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
            // Its program has just ended or is just starting, which its output tells in a moment.
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
    if (this.#isOver && this.#options.dropsWhileOver) return Promise.resolve(undefined);
    if (this.#place !== undefined && !this.#isOver) return Promise.resolve(this.#place);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #begin(place: Place): void {
    this.#isOver = false;
    this.#settle(place);
    this.resize();
  }

  async #tellSize(): Promise<void> {
    for (;;) {
      const place = this.#place;
      const sides = this.#options.readOnly ? undefined : terminalSides();
      if (place === undefined || this.#isOver || sides === undefined || isSame(sides, place.sides)) return;
      const { connection, attachment } = place;
      try {
        await connection.request("session/resize", { session: this.#options.session, ...sides, attachment });
        place.sides = sides;
      } catch (error) {
        if (!(error instanceof FaultError) || error.fault.code !== "conflict") throw error;
        // Its program is just starting, or has just ended, which its output tells in a moment.
        await new Promise((wake) => setTimeout(wake, BUSY_RETRY_MS));
      }
    }
  }

  #settle(place: Place | undefined): void {
    for (const resolve of this.#waiting.splice(0)) resolve(place);
  }

  #lose(place: Place): void {
    if (this.#place === place) this.#place = undefined;
  }
}

function isSame(one: TerminalSides, other: TerminalSides | undefined): boolean {
  return one.columns === other?.columns && one.rows === other.rows;
}
