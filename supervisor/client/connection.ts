/**
 * One connection to the supervisor: the handshake, requests with their replies, notifications, output. Typed by
 * schemas/client-protocol.ts, of which nothing is loaded at run time (zod alone costs a command twice its start):
 * what the supervisor says is trusted, it has checked it. This room is the only door of every front end; it imports
 * schemas alone, and whoever wants a connection begins with open.ts.
 */
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import type {
  ClientNotification,
  MethodName,
  notifications,
  Params,
  ResultOf,
  SupervisorNotification,
} from "../../schemas/client-protocol.ts";
import { type Fault, FaultError, fault } from "../../schemas/fault.ts";
import { FAULT_ERROR_CODE, PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import { encodeMessage, FramingError, MessageReader, type Output } from "./framing.ts";

type NotificationParams<N extends SupervisorNotification> = Output_<(typeof notifications.supervisor)[N]>;
type ClientNotificationParams<N extends ClientNotification> = Output_<(typeof notifications.client)[N]>;
type Output_<S> = S extends { readonly _zod: { readonly output: infer T } } ? T : never;

/** A supervisor that is asked by hundreds at once answers `hello` in some ms; one that is stuck never does. */
const HELLO_LIMIT_MS = 10_000;
const METHOD_NOT_FOUND = -32_601;

export interface ConnectOptions {
  /** What the supervisor's log calls this client. */
  readonly clientName: string;
  /** On the session socket: the session's token. */
  readonly token?: string;
}

export interface Subscribed {
  dispose(): void;
}

/**
 * Messages are told in the order in which they came, and whoever awaits a reply has acted on it before the next one is
 * told: a subscription's first output never comes before its number.
 */
export interface Connection {
  readonly hello: ResultOf<"hello">;
  /** Throws FaultError: with the supervisor's own fault, or `unreachable` when the connection is lost. */
  request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>>;
  notify<N extends ClientNotification>(name: N, params: ClientNotificationParams<N>): void;
  /** Records of followed logs, in whichever form they came. */
  onOutput(listener: (output: Output) => void): Subscribed;
  onNotification<N extends Exclude<SupervisorNotification, "log/data">>(
    name: N,
    listener: (params: NotificationParams<N>) => void,
  ): Subscribed;
  /** Resolves once the connection is closed, by whichever side. */
  readonly closed: Promise<Fault>;
  close(): void;
}

/**
 * Connects and shakes hands. Throws FaultError: `unreachable` (data.systemCode is what the system said) when nobody
 * answers, `incompatible-version`, `unauthenticated`.
 */
export async function connect(endpoint: string, options: ConnectOptions): Promise<Connection> {
  const connection = new StreamConnection(await openSocket(endpoint), endpoint);
  try {
    await connection.shakeHands(options);
  } catch (error) {
    connection.close();
    throw error;
  }
  return connection;
}

function openSocket(endpoint: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(endpoint);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      reject(new FaultError(unreachable(`nobody answers at ${endpoint}: ${error.message}`, error.code)));
    });
  });
}

function unreachable(message: string, systemCode?: string): Fault {
  return fault("unreachable", message, {
    retryable: true,
    hint: "see `overmind supervisor logs` and `overmind doctor`",
    ...(systemCode === undefined ? {} : { data: { systemCode } }),
  });
}

interface Pending {
  readonly method: string;
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

class StreamConnection implements Connection {
  readonly closed: Promise<Fault>;
  readonly #stream: Duplex;
  readonly #endpoint: string;
  readonly #reader = new MessageReader();
  readonly #pending = new Map<number, Pending>();
  readonly #outputListeners = new Set<(output: Output) => void>();
  readonly #listeners = new Map<string, Set<(params: never) => void>>();
  #hello: ResultOf<"hello"> | undefined;
  #nextId = 1;
  #isDeferred = false;
  #end: Fault | undefined;
  #resolveClosed: (reason: Fault) => void = () => {};

