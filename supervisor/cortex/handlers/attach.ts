/** session/attach and session/detach: a person's place at a session's terminal, held by the connection. */
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { failed, ok, type Result } from "../../../schemas/fault.ts";
import type { SessionRecord } from "../../core/session.ts";
import { extentsOf } from "../../sessions/log-place.ts";
import type { Handler } from "../handler.ts";
import type { Services } from "../services.ts";
import { tooMany } from "./log.ts";
import { runningSession } from "./touch.ts";
import { viewOf } from "./views.ts";

/** Under a flood the end runs away from every reader; then the screen is from a little earlier, and the rest follows. */
const SCREEN_PATIENCE_MS = 1000;

type Attached = Omit<ResultOf<"session/attach">, "attachment" | "session">;

export function attachHandler(services: Services): Handler<"session/attach"> {
  return async (params, { caller, connection, cancelled }) => {
    // A client that waits for the session's next start asks again.
    const running = runningSession(services, caller, params.session, { retryable: true });
    if (!running.ok) return running;
    const session = running.value;
    const { size, readOnly } = placeOf(params);
    const attachment = services.attachments.add(session, { size, readOnly });
    const id = connection.hold(attachment);
    if (id === undefined) return failed(tooMany());
    const attached =
      session.spec.stdio === "terminal" ? await terminalOf(services, session) : await outputOf(services, session);
    if (!attached.ok || cancelled.aborted) connection.release(id);
    if (!attached.ok) return attached;
    // In one turn with the painting: what is asked behind it is for this client's terminal to answer.
    services.attachments.begin(attachment);
    return ok({ attachment: id, session: viewOf(services, session), ...attached.value });
  };
}

export function detachHandler(): Handler<"session/detach"> {
  return (params, { connection }) => {
    connection.release(params.attachment);
    return ok({});
  };
}

function placeOf({ columns, rows, readOnly }: Params<"session/attach">) {
  return {
    size: columns === undefined || rows === undefined ? undefined : { columns, rows },
    readOnly: readOnly ?? false,
  };
}

/** The terminal has the client's size before it is painted, if that is the one to rule. */
async function terminalOf({ attachments, screens }: Services, session: SessionRecord): Promise<Result<Attached>> {
  // A program that has just ended takes no size, and its last screen is there to be seen. A process host that is not
  // connected yet is told the size once it is.
  await attachments.settle(session.id);
  const current = await screens.current(session.id, session.observed.attempt, SCREEN_PATIENCE_MS);
  if (!current.ok) return current;
  const { attempt, offset, columns, rows, ansi, held } = current.value.snapshot();
  return ok({
    attempt,
    offset,
    columns,
    rows,
    screen: Buffer.from(ansi).toString("base64"),
    held: Buffer.from(held).toString("base64"),
    at: current.value.recordMs,
  });
}

/** A program on pipes has no screen: its output goes on at its end. */
async function outputOf({ hive, clock }: Services, { id, spec, observed }: SessionRecord): Promise<Result<Attached>> {
  const { attempt } = observed;
  const extents = await extentsOf(hive.streams, id, "main", attempt);
  if (!extents.ok) return extents;
  const { columns, rows } = spec;
  return ok({
    attempt,
    offset: extents.value[0]?.endOffset ?? 0,
    columns,
    rows,
    screen: "",
    held: "",
    at: clock.now(),
  });
}
