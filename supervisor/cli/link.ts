/**
 * The way to the supervisor over as many connections as it takes: a supervisor that is killed and comes back is not
 * noticed by a command that only reads, waits or asks for what may be asked for twice.
 */
import type { MethodName, Params, ResultOf } from "../../schemas/client-protocol.ts";
import { type Fault, FaultError } from "../../schemas/fault.ts";
import type { Backend } from "./backend.ts";

/** Connections that break one after the other without an answer between them: then it is no accident. */
const MOST_FAILURES = 20;
/** Grows with each failure to give a supervisor that is being replaced its time; together half a minute. */
const RETRY_STEP_MS = 150;

export class Link {
  readonly #connect: () => Promise<Backend>;
  #backend: Promise<Backend> | undefined;
  #failures = 0;
  /** Until the first connection stands, a failure is told at once. */
  #hasConnected = false;

  constructor(connect: () => Promise<Backend>) {
    this.#connect = connect;
  }

  /** The connection of the moment; a new one when the last is lost. */
  current(): Promise<Backend> {
    this.#backend ??= this.#connect().then((backend) => {
      this.#hasConnected = true;
      void backend.lost.then(() => this.#forget(backend));
      return backend;
    });
    const backend = this.#backend;
    backend.catch(() => {
      if (this.#backend === backend) this.#backend = undefined;
    });
    return backend;
  }

  /** For what has the same effect when it is asked for twice. Throws FaultError. */
  async request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    return await this.persist(async (backend) => await backend.request(method, params));
  }

  /** For what must not happen twice: when the connection breaks before the answer, that is a fault (`unconfirmed`). */
  async requestOnce<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    const backend = await this.current();
    return await backend.request(method, params);
  }

  /** Runs `attempt` with a connection, and again with the next one as long as connections break under it. */
  async persist<T>(attempt: (backend: Backend) => Promise<T>): Promise<T> {
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
    const backend = this.#backend;
    this.#backend = undefined;
    backend?.then(
      (open) => open.close(),
      () => {}, // It was never opened, and whoever asked for it was told why.
    );
  }

  async #beforeRetry(error: unknown): Promise<void> {
    if (!(error instanceof FaultError) || !isLoss(error.fault) || !this.#hasConnected) throw error;
    this.#failures += 1;
    if (this.#failures > MOST_FAILURES) throw error;
    await new Promise((wake) => setTimeout(wake, this.#failures * RETRY_STEP_MS));
  }

  #forget(lost: Backend): void {
    void this.#backend?.then((backend) => {
      if (backend === lost) this.#backend = undefined;
    });
  }
}

/** The connection broke, before or after the request arrived. */
function isLoss(fault: Fault): boolean {
  return fault.code === "unreachable" || fault.code === "unconfirmed";
}
