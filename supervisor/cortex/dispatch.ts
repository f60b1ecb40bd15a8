/**
 * Serves one client: hello first, then each request parsed once by its schema and handed to its handler behind a fence,
 * so that a bug answers one request and harms no other. Requests run side by side, except those that must keep their order.
 */
import type { Socket } from "node:net";
import {
  type CancellationToken,
  createMessageConnection,
  ErrorCodes,
  type Message,
  type MessageConnection,
  NullLogger,
  ResponseError,
} from "vscode-jsonrpc/node";
import { type MethodName, methods, notifications } from "../../schemas/client-protocol.ts";
import { type Fault, FaultError, fault, faultOf, type Result } from "../../schemas/fault.ts";
import { FAULT_ERROR_CODE } from "../../schemas/protocol-version.ts";
import type { Disposable } from "../ports/hive.ts";
import { SocketConnection } from "./client-connection.ts";
import type { Caller, Handlers, RequestContext } from "./handler.ts";
import { type Door, greet } from "./hello.ts";
import { invalidParams } from "./invalid-params.ts";
import type { Services } from "./services.ts";
import { SocketMessageReader } from "./transport/message-reader.ts";
import { SocketMessageWriter } from "./transport/message-writer.ts";

/** A client says hello in its first write; one that says nothing for so long only occupies a place. */
const HELLO_LIMIT_MS = 10_000;
/** What a person types must arrive as typed, and the last size of a terminal must win. */
const IN_ORDER: ReadonlySet<string> = new Set<MethodName>(["session/input", "session/close-input", "session/resize"]);

export interface DispatchParts {
  readonly services: Pick<Services, "store" | "clock" | "log" | "identity">;
  readonly handlers: Handlers;
  readonly door: Door;
}

export interface ServedClient {
  /** Undefined before its hello. */
  readonly caller: Caller | undefined;
  /** Nothing of it is served any more; what has been answered still goes out. */
  end(): void;
}

export function serveClient(socket: Socket, parts: DispatchParts): ServedClient {
  return new Client(socket, parts);
}

class Client implements ServedClient {
  readonly #parts: DispatchParts;
  readonly #writer: SocketMessageWriter;
  readonly #reader: SocketMessageReader;
  readonly #connection: SocketConnection;
  readonly #rpc: MessageConnection;
  readonly #underWay = new Set<AbortController>();
  readonly #afterReply = new Map<string, (() => void)[]>();
  readonly #helloLimit: Disposable;
  #caller: Caller | undefined;
  /** The last of the requests that keep their order; never rejects. */
  #lastInOrder: Promise<unknown> = Promise.resolve();
  /** The request that is being handed over right now: the library does not tell its handler the id. */
  #handedOver: string | undefined;

