/** message/send and message/list. A message is recorded, nothing more: the weaver types it, and the caller waits. */
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import type { MessageView } from "../../../schemas/session-view.ts";
import { receiptExitCode, receiptText } from "../../../schemas/text/receipt.ts";
import { IDLE_AFTER_MS } from "../../core/activity.ts";
import { checkKeys } from "../../core/keys.ts";
import { startsNoMore, whyQueued } from "../../core/plan-messages.ts";
import { hasEnded, type MessageRecord, SETTLED_MESSAGE_STATES, type SessionRecord } from "../../core/session.ts";
import { messageText } from "../../core/typing.ts";
import type { Disposable } from "../../ports/hive.ts";
import type { Handler, Handlers, RequestContext } from "../handler.ts";
import { resolveForAction, resolveSession } from "../resolve.ts";
import { describeCaller, named, type Services } from "../services.ts";
import { messageView } from "../session-view.ts";

type MessageServices = Pick<Services, "store" | "clock" | "identities" | "activity">;
type Sending = Params<"message/send">;
type Sent = ResultOf<"message/send">;

export function messageHandlers(services: MessageServices): Pick<Handlers, "message/send" | "message/list"> {
  return { "message/send": sendHandler(services), "message/list": listHandler(services) };
}

function listHandler({ store, activity }: MessageServices): Handler<"message/list"> {
  return (params, { caller }) => {
    const found = resolveSession(store, caller, params.session);
    if (!found.ok) return found;
    const session = found.value;
    const messages = store.messages(session.id).map((message) => viewNow(message, session, activity));
    return ok({ session: named(session), messages });
  };
}

function sendHandler(services: MessageServices): Handler<"message/send"> {
  const { store } = services;
  return async (params, { caller, cancelled }) => {
    // Sent again, perhaps after the session's name has come to mean another: it is the message that it was.
    const known = params.id === undefined ? undefined : store.message(params.id);
    const found = resolveForAction(store, caller, known?.sessionId ?? params.session);
    if (!found.ok) return found;
    const session = found.value;
    const created = known === undefined ? create(services, params, session, describeCaller(caller)) : ok(known);
    if (!created.ok) return created;
    return ok(await waitFor(services, created.value, session, params, cancelled));
  };
}

function create(
  { store, clock, identities }: MessageServices,
  params: Sending,
  session: SessionRecord,
  by: string,
): Result<MessageRecord> {
  const content = contentOf(params, session);
  if (!content.ok) return content;
  if (startsNoMore(session)) {
    return failed(
      fault("conflict", `${session.name} has ended: it is ${session.observed.phase}`, {
        hint: `start it again: overmind restart ${session.name}`,
      }),
    );
  }
  const message: MessageRecord = {
    // Session ids are as unlikely to repeat as a message's has to be.
    id: params.id ?? identities.sessionId(),
    sessionId: session.id,
    sequence: 0,
    createdAtMs: clock.now(),
    by,
    ...content.value,
    now: params.now ?? false,
    state: "queued",
    reason: `sent by ${by}`,
    revision: 0,
  };
  return ok(store.createMessage(message));
}

function contentOf(
  { text, keys = [] }: Sending,
  session: SessionRecord,
): Result<Pick<MessageRecord, "text" | "keys" | "enter">> {
  if (text === undefined && keys.length === 0) {
    return failed(fault("usage", "there is nothing to send: neither text nor keys"));
  }
  const typed = messageText(text ?? "");
  if (!typed.ok) return typed;
  const known = checkKeys(keys);
  if (!known.ok) return known;
  if (keys.length > 0 && session.spec.stdio === "pipes") {
    return failed(
      fault("usage", `${session.name} has no terminal: keys cannot be pressed in it`, {
        hint: "send text; it is written to its standard input as a line",
      }),
    );
  }
  return ok({ text: typed.value, keys, enter: keys.length === 0 });
}

/** Answers once the message has come to where the caller waits for. Nothing is polled. */
function waitFor(
  services: MessageServices,
  first: MessageRecord,
  session: SessionRecord,
  { until, timeoutMs, colour = false }: Sending,
  cancelled: RequestContext["cancelled"],
): Promise<Sent> {
  const { store, clock, activity } = services;
  const beganAtMs = clock.now();
  let message = first;
  return new Promise((resolve) => {
    const held: Disposable[] = [];
    let idleTimer: Disposable | undefined;
    const finish = (timedOut: boolean) => {
      for (const one of held.splice(0)) one.dispose();
      idleTimer?.dispose();
      const view = viewNow(message, store.session(session.id), activity);
      resolve(answer(view, session.name, timedOut, colour));
    };
    const look = () => {
      message = store.message(first.id) ?? message;
      const isThere = until === "queued" || isOver(message, until, store.session(session.id));
      if (isThere || (message.state === "delivered" && isIdle())) finish(false);
    };
    /**
     * What was typed makes its echo first: idle is told from then on. A supervisor that has just begun may not have
     * heard yet of what the program wrote before, so it listens for as long.
     */
    const isIdle = (): boolean => {
      const idleAtMs = Math.max(message.deliveredAtMs ?? 0, beganAtMs) + IDLE_AFTER_MS;
      if (idleAtMs <= clock.now()) return activity.of(session.id) !== "working";
      idleTimer ??= clock.after(idleAtMs - clock.now(), look);
      return false;
    };
    const stop = () => finish(true);
    held.push(
      store.onChange((change) => {
        if (change.message?.id === first.id || change.sessionId === session.id) look();
      }),
      activity.onChange((sessionId) => void (sessionId === session.id && look())),
      { dispose: () => cancelled.removeEventListener("abort", stop) },
    );
    cancelled.addEventListener("abort", stop, { once: true });
    if (timeoutMs !== undefined) held.push(clock.after(timeoutMs, stop));
    look();
  });
}

/** Nothing more is to be waited for, whatever the session does. */
function isOver(message: MessageRecord, until: Sending["until"], session: SessionRecord | undefined): boolean {
  if (session === undefined) return true;
  if (message.state === "delivered") return until === "delivered" || hasEnded(session.observed.phase);
  return SETTLED_MESSAGE_STATES.has(message.state);
}

function answer(message: MessageView, sessionName: string, timedOut: boolean, colour: boolean): Sent {
  const receipt = { message, sessionName, timedOut };
  return { message, timedOut, text: receiptText(receipt, { colour }), exitCode: receiptExitCode(receipt) };
}

/** With what holds it back now; a message whose session is removed went with it. */
function viewNow(
  message: MessageRecord,
  session: SessionRecord | undefined,
  activity: Services["activity"],
): MessageView {
  const view = messageView(message);
  if (session === undefined) {
    const isOpen = !SETTLED_MESSAGE_STATES.has(message.state);
    return isOpen ? { ...view, state: "failed", reason: "the session was removed" } : view;
  }
  return message.state === "queued" ? { ...view, reason: whyQueued(session, activity.of(session.id), message) } : view;
}
