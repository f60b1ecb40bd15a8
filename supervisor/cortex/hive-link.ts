/** A hive as Cortex has it: the ports of one machine, at the other end of a channel. */
import { failed, fault, type Result } from "../../schemas/fault.ts";
import {
  type CortexToHive,
  HIVE_PROTOCOL_VERSION,
  type HiveChannel,
  type HiveCommand,
  type HiveMethod,
  type HiveToCortex,
} from "../../schemas/hive-protocol.ts";
import type { Disposable, Hive, HiveEvents, StreamFollower, StreamPart } from "../ports/hive.ts";

/** Resolves once the hive has said who it is. */
export function linkHive(channel: HiveChannel<CortexToHive, HiveToCortex>): Promise<Result<Hive>> {
  const link = new HiveLink(channel);
  return link.hello();
}

interface Waiting {
  resolve(result: Result<unknown>, bytes: Uint8Array): void;
}

type Listener<T> = (value: T) => void;

class HiveLink {
  readonly #channel: HiveChannel<CortexToHive, HiveToCortex>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #followers = new Map<number, StreamFollower>();
  readonly #exit = new Set<Parameters<HiveEvents["onExit"]>[0]>();
  readonly #activity = new Set<Parameters<HiveEvents["onActivity"]>[0]>();
  readonly #host = new Set<Parameters<HiveEvents["onHost"]>[0]>();
  #lastId = 0;
  #closed = false;
  #greeted: ((hello: HiveToCortex & { type: "hello" }) => void) | undefined;
  #refused: (() => void) | undefined;

