/**
 * The connection to this home's process host, for as long as the supervisor lives: found or started, and connected to
 * again whenever it is lost. A host that lives is never replaced, whatever it does; one that has died is, and everybody
 * is told, for its processes have no witness any more.
 */
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import type { HomeLayout } from "../../schemas/home.ts";
import type { HostHello } from "../../schemas/host-protocol.ts";
import type { Log } from "../ports/clock.ts";
import { HostConnection, type HostCommand as HostMessage, type HostNews, type HostRequest } from "./host-connection.ts";
import { askToListen, findHost, type HostCommand, startHost } from "./host-process.ts";

/** The first try again follows at once, for a connection is lost before its host is known to be dead. */
const FIRST_RETRY_MS = 10;
/** A host that cannot be started is tried again this rarely: the log names the reason each time. */
const LAST_RETRY_MS = 5_000;

export interface HostProxyOptions {
  readonly layout: HomeLayout;
  readonly command: HostCommand;
  readonly epoch: number;
  readonly version: string;
  readonly umask: number | undefined;
  readonly limits: HostLimits;
  readonly log: Log;
  onConnected(hello: HostHello): void;
  onLost(): void;
  onNews(news: HostNews, bytes: Buffer): void;
}

export interface HostLimits {
  readonly sessionLogBytes: number;
  readonly totalLogBytes: number;
}

interface Connected {
  readonly connection: HostConnection;
  readonly hello: HostHello;
}

export class HostProxy {
  readonly #options: HostProxyOptions;
  #limits: HostLimits;
  #connected: Connected | undefined;
  #fault: Fault = notYet();
  #retryMs = FIRST_RETRY_MS;
  #timer: NodeJS.Timeout | undefined;
  /** Closed by its owner, or ruled out by a supervisor of a higher epoch. */
  #isOver = false;

  constructor(options: HostProxyOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  /** The host that answers now, as it said hello; or why there is none. */
  get host(): Result<HostHello> {
    return this.#connected === undefined ? failed(this.#fault) : ok(this.#connected.hello);
  }

  /** The first try. Whether or not it succeeds, the proxy goes on trying by itself. */
  async start(): Promise<void> {
    await this.#try();
  }

  async request<T>(request: HostRequest, bytes?: readonly Buffer[]): Promise<Result<T>> {
    return this.#connected?.connection.request<T>(request, bytes) ?? failed(this.#fault);
  }

  send(message: HostMessage): void {
    this.#connected?.connection.send(message);
  }

  async setLimits(limits: HostLimits): Promise<void> {
    this.#limits = limits;
    const set = await this.request({ type: "limits", ...limits });
    // One that is not connected now is told when it is.
    if (!set.ok) this.#options.log.warn("the limits of the logs are not set yet", { fault: set.fault });
  }

  /** Leaves the host running, unless it has nothing to do and `endIdleHost` asks for its end. */
  async close(options: { readonly endIdleHost: boolean }): Promise<void> {
    if (options.endIdleHost) await this.request({ type: "shutdown" }); // Refused while it has processes, as it should.
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#connected?.connection.close();
  }

  async #try(): Promise<void> {
    const obstacle = await this.#connect();
    if (obstacle === undefined) {
      this.#retryMs = FIRST_RETRY_MS;
      return;
    }
    this.#fault = obstacle;
    if (this.#isOver) return;
    if (this.#retryMs > FIRST_RETRY_MS) this.#options.log.warn("no process host yet", { fault: obstacle });
    this.#tryLater();
  }

  #tryLater(): void {
    this.#timer = setTimeout(() => void this.#try(), this.#retryMs);
    this.#retryMs = Math.min(LAST_RETRY_MS, this.#retryMs * 4);
  }

  /** Undefined when it is connected, else why not. */
  async #connect(): Promise<Fault | undefined> {
    const { layout, command, version, umask, log } = this.#options;
    let host = findHost(layout);
    if (host === undefined) {
      const started = await startHost(layout, command, version, umask);
      if (!started.ok) return { ...started.fault, retryable: true };
      host = started.value;
      log.info("started a process host", { pid: host.pid, hostId: host.hostId });
    }
    const connection = await HostConnection.open(host.socket);
    if (connection === undefined) {
      // It lives and nobody listens: its socket was deleted. It is asked for another, and never doubled.
      askToListen(layout, host);
      return doesNotListen(host.pid);
    }
    if (this.#isOver) {
      connection.close();
      return undefined;
    }
    return this.#greet(connection);
  }

  async #greet(connection: HostConnection): Promise<Fault | undefined> {
    const { epoch, version, log } = this.#options;
    const hello = await connection.hello(
      { epoch, version },
      {
        onNews: (news, bytes) => this.#options.onNews(news, bytes),
        onClose: () => this.#lost(connection),
      },
    );
    if (!hello.ok) {
      connection.close();
      return this.#refused(hello.fault);
    }
    this.#connected = { connection, hello: hello.value };
    const { pid, hostId, version: hostVersion, processes } = hello.value;
    log.info("connected to the process host", { pid, hostId, version: hostVersion, processes: processes.length });
    void this.setLimits(this.#limits);
    this.#options.onConnected(hello.value);
    return undefined;
  }

  /** By a host that obeys another supervisor, or that is too old or too new for us: for good. Else it is tried again. */
  #refused(said: Fault): Fault {
    if (said.code !== "conflict" && said.code !== "incompatible-version") return { ...said, retryable: true };
    this.#isOver = true;
    this.#options.log.error("the process host does not obey this supervisor", { fault: said });
    return fault("host-unavailable", said.message, {
      hint: said.hint ?? "another supervisor rules this home: end this one",
      data: { code: said.code },
    });
  }

  #lost(connection: HostConnection): void {
    if (this.#connected?.connection !== connection) return;
    this.#connected = undefined;
    this.#fault = notYet();
    if (this.#isOver) return;
    this.#options.log.warn("lost the process host", {});
    this.#options.onLost();
    this.#tryLater();
  }
}

function notYet(): Fault {
  return fault("host-unavailable", "the process host is not connected", {
    retryable: true,
    hint: "it is found or started by itself; its sessions go on",
  });
}

function doesNotListen(pid: number): Fault {
  return fault("host-unavailable", `the process host (process ${pid}) lives and does not listen`, {
    retryable: true,
    hint: "it has been asked to listen anew",
  });
}
