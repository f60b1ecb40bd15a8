/** The listed exceptions that act at once: signal, input, resize. They change no desired state. */
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import type { StreamKey } from "../../../schemas/segment.ts";
import { parseSignal } from "../../../schemas/signals.ts";
import type { SessionRecord } from "../../core/session.ts";
import type { Attachment } from "../../sessions/screen-attachments.ts";
import type { Caller, ClientConnection, Handler, Subscription } from "../handler.ts";
import { resolveForAction } from "../resolve.ts";
import type { Services } from "../services.ts";

export function signalHandler(services: Services): Handler<"session/signal"> {
  return async (params, { caller }) => {
    const signal = parseSignal(params.signal);
    if (signal === undefined)
      return failed(fault("usage", `${params.signal} is no signal`, { hint: "name one as in TERM, SIGINT or 9" }));
    const running = runningMain(services, caller, params.session);
    if (!running.ok) return running;
    return done(await services.hive.processes.signal(running.value, signal));
  };
}

export function inputHandler(services: Services): Handler<"session/input"> {
  const { attachments, activity, hive } = services;
  return async (params, { caller, connection }) => {
    const running = runningMain(services, caller, params.session);
    if (!running.ok) return running;
    const place = placeOf(connection, running.value.sessionId, params.attachment);
    if (!place.ok) return place;
    const attachment = place.value;
    const isReply = params.reply === true;
    // One terminal answers the program: the others' answers would come as if they had been typed.
    if (isReply && (attachment === undefined || !attachments.rules(attachment))) return ok({});
    if (!isReply) activity.noteInput(running.value.sessionId);
    // Both in one turn: the program has the size of whoever types before it reads what was typed.
    const sized = attachment === undefined || isReply ? undefined : attachments.typed(attachment);
    const typed = hive.processes.input(running.value, Buffer.from(params.bytes, "base64"));
    await sized;
    return done(await typed);
  };
}

export function closeInputHandler(services: Services): Handler<"session/close-input"> {
  return async (params, { caller }) => {
    const running = runningMain(services, caller, params.session);
    return running.ok ? done(await services.hive.processes.closeInput(running.value)) : running;
  };
}

export function resizeHandler(services: Services): Handler<"session/resize"> {
  const { attachments } = services;
  return async (params, { caller, connection }) => {
    const running = runningSession(services, caller, params.session);
    if (!running.ok) return running;
    const place = placeOf(connection, running.value.id, params.attachment);
    if (!place.ok) return place;
    const size = { columns: params.columns, rows: params.rows };
    if (place.value === undefined) return done(await attachments.resizeSession(running.value, size));
    return done(await attachments.resized(place.value, size));
  };
}

/** The attachment that is named, held by this connection and able to type; undefined when none is named. */
function placeOf(
  connection: ClientConnection,
  sessionId: string,
  id: number | undefined,
): Result<Attachment | undefined> {
  if (id === undefined) return ok(undefined);
  const held = connection.held(id);
  if (!isAttachment(held) || held.sessionId !== sessionId) {
    return failed(
      fault("not-found", `this connection has no attachment ${id} to this session`, { hint: "attach to it again" }),
    );
  }
  if (!held.readOnly) return ok(held);
  return failed(
    fault("not-permitted", "this attachment is read-only: it neither types nor sizes", {
      hint: "attach without --read-only",
    }),
  );
}

function isAttachment(held: Subscription | undefined): held is Attachment {
  return held !== undefined && "readOnly" in held;
}

/** The main process of a session that the caller may act on and that runs now. */
export function runningMain(services: Services, caller: Caller, reference: string): Result<StreamKey> {
  const running = runningSession(services, caller, reference);
  if (!running.ok) return running;
  const { id, observed } = running.value;
  return ok({ sessionId: id, process: "main", attempt: observed.attempt });
}

/** `retryable`: the caller waits for its next start. */
export function runningSession(
  { store }: Services,
  caller: Caller,
  reference: string,
  { retryable }: { readonly retryable: boolean } = { retryable: false },
): Result<SessionRecord> {
  const found = resolveForAction(store, caller, reference);
  if (!found.ok) return found;
  const { name, observed } = found.value;
  const { phase } = observed;
  if (phase === "RUNNING" || phase === "STOPPING") return found;
  return failed(
    fault("conflict", `${name} does not run: it is ${phase}`, { retryable, hint: `why: overmind describe ${name}` }),
  );
}

export function done(result: Result<void>): Result<Record<string, never>> {
  return result.ok ? ok({}) : result;
}
