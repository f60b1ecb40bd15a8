/**
 * Reconciles the messages of one session: observe, plan (core), apply one step, and look again until there is nothing
 * to do now. A loop of its own: typing takes its time, and no session's start or end waits for it.
 */
import { type Fault, fault, ok, type Result } from "../../schemas/fault.ts";
import type { HostedProcess } from "../../schemas/host-protocol.ts";
import type { StreamKey } from "../../schemas/segment.ts";
import { type MessageAction, type MessageFacts, planMessages } from "../core/plan-messages.ts";
import type { MessageRecord, SessionRecord } from "../core/session.ts";
import { messageMarker, typeMessage } from "../core/typing.ts";
import type { Clock, Log } from "../ports/clock.ts";
import type { Disposable, Hive, Processes } from "../ports/hive.ts";
import type { SessionActivity, Terminals } from "../ports/live.ts";
import type { Store } from "../ports/store.ts";
import { type Loop, startLoop } from "./loop.ts";
import { DONE, type Outcome } from "./outcome.ts";

/** After so many the key goes back into line: a long queue of one session is not typed before all others' first. */
const MOST_STEPS = 32;

/** What the controller itself needs of the world. */
export interface MessageParts {
  readonly store: Pick<Store, "session" | "messages" | "lastInTurn" | "changeMessage">;
  readonly hive: { readonly id: string; readonly processes: Pick<Processes, "observe" | "deliver"> };
  readonly clock: Pick<Clock, "now">;
  readonly log: Log;
  readonly activity: Pick<SessionActivity, "of">;
  readonly terminals: Terminals;
}

/** Types what is queued, from now on. */
export function startMessageLoop(parts: {
  readonly store: Store;
  readonly hive: Hive;
  readonly clock: Clock;
  readonly log: Log;
  readonly activity: SessionActivity;
  readonly terminals: Terminals;
}): Pick<Loop, "idle"> & Disposable {
  const { store, hive, activity, clock, log } = parts;
  const loop = startLoop({ reconcile: createMessageController(parts), clock, log });
  const lookAtAll = () => {
    for (const sessionId of store.sessionsWithMessages()) loop.enqueue(sessionId);
  };
  const sources = [
    store.onChange(({ message, sessionId = message?.sessionId }) => {
      if (sessionId !== undefined) loop.enqueue(sessionId);
    }),
    activity.onChange((sessionId) => loop.enqueue(sessionId)),
    hive.onHost(lookAtAll),
  ];
  lookAtAll();
  return {
    idle: loop.idle,
    dispose() {
      for (const source of sources) source.dispose();
      loop.dispose();
    },
  };
}

export function createMessageController(parts: MessageParts): (sessionId: string) => Promise<Outcome> {
  const { store, hive } = parts;
  return async (sessionId) => {
    let refused: MessageFacts["refused"];
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const messages = store.messages(sessionId, { unsettled: true });
      const session = store.session(sessionId);
      if (messages.length === 0 || (session !== undefined && session.hiveId !== hive.id)) return DONE;
      const facts = await observe(parts, sessionId, session, messages, refused);
      if (!facts.ok) return { type: "retry", fault: facts.fault };
      const action = planMessages(session, messages, facts.value);
      const applied = await apply(parts, session, facts.value, action);
      if (applied.type === "settled") return applied.outcome;
      refused = applied.refused;
    }
    return { type: "again", afterMs: 0 };
  };
}

type Applied =
  | { readonly type: "settled"; readonly outcome: Outcome }
  | { readonly type: "next"; readonly refused?: MessageFacts["refused"] };

const NEXT: Applied = { type: "next" };

