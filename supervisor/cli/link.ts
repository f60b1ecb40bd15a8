/**
 * The way to the supervisor over as many connections as it takes: a supervisor that is killed and comes back is not
 * noticed by a command that only reads, waits or asks for what may be asked for twice.
 */
import type { MethodName, Params, ResultOf } from "../../schemas/client-protocol.ts";
import { type Fault, FaultError } from "../../schemas/fault.ts";
import type { Connection } from "../client/connection.ts";

/** Connections that break one after the other without an answer between them: then it is no accident. */
const MOST_FAILURES = 20;
/** Grows with each failure to give a supervisor that is being replaced its time; together some twenty seconds. */
const RETRY_STEP_MS = 100;

export class Link {
  readonly #connect: () => Promise<Connection>;
  #connection: Promise<Connection> | undefined;
  #failures = 0;
  /** Until the first connection stands, a failure is told at once. */
  #hasConnected = false;
  #isClosed = false;

  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  /** The connection of the moment; a new one when the last is lost. Many may wait for the same. */
  current(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const opening = this.#connect();
    this.#connection = opening;
    const isOver = () => {
      this.#failures += 1;
      if (this.#connection === opening) this.#connection = undefined;
    };
    opening.then((connection) => {
      this.#hasConnected = true;
      void connection.lost.then(isOver);
    }, isOver);
    return opening;
  }

  /** For what has the same effect when it is asked for twice. Throws FaultError. */
  async request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    return await this.persist(async (connection) => await connection.request(method, params));
  }

  /** For what must not happen twice: when the connection breaks before the answer, that is a fault (`unconfirmed`). */
  async requestOnce<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    const connection = await this.current();
    return await connection.request(method, params);
  }

  /** Runs `attempt` with a connection, and again with the next one as long as connections break under it. */
  async persist<T>(attempt: (connection: Connection) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const result = await attempt(await this.current());
        this.#failures = 0;
        return result;
      } catch (error) {
        await this.#beforeRetry(error);
      }
    }
  }

  /** Call when something came over the connection: what broke before is over. */
  noteProgress(): void {
    this.#failures = 0;
  }

  close(): void {
    this.#isClosed = true;
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then(
      (open) => open.close(),
      () => {}, // It was never opened, and whoever asked for it was told why.
    );
  }

  async #beforeRetry(error: unknown): Promise<void> {
    if (!(error instanceof FaultError) || !isLoss(error.fault) || !this.#hasConnected || this.#isClosed) throw error;
    if (this.#failures > MOST_FAILURES) throw error;
    await new Promise((wake) => setTimeout(wake, Math.max(1, this.#failures) * RETRY_STEP_MS));
  }
}

/** The connection broke, before or after the request arrived, or none could be had. */
function isLoss(fault: Fault): boolean {
  return fault.code === "unreachable" || fault.code === "unconfirmed";
}
