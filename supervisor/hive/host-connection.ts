/** One connection to the process host: requests with ids and time-outs, and what the host tells unasked. */
import { createConnection, type Socket } from "node:net";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { encodeFrame, FrameReader } from "../../schemas/frame.ts";
import {
  type ControllerMessage,
  HOST_PROTOCOL_OLDEST,
  HOST_PROTOCOL_VERSION,
  type HostHello,
  type HostMessage,
} from "../../schemas/host-protocol.ts";

/** The host answers from memory, or after one write to disk: a machine that is this slow is better told so. */
const REQUEST_LIMIT_MS = 10_000;

type WithoutId<M> = M extends { readonly id: number } ? Omit<M, "id"> : never;
/** A message that gets a reply; the connection gives it its id. */
export type HostRequest = WithoutId<ControllerMessage>;
export type HostCommand = Extract<ControllerMessage, { readonly type: "credit" | "unsubscribe" }>;
/** What the host tells unasked. */
export type HostNews = Exclude<HostMessage, { readonly type: "reply" }>;

export interface HostListener {
  /** `bytes` is a view into what was received: it stays valid, and is not copied. */
  onNews(news: HostNews, bytes: Buffer): void;
  /** Called once, after every request has been answered with a Fault. */
  onClose(): void;
}

interface Waiting {
  readonly resolve: (result: Result<unknown>) => void;
  readonly timer: NodeJS.Timeout;
}

export class HostConnection {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #listener: HostListener | undefined;
  #lastId = 0;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", () => {
      // `close` follows, and says all that matters: the connection is gone.
    });
    socket.on("close", () => this.#close());
  }

  /** Undefined when nobody listens there. */
  static open(endpoint: string): Promise<HostConnection | undefined> {
    return new Promise((resolve) => {
      const socket = createConnection(endpoint);
      const refused = () => resolve(undefined);
      socket.once("error", refused);
      socket.once("connect", () => {
        socket.off("error", refused);
        resolve(new HostConnection(socket));
      });
    });
  }

  /** The first word of a connection. News are told from here on: the host may send them right behind its reply. */
  async hello(
    controller: { readonly epoch: number; readonly version: string },
    listener: HostListener,
  ): Promise<Result<HostHello>> {
    this.#listener = listener;
    const versions = { protocol: HOST_PROTOCOL_VERSION, oldest: HOST_PROTOCOL_OLDEST };
    return this.request<HostHello>({ type: "hello", ...versions, ...controller });
  }

  /** The value is what host-protocol.ts says of the request's reply: the host is ours, and not parsed again. */
  request<T>(request: HostRequest, bytes: readonly Buffer[] = []): Promise<Result<T>> {
    if (this.#isClosed) return Promise.resolve(failed(connectionLost()));
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const limitMs = REQUEST_LIMIT_MS + pausesOf(request);
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        resolve(failed(noAnswer(request.type, limitMs)));
      }, limitMs);
      this.#waiting.set(id, { resolve: (result) => resolve(result as Result<T>), timer });
      this.#send({ ...request, id }, bytes);
    });
  }

  send(command: HostCommand): void {
    if (!this.#isClosed) this.#send(command, []);
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(message: object, bytes: readonly Buffer[]): void {
    this.#socket.cork();
    for (const part of encodeFrame(message, bytes)) this.#socket.write(part);
    this.#socket.uncork();
  }

  #receive(chunk: Buffer): void {
    try {
      for (const { message, bytes } of this.#reader.push(chunk)) this.#take(message as HostMessage, bytes);
    } catch {
      // What is no frame comes from no host of ours; the connection's end is what the proxy acts on.
      this.#socket.destroy();
    }
  }

  #take(message: HostMessage, bytes: Buffer): void {
    if (message.type !== "reply") {
      this.#listener?.onNews(message, bytes);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return; // Its time was up.
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    waiting.resolve(message.ok ? ok(message.value) : failed(message.fault));
  }

  #close(): void {
    this.#isClosed = true;
    for (const { resolve, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      resolve(failed(connectionLost()));
    }
    this.#waiting.clear();
    this.#listener?.onClose();
  }
}

function connectionLost(): Fault {
  return fault("host-unavailable", "the connection to the process host is lost", {
    retryable: true,
    hint: "its sessions go on, and it is connected to again by itself",
  });
}

/**
 * A message is answered when it has been typed, with the pauses that were asked for. When it takes longer, whoever asks
 * again joins the same job.
 */
function pausesOf(request: HostRequest): number {
  return request.type === "deliver" ? request.steps.reduce((sum, step) => sum + step.pauseMs, 0) : 0;
}

function noAnswer(request: string, limitMs: number): Fault {
  return fault("host-unavailable", `the process host has not answered ${request} for ${limitMs / 1000} s`, {
    retryable: true,
    hint: "the machine may be overloaded; `overmind supervisor status` names the process host",
  });
}
