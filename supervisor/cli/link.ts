/**
 * The way to the supervisor over as many connections as it takes: a supervisor that is killed and comes back is not
 * noticed by a command that only reads, waits or asks for what may be asked for twice.
 */
import type { MethodName, Params, ResultOf } from "../../schemas/client-protocol.ts";
import { FaultError } from "../../schemas/fault.ts";
import type { Connection } from "../client/connection.ts";

/** Connections that break one after the other without an answer between them: then it is no accident. */
const MOST_LOSSES = 20;
/** A session's hive can be away while the connection stands: whoever follows its log asks again so often. */
const RETRY_MS = 100;

export class Link {
  readonly #connect: () => Promise<Connection>;
  #connection: Promise<Connection> | undefined;
  #losses = 0;
  #isClosed = false;

  /** `connect` is patient by itself: what it throws is final. */
  constructor(connect: () => Promise<Connection>) {
    this.#connect = connect;
  }

  /** The connection of the moment; a new one when the last is lost. Many may wait for the same. */
  current(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const opening = this.#connect();
    this.#connection = opening;
    const forget = () => {
      if (this.#connection === opening) this.#connection = undefined;
    };
    opening.then((connection) => {
      void connection.lost.then(() => {
        this.#losses += 1;
        forget();
      });
    }, forget);
    return opening;
  }

  /** For what has the same effect when it is asked for twice. Throws FaultError. */
  async request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    return this.persist(async (connection) => connection.request(method, params));
  }

  /** For what must not happen twice: when the connection breaks before the answer, that is a fault (`unconfirmed`). */
  async requestOnce<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    const connection = await this.current();
    return connection.request(method, params);
  }

  /** Runs `attempt` with a connection, and again with the next one as long as connections break under it. */
  async persist<T>(attempt: (connection: Connection) => Promise<T>): Promise<T> {
    for (;;) {
      const connection = await this.current();
      try {
        const result = await attempt(connection);
        this.noteProgress();
        return result;
      } catch (error) {
        if (!isLoss(error) || this.#isClosed || this.#losses > MOST_LOSSES) throw error;
        await new Promise((wake) => setTimeout(wake, RETRY_MS));
      }
    }
  }

  /** Call when something came over the connection: what broke before is over. */
  noteProgress(): void {
    this.#losses = 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.then(
      (connection) => connection.close(),
      () => {}, // It was never opened, and whoever asked for it was told why.
    );
  }
}

/** The connection broke, before or after the request arrived. */
function isLoss(error: unknown): boolean {
  return error instanceof FaultError && (error.fault.code === "unreachable" || error.fault.code === "unconfirmed");
}
