/** Who commands the host: one connection at a time, the one with the highest epoch; and what it may say. */
import type { Socket } from "node:net";
import { type Fault, failed, fault, faultOf, ok, type Result } from "../../schemas/fault.ts";
import {
  type ControllerMessage,
  HOST_PROTOCOL_OLDEST,
  HOST_PROTOCOL_VERSION,
  type HostHello,
} from "../../schemas/host-protocol.ts";
import { Connection } from "./connection.ts";
import { parseControllerMessage, requestId } from "./controller-message.ts";
import type { Feed } from "./feed.ts";
import type { ProcessHost } from "./host.ts";
import type { LogShelf } from "./log-shelf.ts";
import { describeError, report } from "./report.ts";

type Request = Exclude<ControllerMessage, { type: "hello" | "credit" | "unsubscribe" }>;

export interface ControllerOptions {
  readonly host: ProcessHost;
  readonly feed: Feed;
  readonly shelf: LogShelf;
  /** What this host says of itself. */
  readonly identity: Pick<HostHello, "version" | "pid" | "startTime" | "hostId">;
  /** Called once `shutdown` has been answered. */
  readonly onShutdown: () => void;
}

export class Controllers {
  readonly #options: ControllerOptions;
  #epoch = -1;
  #present: Connection | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
  }

  accept(socket: Socket): void {
    const connection: Connection = new Connection(
      socket,
      (message, bytes) => this.#receive(connection, message, bytes),
      () => this.#left(connection),
    );
  }

  #left(connection: Connection): void {
    if (this.#present !== connection) return;
    this.#present = undefined;
    this.#options.feed.setController(undefined);
  }

  #receive(connection: Connection, raw: unknown, bytes: Buffer): void {
    const message = parseControllerMessage(raw, bytes.length);
    if (message.type === "bad") {
      const id = requestId(raw);
      if (id !== undefined) reply(connection, id, failed(message.fault));
      if (connection !== this.#present) connection.end();
    } else if (message.type === "hello") {
      this.#hello(connection, message);
    } else if (connection !== this.#present) {
      connection.close(); // It has not said hello, or another commands by now.
    } else if (message.type === "credit") {
      this.#options.feed.credit(message.key, message.bytes);
    } else if (message.type === "unsubscribe") {
      this.#options.feed.unsubscribe(message.key);
    } else {
      void this.#answer(connection, message, bytes);
    }
  }

  #hello(connection: Connection, hello: ControllerMessage & { type: "hello" }): void {
    const obstacle = this.#obstacleTo(hello);
    if (obstacle !== undefined) {
      reply(connection, hello.id, failed(obstacle));
      connection.end();
      return;
    }
    const { host, feed, identity } = this.#options;
    const previous = this.#present;
    this.#epoch = hello.epoch;
    this.#present = connection;
    connection.accept();
    feed.setController(connection);
    if (previous !== connection) previous?.close();
    const protocol = Math.min(HOST_PROTOCOL_VERSION, hello.protocol);
    reply(connection, hello.id, ok<HostHello>({ protocol, ...identity, processes: host.list() }));
  }

  #obstacleTo(hello: ControllerMessage & { type: "hello" }): Fault | undefined {
    if (hello.oldest > HOST_PROTOCOL_VERSION || hello.protocol < HOST_PROTOCOL_OLDEST) {
      const ours = `${HOST_PROTOCOL_OLDEST} to ${HOST_PROTOCOL_VERSION}`;
      return fault(
        "incompatible-version",
        `the process host (${this.#options.identity.version}) speaks versions ${ours} of its protocol, the supervisor (${hello.version}) ${hello.oldest} to ${hello.protocol}`,
        { hint: "stop the sessions with the version that started them, then start the new one" },
      );
    }
    if (hello.epoch >= this.#epoch) return undefined;
    return fault(
      "conflict",
      `a supervisor of epoch ${this.#epoch} commands the process host, this one has ${hello.epoch}`,
    );
  }

  /** The fence of a request: a bug answers it with a Fault and harms no other. */
  async #answer(connection: Connection, request: Request, bytes: Buffer): Promise<void> {
    try {
      if (request.type === "subscribe") return this.#subscribe(connection, request);
      const outcome = this.#carryOut(request, bytes);
      reply(connection, request.id, outcome instanceof Promise ? await outcome : outcome);
      if (request.type === "shutdown" && !(outcome instanceof Promise) && outcome.ok) this.#options.onShutdown();
    } catch (error) {
      report(`${request.type}: ${describeError(error)}`);
      reply(connection, request.id, failed(faultOf(error)));
    }
  }

  #subscribe(connection: Connection, request: Request & { type: "subscribe" }): void {
    const { key, fromOffset, creditBytes, id } = request;
    const { host, feed } = this.#options;
    feed.subscribe(key, fromOffset, creditBytes, host.writerOf(key), (value) => reply(connection, id, ok(value)));
  }

  #carryOut(
    request: Exclude<Request, { type: "subscribe" }>,
    bytes: Buffer,
  ): Result<unknown> | Promise<Result<unknown>> {
    const { host, shelf } = this.#options;
    switch (request.type) {
      case "list":
        return ok(host.list());
      case "start":
        return host.start(request.spec);
      case "input":
        return host.input(request.key, bytes);
      case "deliver":
        return host.deliver(request.key, request.messageId, { marker: request.marker, steps: request.steps, bytes });
      case "close-input":
        return host.closeInput(request.key);
      case "resize":
        return host.resize(request.key, request.size);
      case "signal":
        return host.signal(request.key, request.signal);
      case "append":
        return host.append(request.key, request.record);
      case "acknowledge-exit":
        return host.acknowledgeExit(request.key);
      case "forget-session":
        return host.forgetSession(request.sessionId);
      case "limits":
        shelf.setLimits(request.sessionLogBytes, request.totalLogBytes);
        return ok(null);
      case "shutdown":
        return this.#mayShutDown();
    }
  }

  #mayShutDown(): Result<null> {
    const processes = this.#options.host.list();
    if (processes.length === 0) return ok(null);
    const running = processes.filter(({ exit }) => exit === undefined).length;
    const ended = processes.length - running;
    return failed(
      fault(
        "conflict",
        `the process host has ${running} running processes and ${ended} exits that are not acknowledged`,
        {
          retryable: true,
        },
      ),
    );
  }
}

function reply(connection: Connection, id: number, result: Result<unknown>): void {
  connection.send(
    result.ok
      ? { type: "reply", id, ok: true, value: result.value }
      : { type: "reply", id, ok: false, fault: result.fault },
  );
}