  constructor(channel: HiveChannel<CortexToHive, HiveToCortex>) {
    this.#channel = channel;
    channel.onMessage((message, bytes) => this.#receive(message, bytes));
    channel.onClose(() => this.#close());
  }

  async hello(): Promise<Result<Hive>> {
    const greeting = new Promise<(HiveToCortex & { type: "hello" }) | undefined>((resolve) => {
      this.#greeted = resolve;
      this.#refused = () => resolve(undefined);
    });
    this.#channel.send({ type: "hello", protocol: HIVE_PROTOCOL_VERSION });
    const hello = await greeting;
    if (hello === undefined) return failed(hiveGone());
    if (hello.protocol !== HIVE_PROTOCOL_VERSION) {
      this.#channel.close();
      const text = `the hive speaks version ${hello.protocol} of its protocol, this supervisor ${HIVE_PROTOCOL_VERSION}`;
      return failed(fault("incompatible-version", text, { hint: "run the same version of Overmind on both" }));
    }
    return { ok: true, value: this.#hive(hello.hiveId) };
  }

  #hive(id: string): Hive {
    const ask = <T>(method: HiveMethod, params: unknown, bytes?: Uint8Array) => this.#request<T>(method, params, bytes);
    return {
      id,
      processes: {
        start: (spec) => ask("process/start", { spec }),
        observe: (key) => ask("process/observe", { key }),
        acknowledgeExit: (key) => ask("process/acknowledge-exit", { key }),
        input: (key, bytes) => ask("process/input", { key }, bytes),
        deliver: (key, message, bytes) => ask("process/deliver", { key, ...message }, bytes),
        closeInput: (key) => ask("process/close-input", { key }),
        resize: (key, size) => ask("process/resize", { key, size }),
        signal: (key, signal) => ask("process/signal", { key, signal }),
        appendMarker: (key, marker) => ask("process/append-marker", { key, marker }),
        appendGap: (key, gap) => ask("process/append-gap", { key, gap }),
        forgetSession: (sessionId) => ask("process/forget-session", { sessionId }),
      },
      trees: {
        signal: (sessionId, main, signal) =>
          ask("tree/signal", { sessionId, signal, ...(main === undefined ? {} : { main }) }),
        members: (sessionId, main) => ask("tree/members", { sessionId, ...(main === undefined ? {} : { main }) }),
        usage: (sessions, { io }) => ask("tree/usage", { sessions, io }),
      },
      machine: {
        memory: () => ask("machine/memory", {}),
        loginEnvironment: () => ask("machine/login-environment", {}),
      },
      workspaces: {
        plan: (request) => ask("workspace/plan", request),
        prepare: (sessionId, workspace) => ask("workspace/prepare", { sessionId, workspace }),
        unsavedWork: (workspace) => ask("workspace/unsaved-work", { workspace }),
        remove: (sessionId, workspace, options) => ask("workspace/remove", { sessionId, workspace, ...options }),
      },
      streams: {
        list: (sessionId, only) => ask("stream/list", { sessionId, ...(only === undefined ? {} : { only }) }),
        read: (key, fromOffset, maxBytes) => this.#read({ key, fromOffset, maxBytes }),
        offsetOfLastLines: (key, lines) => ask("stream/offset-of-last-lines", { key, lines }),
        offsetOfTime: (key, timeMs) => ask("stream/offset-of-time", { key, timeMs }),
        follow: (key, fromOffset, creditBytes, follower) => this.#follow({ key, fromOffset, creditBytes }, follower),
      },
      onExit: (listener) => listen(this.#exit, listener),
      onActivity: (listener) => listen(this.#activity, listener),
      onHost: (listener) => listen(this.#host, listener),
    };
  }

  #request<T>(method: HiveMethod, params: unknown, bytes?: Uint8Array): Promise<Result<T>> {
    return new Promise((resolve) =>
      this.#ask(method, params, bytes, { resolve: (result) => resolve(result as Result<T>) }),
    );
  }

  #read(params: unknown): Promise<Result<StreamPart>> {
    return new Promise((resolve) => {
      this.#ask("stream/read", params, undefined, {
        resolve: (result, bytes) => {
          if (!result.ok) resolve(result);
          else resolve({ ok: true, value: { offset: (result.value as { offset: number }).offset, bytes } });
        },
      });
    });
  }

  #ask(method: HiveMethod, params: unknown, bytes: Uint8Array | undefined, waiting: Waiting): void {
    if (this.#closed) {
      waiting.resolve(failed(hiveGone()), new Uint8Array(0));
      return;
    }
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, waiting);
    this.#channel.send({ type: "request", id: this.#lastId, method, params }, bytes);
  }

  #follow(
    params: { readonly key: unknown; readonly fromOffset: number; readonly creditBytes: number },
    follower: StreamFollower,
  ) {
    this.#lastId += 1;
    const subscription = this.#lastId;
    const command = (method: HiveCommand, rest: object) =>
      this.#channel.send({ type: "command", method, params: { subscription, ...rest } });
    this.#followers.set(subscription, follower);
    command("stream/follow", params);
    return {
      credit: (bytes: number) => command("stream/credit", { bytes }),
      dispose: () => {
        if (this.#followers.delete(subscription)) command("stream/unfollow", {});
      },
    };
  }

  #receive(message: HiveToCortex, bytes: Uint8Array): void {
    switch (message.type) {
      case "hello":
        this.#greeted?.(message);
        return;
      case "reply": {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        waiting?.resolve(message.ok ? { ok: true, value: message.value } : { ok: false, fault: message.fault }, bytes);
        return;
      }
      case "stream-data":
        this.#followers.get(message.subscription)?.onData({ offset: message.offset, bytes });
        return;
      case "stream-dropped":
        this.#followers.get(message.subscription)?.onDropped(message.offset);
        return;
      case "stream-end": {
        const follower = this.#followers.get(message.subscription);
        this.#followers.delete(message.subscription);
        follower?.onEnd();
        return;
      }
      case "exit":
        for (const listener of this.#exit) listener(message.process);
        return;
      case "activity":
        for (const listener of this.#activity) listener(message.activity);
        return;
      case "host":
        for (const listener of this.#host) listener(message.hostId);
        return;
    }
  }

  #close(): void {
    this.#closed = true;
    this.#refused?.();
    for (const waiting of this.#waiting.values()) waiting.resolve(failed(hiveGone()), new Uint8Array(0));
    this.#waiting.clear();
    for (const follower of this.#followers.values()) follower.onEnd();
    this.#followers.clear();
  }
}

function listen<T>(listeners: Set<Listener<T>>, listener: Listener<T>): Disposable {
  listeners.add(listener);
  return { dispose: () => void listeners.delete(listener) };
}

function hiveGone() {
  return fault("host-unavailable", "the connection to the hive is closed", {
    retryable: true,
    hint: "its sessions go on; they are seen again when it is back",
  });
}
