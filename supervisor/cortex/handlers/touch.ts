/** The listed exceptions that act at once: signal, input, resize. They change no desired state. */
import { failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import type { StreamKey } from "../../../schemas/segment.ts";
import { parseSignal } from "../../../schemas/signals.ts";
import type { Caller, Handler } from "../handler.ts";
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
  return async (params, { caller }) => {
    const running = runningMain(services, caller, params.session);
    if (!running.ok) return running;
    services.activity.noteInput(running.value.sessionId);
    return done(await services.hive.processes.input(running.value, Buffer.from(params.bytes, "base64")));
  };
}

export function closeInputHandler(services: Services): Handler<"session/close-input"> {
  return async (params, { caller }) => {
    const running = runningMain(services, caller, params.session);
    return running.ok ? done(await services.hive.processes.closeInput(running.value)) : running;
  };
}

export function resizeHandler(services: Services): Handler<"session/resize"> {
  return async (params, { caller }) => {
    const running = runningMain(services, caller, params.session);
    if (!running.ok) return running;
    return done(await services.hive.processes.resize(running.value, { columns: params.columns, rows: params.rows }));
  };
}

/** The main process of a session that the caller may act on and that runs now. */
function runningMain(services: Services, caller: Caller, reference: string): Result<StreamKey> {
  const found = resolveForAction(services.store, caller, reference);
  if (!found.ok) return found;
  const session = found.value;
  const { phase, attempt } = session.observed;
  if (phase !== "RUNNING" && phase !== "STOPPING") {
    return failed(
      fault("conflict", `${session.name} does not run: it is ${phase}`, {
        hint: `why: overmind describe ${session.name}`,
      }),
    );
  }
  return ok({ sessionId: session.id, process: "main", attempt });
}

function done(result: Result<void>): Result<Record<string, never>> {
  return result.ok ? ok({}) : result;
}
