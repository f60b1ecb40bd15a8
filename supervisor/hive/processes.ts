/** The Processes port: what the rules ask of this machine's processes, in the words of the host's protocol. */
import { ok, type Result } from "../../schemas/fault.ts";
import type { HostDelivered, HostedProcess, HostStarted } from "../../schemas/host-protocol.ts";
import { type StreamKey, streamId } from "../../schemas/segment.ts";
import type { Processes } from "../ports/hive.ts";
import type { HostRequest } from "./host-connection.ts";
import type { HostProxy } from "./host-proxy.ts";

/** Processes of the connected host, as it last told: kept up to date by its hello, its news and our own requests. */
export class HostedProcesses {
  readonly #known = new Map<string, HostedProcess>();

  /** What a host that has just been connected to has, and nothing else. */
  replace(processes: readonly HostedProcess[]): void {
    this.#known.clear();
    for (const one of processes) this.set(one);
  }

  set(one: HostedProcess): void {
    this.#known.set(streamId(one.key), one);
  }

  get(key: StreamKey): HostedProcess | undefined {
    return this.#known.get(streamId(key));
  }

  delete(key: StreamKey): void {
    this.#known.delete(streamId(key));
  }

  forgetSession(sessionId: string): void {
    for (const [id, { key }] of this.#known) if (key.sessionId === sessionId) this.#known.delete(id);
  }

  get running(): number {
    let count = 0;
    for (const { exit } of this.#known.values()) if (exit === undefined) count += 1;
    return count;
  }
}

export function hostProcesses(
  proxy: HostProxy,
  known: HostedProcesses,
  on: { started(process: HostedProcess): void; forgotten(sessionId: string): void },
): Processes {
  const ask = async (request: HostRequest, bytes?: readonly Buffer[]): Promise<Result<void>> => {
    const answered = await proxy.request<unknown>(request, bytes);
    return answered.ok ? ok(undefined) : answered;
  };
  const bufferOf = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    async start(spec) {
      const started = await proxy.request<HostStarted>({ type: "start", spec });
      if (!started.ok) return started;
      const { host } = proxy;
      // Lost right behind its reply: the next look finds out which host answers then.
      if (!host.ok) return host;
      const { process } = started.value;
      // News of its exit may have come in the same breath as the reply, and been heard before it.
      if (known.get(process.key)?.exit === undefined) known.set(process);
      on.started(process);
      return ok({ hostId: host.value.hostId, process });
    },
    observe(key) {
      const { host } = proxy;
      return Promise.resolve(host.ok ? ok({ hostId: host.value.hostId, process: known.get(key) }) : host);
    },
    async acknowledgeExit(key) {
      const acknowledged = await ask({ type: "acknowledge-exit", key });
      if (acknowledged.ok) known.delete(key);
      return acknowledged;
    },
    input: (key, bytes) => ask({ type: "input", key }, [bufferOf(bytes)]),
    deliver: (key, { messageId, marker, steps }, bytes) =>
      proxy.request<HostDelivered>({ type: "deliver", key, messageId, marker, steps }, [bufferOf(bytes)]),
    closeInput: (key) => ask({ type: "close-input", key }),
    resize: (key, size) => ask({ type: "resize", key, size }),
    signal: (key, signal) => ask({ type: "signal", key, signal }),
    appendMarker: (key, payload) => ask({ type: "append", key, record: { kind: "marker", payload } }),
    appendGap: (key, payload) => ask({ type: "append", key, record: { kind: "gap", payload } }),
    async forgetSession(sessionId) {
      const forgotten = await ask({ type: "forget-session", sessionId });
      if (!forgotten.ok) return forgotten;
      known.forgetSession(sessionId);
      on.forgotten(sessionId);
      return forgotten;
    },
  };
}
