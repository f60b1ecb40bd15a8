/** The hive's end of its protocol: parses what Cortex asks, once, and hands it to this machine's ports. */
import { fault, faultOf, type Result } from "../../schemas/fault.ts";
import {
  type CortexToHive,
  HIVE_PROTOCOL_VERSION,
  type HiveChannel,
  type HiveMethod,
  type HiveToCortex,
  hiveCommands,
  hiveMethods,
} from "../../schemas/hive-protocol.ts";
import type { ProcessSpec } from "../../schemas/host-protocol.ts";
import type { ProcessIdentity, WorkspaceRecord } from "../core/session.ts";
import type { Log } from "../ports/clock.ts";
import type { Delivery, Disposable, Hive, StreamSubscription } from "../ports/hive.ts";

type Served = HiveChannel<HiveToCortex, CortexToHive>;

export function serveHive(hive: Hive, channel: Served, log: Log): Disposable {
  const subscriptions = new Map<number, StreamSubscription>();
  const told = [
    hive.onExit((process) => channel.send({ type: "exit", process })),
    hive.onActivity((activity) => channel.send({ type: "activity", activity })),
    hive.onHost((hostId) => channel.send({ type: "host", hostId })),
  ];
  function dispose(): void {
    for (const one of told) one.dispose();
    for (const one of subscriptions.values()) one.dispose();
    subscriptions.clear();
  }
  channel.onMessage((message, bytes) => {
    if (message.type === "hello") channel.send({ type: "hello", protocol: HIVE_PROTOCOL_VERSION, hiveId: hive.id });
    else if (message.type === "request") void answer(hive, channel, message, bytes);
    else obey(hive, channel, subscriptions, message, log);
  });
  channel.onClose(dispose);
  return { dispose };
}

/** The fence of a request: a bug answers it with a Fault and harms no other. */
async function answer(
  hive: Hive,
  channel: Served,
  request: CortexToHive & { type: "request" },
  bytes: Uint8Array,
): Promise<void> {
  const { id } = request;
  try {
    const method = request.method as HiveMethod;
    const schema = hiveMethods[method];
    const params = schema?.safeParse(request.params);
    if (params === undefined) {
      channel.send({
        type: "reply",
        id,
        ok: false,
        fault: fault("invalid-params", `the hive knows no method ${request.method}`),
      });
    } else if (!params.success) {
      channel.send({
        type: "reply",
        id,
        ok: false,
        fault: fault("invalid-params", `${method}: ${params.error.message}`),
      });
    } else if (method === "stream/read") {
      const { key, fromOffset, maxBytes } = hiveMethods[method].parse(request.params);
      const part = await hive.streams.read(key, fromOffset, maxBytes);
      if (part.ok)
        channel.send({ type: "reply", id, ok: true, value: { offset: part.value.offset } }, part.value.bytes);
      else channel.send({ type: "reply", id, ok: false, fault: part.fault });
    } else {
      const result = await call(hive, method, params.data, bytes);
      if (result.ok) channel.send({ type: "reply", id, ok: true, value: result.value });
      else channel.send({ type: "reply", id, ok: false, fault: result.fault });
    }
  } catch (error) {
    channel.send({ type: "reply", id, ok: false, fault: faultOf(error) });
  }
}

type Calls = {
  readonly [M in Exclude<HiveMethod, "stream/read">]: (
    hive: Hive,
    params: never,
    bytes: Uint8Array,
  ) => Promise<Result<unknown>>;
};
interface Keyed {
  readonly key: ProcessSpec["key"];
}
interface OfTree {
  readonly sessionId: string;
  readonly main?: ProcessIdentity;
}
interface OfWorkspace {
  readonly sessionId: string;
  readonly workspace: WorkspaceRecord;
}

