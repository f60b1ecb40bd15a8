/** screen/get: a session's screen as text. Of one that has ended, the last. */
import { failed, fault, ok } from "../../../schemas/fault.ts";
import { startedAttempt } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import { named, type Services } from "../services.ts";

/** Enough to read a whole log from the disk, and to answer while a flood goes on. */
const SCREEN_PATIENCE_MS = 2000;

export function screenHandler(services: Services): Handler<"screen/get"> {
  return async (params, { caller }) => {
    const found = resolveSession(services.store, caller, params.session);
    if (!found.ok) return found;
    const session = found.value;
    const { name, spec } = session;
    if (spec.stdio !== "terminal") {
      return failed(
        fault("conflict", `${name} has no screen: it runs on pipes`, { hint: `its output: overmind logs ${name}` }),
      );
    }
    const attempt = startedAttempt(session);
    if (attempt === 0) {
      return failed(
        fault("conflict", `${name} has no screen yet: it has not been started`, {
          retryable: true,
          hint: `why: overmind describe ${name}`,
        }),
      );
    }
    const current = await services.screens.current(session.id, attempt, SCREEN_PATIENCE_MS);
    if (!current.ok) return current;
    const reader = current.value;
    return ok({
      session: named(session),
      attempt: reader.key.attempt,
      offset: reader.offset,
      columns: reader.model.columns,
      rows: reader.model.rows,
      ...reader.text({ scrollback: params.scrollback ?? false }),
    });
  };
}
