/**
 * One connection to the supervisor: the handshake, requests with their replies, subscriptions. Typed by
 * schemas/client-protocol.ts, of which nothing is loaded at run time (zod alone costs a command twice its start): what
 * the supervisor says is trusted. This room is the only door of every front end; it imports schemas alone, and it must
 * never load a library. Whoever wants a connection begins with connector.ts.
 */
import { createConnection } from "node:net";
import type { Duplex } from "node:stream";
import type {
  ClientNotification,
  ClientNotificationParams,
  MethodName,
  NotificationParams,
  Params,
  ResultOf,
} from "../../schemas/client-protocol.ts";
import { type Fault, FaultError, fault } from "../../schemas/fault.ts";
import { PROTOCOL_OLDEST, PROTOCOL_VERSION } from "../../schemas/protocol-version.ts";
import { encodeMessage, FramingError, MessageReader, type Output } from "./framing.ts";

/** A supervisor that is asked by hundreds at once answers `hello` in some ms; one that is stuck never does. */
const HELLO_LIMIT_MS = 10_000;

export interface ConnectOptions {
  /** What the supervisor's log calls this client. */
  readonly clientName: string;
  /** On the session socket: the session's token. */
  readonly token?: string;
}

/** What comes unasked of one subscription, in order. */
export interface SubscriptionHandler {
  /** Whole records (schemas/segment.ts); `offset` is the first one's. The bytes may be a view: copy them to keep them. */
  data?(attempt: number, offset: number, records: Buffer): void;
  dropped?(attempt: number, offset: number): void;
  end?(reason: NotificationParams<"log/end">["reason"]): void;
  events?(events: NotificationParams<"event/new">["events"]): void;
  changes?(changes: NotificationParams<"session/change">["changes"]): void;
}

/**
 * Messages are told in the order in which they came, and whoever awaits a reply has acted on it before the next one is
 * told: who subscribes as soon as it knows the subscription's number misses nothing.
 */
export interface Connection {
  readonly supervisor: ResultOf<"hello">["supervisor"];
  /**
   * Throws FaultError: the supervisor's own fault, `unreachable` when the connection was lost before, `unconfirmed`
   * when it breaks before the answer.
   */
  request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>>;
  notify<N extends ClientNotification>(method: N, params: ClientNotificationParams<N>): void;
  /** From now on, until the connection is lost or closed. */
  subscribe(subscription: number, handler: SubscriptionHandler): void;
  /** Resolves when the connection is lost or closed. */
  readonly lost: Promise<void>;
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
    const refuse = (error: NodeJS.ErrnoException) => {
      reject(new FaultError(unreachable(`nobody answers at ${endpoint} (${error.message})`, error.code)));
    };
    socket.once("error", refuse);
    socket.once("connect", () => {
      socket.off("error", refuse);
      resolve(socket);
    });
  });
}

function unreachable(message: string, systemCode = "ECONNRESET"): Fault {
  return fault("unreachable", message, {
    retryable: true,
    hint: "see overmind supervisor logs, and overmind doctor",
    data: { systemCode },
  });
}

interface Pending {
  readonly method: string;
  readonly resolve: (result: never) => void;
  readonly reject: (error: FaultError) => void;
}

interface Message {
  readonly id?: number | string | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string; readonly data?: unknown };
}

class StreamConnection implements Connection {
  readonly lost: Promise<void>;
  readonly #stream: Duplex;
  readonly #endpoint: string;
  readonly #reader = new MessageReader();
  readonly #pending = new Map<number, Pending>();
  readonly #subscriptions = new Map<number, SubscriptionHandler>();
  #supervisor: Connection["supervisor"] | undefined;
  #lastId = 0;
  #isDeferred = false;
  #end: Fault | undefined;
  #resolveLost: () => void = () => {};