const CALLS: Calls = {
  "process/start": (hive, params: { spec: ProcessSpec }) => hive.processes.start(params.spec),
  "process/observe": (hive, params: Keyed) => hive.processes.observe(params.key),
  "process/acknowledge-exit": (hive, params: Keyed) => hive.processes.acknowledgeExit(params.key),
  "process/input": (hive, params: Keyed, bytes) => hive.processes.input(params.key, bytes),
  "process/deliver": (hive, params: Keyed & Delivery, bytes) => {
    const { key, messageId, marker, steps } = params;
    return hive.processes.deliver(key, { messageId, marker, steps }, bytes);
  },
  "process/close-input": (hive, params: Keyed) => hive.processes.closeInput(params.key),
  "process/resize": (hive, params: Keyed & Pick<ProcessSpec, "size">) => hive.processes.resize(params.key, params.size),
  "process/signal": (hive, params: Keyed & { signal: string }) => hive.processes.signal(params.key, params.signal),
  "process/append-marker": (hive, params: Keyed & { marker: Parameters<Hive["processes"]["appendMarker"]>[1] }) =>
    hive.processes.appendMarker(params.key, params.marker),
  "process/append-gap": (hive, params: Keyed & { gap: Parameters<Hive["processes"]["appendGap"]>[1] }) =>
    hive.processes.appendGap(params.key, params.gap),
  "process/forget-session": (hive, params: { sessionId: string }) => hive.processes.forgetSession(params.sessionId),
  "tree/signal": (hive, params: OfTree & { signal: string }) =>
    hive.trees.signal(params.sessionId, params.main, params.signal),
  "tree/members": (hive, params: OfTree) => hive.trees.members(params.sessionId, params.main),
  "tree/usage": (hive, params: { sessions: Parameters<Hive["trees"]["usage"]>[0]; io: boolean }) =>
    hive.trees.usage(params.sessions, { io: params.io }),
  "machine/memory": (hive) => hive.machine.memory(),
  "machine/login-environment": (hive) => hive.machine.loginEnvironment(),
  "workspace/plan": (hive, params: Parameters<Hive["workspaces"]["plan"]>[0]) => hive.workspaces.plan(params),
  "workspace/prepare": (hive, params: OfWorkspace) => hive.workspaces.prepare(params.sessionId, params.workspace),
  "workspace/unsaved-work": (hive, params: Pick<OfWorkspace, "workspace">) =>
    hive.workspaces.unsavedWork(params.workspace),
  "workspace/remove": (hive, params: OfWorkspace & { force: boolean }) =>
    hive.workspaces.remove(params.sessionId, params.workspace, { force: params.force }),
  "stream/list": (hive, params: { sessionId: string; only?: Parameters<Hive["streams"]["list"]>[1] }) =>
    hive.streams.list(params.sessionId, params.only),
  "stream/offset-of-last-lines": (hive, params: Keyed & { lines: number }) =>
    hive.streams.offsetOfLastLines(params.key, params.lines),
  "stream/offset-of-time": (hive, params: Keyed & { timeMs: number }) =>
    hive.streams.offsetOfTime(params.key, params.timeMs),
};

function call(
  hive: Hive,
  method: Exclude<HiveMethod, "stream/read">,
  params: unknown,
  bytes: Uint8Array,
): Promise<Result<unknown>> {
  // The schema of this very method has parsed them: the table pairs each with its call.
  return CALLS[method](hive, params as never, bytes);
}

function obey(
  hive: Hive,
  channel: Served,
  subscriptions: Map<number, StreamSubscription>,
  command: CortexToHive & { type: "command" },
  log: Log,
): void {
  const follow = hiveCommands["stream/follow"].safeParse(command.params);
  if (command.method === "stream/follow" && follow.success) {
    const { subscription, key, fromOffset, creditBytes } = follow.data;
    const made = hive.streams.follow(key, fromOffset, creditBytes, {
      onData: (part) => channel.send({ type: "stream-data", subscription, offset: part.offset }, part.bytes),
      onDropped: (offset) => channel.send({ type: "stream-dropped", subscription, offset }),
      onEnd: () => {
        subscriptions.delete(subscription);
        channel.send({ type: "stream-end", subscription });
      },
    });
    subscriptions.set(subscription, made);
    return;
  }
  const credit = hiveCommands["stream/credit"].safeParse(command.params);
  if (command.method === "stream/credit" && credit.success) {
    subscriptions.get(credit.data.subscription)?.credit(credit.data.bytes);
    return;
  }
  const unfollow = hiveCommands["stream/unfollow"].safeParse(command.params);
  if (command.method === "stream/unfollow" && unfollow.success) {
    subscriptions.get(unfollow.data.subscription)?.dispose();
    subscriptions.delete(unfollow.data.subscription);
    return;
  }
  log.warn("the hive got a command that it does not understand", { method: command.method });
}