  constructor(stream: Duplex, endpoint: string) {
    this.#stream = stream;
    this.#endpoint = endpoint;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", (error: NodeJS.ErrnoException) => this.#finish(this.#lost(error.message, error.code)));
    stream.on("close", () => this.#finish(this.#lost("it was closed")));
  }

  get hello(): ResultOf<"hello"> {
    if (this.#hello === undefined) throw new Error("a connection is handed out after its handshake only");
    return this.#hello;
  }

  async shakeHands(options: ConnectOptions): Promise<void> {
    const timer = setTimeout(() => {
      this.#finish(unreachable(`the supervisor at ${this.#endpoint} does not answer`, "ETIMEDOUT"));
    }, HELLO_LIMIT_MS);
    try {
      this.#hello = await this.request("hello", helloParams(options));
    } finally {
      clearTimeout(timer);
    }
    const { protocol, supervisor } = this.#hello;
    if (protocol >= PROTOCOL_OLDEST && protocol <= PROTOCOL_VERSION) return;
    throw new FaultError(
      fault("incompatible-version", `the supervisor (${supervisor.version}) speaks protocol ${protocol}, this client not`, {
        data: { protocol },
      }),
    );
  }

  request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(new FaultError(this.#end));
        return;
      }
      const id = this.#nextId++;
      this.#pending.set(id, { method, resolve, reject });
      this.#stream.write(encodeMessage({ jsonrpc: "2.0", id, method, params }));
    });
  }

  notify<N extends ClientNotification>(name: N, params: ClientNotificationParams<N>): void {
    if (this.#end === undefined) this.#stream.write(encodeMessage({ jsonrpc: "2.0", method: name, params }));
  }

  onOutput(listener: (output: Output) => void): Subscribed {
    this.#outputListeners.add(listener);
    return { dispose: () => void this.#outputListeners.delete(listener) };
  }

  onNotification<N extends SupervisorNotification>(name: N, listener: (params: NotificationParams<N>) => void): Subscribed {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return { dispose: () => void listeners.delete(listener) };
  }

  close(): void {
    this.#finish(fault("unreachable", "the connection was closed by this client"));
  }

  #receive(chunk: Buffer): void {
    this.#reader.push(chunk);
    if (!this.#isDeferred) this.#dispatchAll();
  }

  /** Goes on in a task of its own after each reply, so that whoever waits for it acts first. */
  #dispatchAll(): void {
    try {
      for (let incoming = this.#reader.next(); incoming !== undefined; incoming = this.#reader.next()) {
        if ("output" in incoming) this.#tellOutput(incoming.output);
        else if (this.#dispatch(incoming.json as Message) && this.#end === undefined) {
          this.#isDeferred = true;
          setImmediate(() => {
            this.#isDeferred = false;
            this.#dispatchAll();
          });
          return;
        }
      }
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#finish(this.#lost(`it sent ${error.message}`));
    }
  }

  /** Returns true when the message was a reply. */
  #dispatch(message: Message): boolean {
    if (message.method === "log/data") {
      const { bytes, ...place } = message.params as NotificationParams<"log/data">;
      this.#tellOutput({ ...place, records: Buffer.from(bytes, "base64") });
    } else if (message.method !== undefined) {
      for (const listener of this.#listeners.get(message.method) ?? []) listener(message.params as never);
    }
    if (typeof message.id !== "number" || message.method !== undefined) return false;
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error === undefined) pending?.resolve(message.result as never);
    else pending?.reject(new FaultError(faultOfReply(message.error, pending.method)));
    return true;
  }

  #tellOutput(output: Output): void {
    for (const listener of this.#outputListeners) listener(output);
  }

  #lost(reason: string, systemCode = "ECONNRESET"): Fault {
    return unreachable(`the connection to the supervisor at ${this.#endpoint} was lost: ${reason}`, systemCode);
  }

  /** What had come before the end is still told: a reply may be followed by the end in one breath. */
  #finish(reason: Fault): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#dispatchAll();
    this.#stream.destroy();
    for (const pending of this.#pending.values()) pending.reject(new FaultError(reason));
    this.#pending.clear();
    this.#resolveClosed(reason);
  }
}

function helloParams({ clientName, token }: ConnectOptions): Params<"hello"> {
  return {
    protocol: PROTOCOL_VERSION,
    oldest: PROTOCOL_OLDEST,
    client: { name: clientName, version: OVERMIND_VERSION },
    capabilities: ["binary-output"],
    ...(token === undefined ? {} : { token }),
  };
}

function faultOfReply(error: NonNullable<Message["error"]>, method: string): Fault {
  if (error.code === FAULT_ERROR_CODE && error.data !== undefined) return error.data as Fault;
  if (error.code === METHOD_NOT_FOUND) {
    return fault("incompatible-version", `the running supervisor does not know ${method}`, {
      hint: "`overmind supervisor restart` replaces it with this version; sessions go on",
    });
  }
  return fault("failed", `the supervisor refused ${method}: ${error.message}`);
}