  constructor(stream: Duplex, endpoint: string) {
    this.#stream = stream;
    this.#endpoint = endpoint;
    this.lost = new Promise((resolve) => {
      this.#resolveLost = resolve;
    });
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", (error: NodeJS.ErrnoException) => this.#finish(this.#broken(error.message, error.code)));
    stream.on("close", () => this.#finish(this.#broken("it was closed")));
  }

  get supervisor(): Connection["supervisor"] {
    if (this.#supervisor === undefined) throw new Error("a connection is handed out after its handshake alone");
    return this.#supervisor;
  }

  async shakeHands({ clientName, token }: ConnectOptions): Promise<void> {
    const silent = `the supervisor at ${this.#endpoint} does not answer`;
    const timer = setTimeout(() => this.#finish(unreachable(silent, "ETIMEDOUT")), HELLO_LIMIT_MS);
    try {
      const { supervisor, protocol } = await this.request("hello", {
        protocol: PROTOCOL_VERSION,
        oldest: PROTOCOL_OLDEST,
        client: { name: clientName, version: OVERMIND_VERSION },
        capabilities: ["binary-output"],
        ...(token === undefined ? {} : { token }),
      });
      if (protocol < PROTOCOL_OLDEST || protocol > PROTOCOL_VERSION)
        throw new FaultError(strange(supervisor, protocol));
      this.#supervisor = supervisor;
    } catch (error) {
      // Nothing was asked for yet: that it broke here means no more than that nobody answers.
      if (error instanceof FaultError && error.fault.code === "unconfirmed")
        throw new FaultError(this.#end ?? error.fault);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  request<M extends MethodName>(method: M, params: Params<M>): Promise<ResultOf<M>> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) {
        reject(new FaultError(this.#end));
        return;
      }
      this.#lastId += 1;
      this.#pending.set(this.#lastId, { method, resolve, reject });
      this.#stream.write(encodeMessage({ jsonrpc: "2.0", id: this.#lastId, method, params }));
    });
  }

  notify<N extends ClientNotification>(method: N, params: ClientNotificationParams<N>): void {
    if (this.#end === undefined) this.#stream.write(encodeMessage({ jsonrpc: "2.0", method, params }));
  }

  subscribe(subscription: number, handler: SubscriptionHandler): void {
    this.#subscriptions.set(subscription, handler);
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
      this.#finish(this.#broken(`it sent ${error.message}`));
    }
  }

  /** Returns true when the message was a reply. */
  #dispatch(message: Message): boolean {
    if (message.method !== undefined) {
      this.#tell(message.method, message.params);
      return false;
    }
    const pending = this.#pending.get(Number(message.id));
    this.#pending.delete(Number(message.id));
    if (message.error === undefined) pending?.resolve(message.result as never);
    else pending?.reject(new FaultError(faultOfReply(message.error, pending.method)));
    return pending !== undefined;
  }

  /** A method that is not known comes from a newer supervisor, which does without an answer. */
  #tell(method: string, params: unknown): void {
    if (method === "log/data") {
      const { bytes, ...place } = params as NotificationParams<"log/data">;
      this.#tellOutput({ ...place, records: Buffer.from(bytes, "base64") });
    } else if (method === "log/dropped") {
      const { subscription, attempt, offset } = params as NotificationParams<"log/dropped">;
      this.#subscriptions.get(subscription)?.dropped?.(attempt, offset);
    } else if (method === "log/end") {
      const { subscription, reason } = params as NotificationParams<"log/end">;
      const handler = this.#subscriptions.get(subscription);
      this.#subscriptions.delete(subscription);
      handler?.end?.(reason);
    } else if (method === "event/new") {
      const { subscription, events } = params as NotificationParams<"event/new">;
      this.#subscriptions.get(subscription)?.events?.(events);
    } else if (method === "session/change") {
      const { subscription, changes } = params as NotificationParams<"session/change">;
      this.#subscriptions.get(subscription)?.changes?.(changes);
    }
  }

  #tellOutput({ subscription, attempt, offset, records }: Output): void {
    this.#subscriptions.get(subscription)?.data?.(attempt, offset, records);
  }

  #broken(reason: string, systemCode?: string): Fault {
    return unreachable(`the connection to the supervisor at ${this.#endpoint} broke: ${reason}`, systemCode);
  }

  /** What had come before the end is still told: a reply may be followed by the end in one breath. */
  #finish(reason: Fault): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    this.#dispatchAll();
    this.#stream.destroy();
    for (const { method, reject } of this.#pending.values()) reject(new FaultError(unconfirmed(method, reason)));
    this.#pending.clear();
    this.#resolveLost();
  }
}

function strange({ version }: Connection["supervisor"], protocol: number): Fault {
  const ours =
    PROTOCOL_OLDEST === PROTOCOL_VERSION ? `${PROTOCOL_VERSION}` : `${PROTOCOL_OLDEST} to ${PROTOCOL_VERSION}`;
  return fault(
    "incompatible-version",
    `the supervisor (Overmind ${version}) speaks protocol ${protocol}, this client ${ours}`,
    { data: { protocol } },
  );
}

function unconfirmed(method: string, reason: Fault): Fault {
  return fault("unconfirmed", `${method} may or may not have been done: ${reason.message}`, {
    hint: "see what is (overmind ps) before you ask again",
  });
}

function faultOfReply(error: NonNullable<Message["error"]>, method: string): Fault {
  if (isFault(error.data)) return error.data;
  return fault("failed", `the supervisor refused ${method}: ${error.message}`);
}

function isFault(data: unknown): data is Fault {
  return typeof data === "object" && data !== null && "code" in data && "message" in data;
}
