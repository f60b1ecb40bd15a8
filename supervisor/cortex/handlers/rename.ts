/** session/rename. Its branch, folder and environment keep the name that it had at its start. */
import { failed, ok } from "../../../schemas/fault.ts";
import { mayStartAgain } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import { nameConflict } from "../living-names.ts";
import { resolveForAction } from "../resolve.ts";
import type { Services } from "../services.ts";
import { viewOf } from "./views.ts";

export function renameHandler(services: Services): Handler<"session/rename"> {
  const { store } = services;
  return (params, { caller }) => {
    const found = resolveForAction(store, caller, params.session);
    if (!found.ok) return found;
    const session = found.value;
    // Of ended sessions several may share a name: it means the latest.
    const taken = mayStartAgain(session) ? nameConflict(store.sessions(), params.name, session.id) : undefined;
    if (taken !== undefined) return failed(taken);
    const renamed = store.changeSession(session.id, session.revision, { name: params.name });
    return ok({ session: viewOf(services, renamed) });
  };
}