  constructor(socket: Socket, parts: DispatchParts) {
    const { log, clock } = parts.services;
    this.#parts = parts;
    this.#writer = new SocketMessageWriter(socket, log);
    this.#reader = new SocketMessageReader(socket, this.#writer, log);
    this.#connection = new SocketConnection(this.#writer);
    this.#writer.onResponse = (id) => this.#replied(id);
    this.#rpc = createMessageConnection(this.#reader, this.#writer, NullLogger, {
      messageStrategy: {
        // Whoever does not read its answers gets no more of them; a message already read waits here.
        handleMessage: (message, next) =>
          this.#writer.saturated
            ? this.#connection.drained().then(() => this.#handOver(message, next))
            : this.#handOver(message, next),
      },
    });
    this.#rpc.onRequest((method, params, token) => this.#request(method, params, token));
    this.#rpc.onNotification((method, params) => this.#notification(method, params));
    this.#helloLimit = clock.after(HELLO_LIMIT_MS, () =>
      this.#refuseToGoOn(`no hello within ${HELLO_LIMIT_MS / 1000} s`),
    );
    socket.on("close", () => this.#closed());
    this.#rpc.listen();
  }

  get caller(): Caller | undefined {
    return this.#caller;
  }

  end(): void {
    this.#reader.end();
    this.#writer.end();
    this.#rpc.dispose();
  }

  #closed(): void {
    this.#helloLimit.dispose();
    this.#reader.end();
    this.#connection.close();
    for (const request of this.#underWay) request.abort();
    this.#underWay.clear();
    this.#rpc.dispose();
  }

  #refuseToGoOn(why: string): void {
    this.#writer.refuse(null, ErrorCodes.InvalidRequest, why);
    this.end();
  }

  #replied(id: number | string): void {
    this.#reader.answered(id);
    const runs = this.#afterReply.get(String(id));
    this.#afterReply.delete(String(id));
    for (const run of runs ?? []) run();
  }

  #handOver(message: Message, next: (message: Message) => void | Promise<void>): void | Promise<void> {
    this.#reader.begun(message);
    this.#handedOver = idOf(message);
    return next(message);
  }

  /** Synchronous up to the handler's own first wait, so that a request sent in one write with its hello finds it done. */
  #request(method: string, params: unknown, token: CancellationToken): unknown {
    const id = this.#handedOver ?? "";
    const afterReply = (run: () => void) => void this.#afterReply.set(id, [...(this.#afterReply.get(id) ?? []), run]);
    if (method === "hello") return this.#hello(params, afterReply);
    const caller = this.#caller;
    if (caller === undefined) {
      afterReply(() => this.end());
      return new ResponseError(ErrorCodes.InvalidRequest, "the first request of a connection is hello");
    }
    if (!isMethod(method)) return new ResponseError(ErrorCodes.MethodNotFound, ...spoken(this.#unknownMethod(method)));
    const schema = methods[method];
    if (caller.kind === "session" && !schema.fromSession) return faultError(notFromSession(method));
    const parsed = schema.params.safeParse(params ?? {});
    if (!parsed.success) {
      return new ResponseError(ErrorCodes.InvalidParams, ...spoken(invalidParams(method, parsed.error.issues)));
    }
    const cancelling = new AbortController();
    const context = { caller, connection: this.#connection, cancelled: cancelling.signal, afterReply };
    const run = () => this.#run(method, parsed.data, context, cancelling, token);
    if (!IN_ORDER.has(method)) return run();
    const turn = this.#lastInOrder.then(run);
    this.#lastInOrder = turn;
    return turn;
  }

  #hello(params: unknown, afterReply: RequestContext["afterReply"]): unknown {
    if (this.#caller !== undefined) return new ResponseError(ErrorCodes.InvalidRequest, "hello has been said");
    const greeted = this.#fenced("hello", () => greet(params, this.#parts.door, this.#parts.services));
    if (!greeted.ok) {
      afterReply(() => this.end());
      const { fault: why } = greeted;
      return why.code === "invalid-params"
        ? new ResponseError(ErrorCodes.InvalidParams, ...spoken(why))
        : faultError(why);
    }
    this.#helloLimit.dispose();
    this.#caller = greeted.value.caller;
    this.#connection.rawOutput = greeted.value.rawOutput;
    return greeted.value.reply;
  }

  /** Never rejects. */
  async #run(
    method: Exclude<MethodName, "hello">,
    params: unknown,
    context: RequestContext,
    cancelling: AbortController,
    token: CancellationToken,
  ): Promise<unknown> {
    this.#underWay.add(cancelling);
    const listening = token.onCancellationRequested(() => cancelling.abort());
    if (token.isCancellationRequested) cancelling.abort();
    try {
      // The schema of this very method has parsed them: the table pairs each with its handler.
      const handler = this.#parts.handlers[method] as (given: unknown, of: RequestContext) => Promise<Result<unknown>>;
      const result = await handler(params, context);
      return result.ok ? result.value : faultError(result.fault);
    } catch (error) {
      return faultError(this.#told(method, error));
    } finally {
      listening.dispose();
      this.#underWay.delete(cancelling);
    }
  }

  #fenced<T>(method: string, run: () => Result<T>): Result<T> {
    try {
      return run();
    } catch (error) {
      return { ok: false, fault: this.#told(method, error) };
    }
  }

  /** What a fence caught, as the fault to answer with; a bug is logged with its place. */
  #told(method: string, error: unknown): Fault {
    const told = faultOf(error);
    if (!(error instanceof FaultError)) {
      this.#parts.services.log.error("a request failed", {
        method,
        fault: told,
        stack: error instanceof Error ? error.stack : undefined,
      });
    }
    return told;
  }

  #notification(method: string, params: unknown): void {
    if (this.#caller === undefined) {
      this.#refuseToGoOn("the first request of a connection is hello");
      return;
    }
    // JSON-RPC leaves no way to answer a notification: one that is not known or not well formed is passed over.
    if (method !== "log/credit") return;
    const credit = notifications.client[method].safeParse(params);
    if (credit.success) this.#connection.held(credit.data.subscription)?.credit?.(credit.data.bytes);
  }

  #unknownMethod(method: string): Fault {
    const { version } = this.#parts.services.identity;
    return fault(
      "incompatible-version",
      `this supervisor (Overmind ${version}) has no method ${JSON.stringify(method)}`,
      {
        hint: "if the client is newer: overmind supervisor restart (sessions go on)",
      },
    );
  }
}

function isMethod(name: string): name is Exclude<MethodName, "hello"> {
  return name !== "hello" && Object.hasOwn(methods, name);
}

function idOf(message: Message): string | undefined {
  const { id } = message as { readonly id?: number | string };
  return id === undefined ? undefined : String(id);
}

function notFromSession(method: string): Fault {
  return fault("not-permitted", `${method} is not for sessions`, {
    hint: "a session runs, reads, waits for and stops its own descendants; the rest is for the user, outside of it",
  });
}

function faultError(value: Fault): ResponseError<Fault> {
  return new ResponseError(FAULT_ERROR_CODE, ...spoken(value));
}

function spoken(value: Fault): [message: string, data: Fault] {
  return [value.message, value];
}