/** What was refused is given on: it counts only together with a look at the host that comes after it. */
async function observe(
  { store, hive, clock, activity }: MessageParts,
  sessionId: string,
  session: SessionRecord | undefined,
  messages: readonly MessageRecord[],
  refused: MessageFacts["refused"],
): Promise<Result<MessageFacts>> {
  const underWay = messages.find(({ state }) => state === "delivering");
  const seen = await hive.processes.observe(mainKey(sessionId, underWay?.attempt ?? session?.observed.attempt));
  if (!seen.ok) return seen;
  const { hostId, process } = seen.value;
  return ok({
    nowMs: clock.now(),
    hostId,
    activity: activity.of(sessionId),
    main: mainOf(process),
    lastInTurn: store.lastInTurn(sessionId),
    refused,
  });
}

function mainOf(process: HostedProcess | undefined): MessageFacts["main"] {
  if (process === undefined) return { state: "unknown" };
  if (process.exit !== undefined) return { state: "exited" };
  return { state: "running", startedAtMs: process.startedAtMs, lastOutputMs: process.lastOutputMs };
}

function mainKey(sessionId: string, attempt = 0): StreamKey {
  return { sessionId, process: "main", attempt: Math.max(1, attempt) };
}

async function apply(
  parts: MessageParts,
  session: SessionRecord | undefined,
  facts: MessageFacts,
  action: MessageAction,
): Promise<Applied> {
  const { store } = parts;
  const atMs = facts.nowMs;
  switch (action.type) {
    case "rest":
      return { type: "settled", outcome: DONE };
    case "retry":
      return { type: "settled", outcome: { type: "retry", fault: fault("busy", action.why, { retryable: true }) } };
    case "wait":
      return { type: "settled", outcome: { type: "again", afterMs: action.untilMs - atMs } };
    case "settle": {
      const { message, state, reason } = action;
      store.changeMessage(message.id, message.revision, { state, reason, atMs });
      return NEXT;
    }
    case "begin": {
      // Before it is handed over: a supervisor that dies in between finds by it whom to ask what became of it.
      const { message, attempt, hostId } = action;
      const reason = "it is being typed";
      store.changeMessage(message.id, message.revision, { state: "delivering", reason, atMs, attempt, hostId });
      return NEXT;
    }
    case "deliver":
      return deliver(parts, session, action.message);
  }
}

async function deliver(
  { store, hive, terminals, log }: MessageParts,
  session: SessionRecord | undefined,
  message: MessageRecord,
): Promise<Applied> {
  const { id, sessionId, revision } = message;
  const stdio = session?.spec.stdio ?? "terminal";
  const modes = stdio === "terminal" ? await terminals.modes(sessionId) : NO_MODES;
  const writes = typeMessage(message, { stdio, modes }).map(({ text, pauseMs }) => ({
    bytes: Buffer.from(text),
    pauseMs,
  }));
  const given = await hive.processes.deliver(
    mainKey(sessionId, message.attempt),
    {
      messageId: id,
      marker: { id: `message:${id}`, marker: "message", text: messageMarker(message) },
      steps: writes.map(({ bytes, pauseMs }) => ({ bytes: bytes.length, pauseMs })),
    },
    Buffer.concat(writes.map(({ bytes }) => bytes)),
  );
  if (!given.ok) return refusal(given.fault, message, log);
  const { outcome, atMs } = given.value;
  if (outcome === "delivered") {
    store.changeMessage(id, revision, { state: "delivered", reason: "it was typed", atMs, deliveredAtMs: atMs });
  } else {
    const reason = "the program ended, or took no more, while it was typed";
    store.changeMessage(id, revision, { state: "unconfirmed", reason, atMs });
  }
  return NEXT;
}

const NO_MODES = { bracketedPaste: false, applicationCursor: false };

/** What may pass is tried again: the host knows by the message's id how far it came. */
function refusal(fault: Fault, message: MessageRecord, log: Log): Applied {
  if (fault.retryable) return { type: "settled", outcome: { type: "retry", fault } };
  const gone = fault.code === "not-found" || fault.code === "conflict";
  if (!gone) log.warn("a message was refused", { messageId: message.id, sessionId: message.sessionId, fault });
  return { type: "next", refused: { messageId: message.id, gone, why: fault.message } };
}
