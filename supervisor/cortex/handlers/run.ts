/** session/run: records what is wanted. The weaver makes the worktree and starts the process. */

import type { Params } from "../../../schemas/client-protocol.ts";
import { failed, fault, ok } from "../../../schemas/fault.ts";
import { sessionEnvironment } from "../../core/environment.ts";
import { chooseName } from "../../core/names.ts";
import type { SessionRecord } from "../../core/session.ts";
import type { Caller, Handler } from "../handler.ts";
import { describeCaller, type Services } from "../services.ts";
import { viewOf } from "./views.ts";

export function runHandler(services: Services): Handler<"session/run"> {
  const { store, hive, clock, identities, settings, injected } = services;
  // Names of requests that are under way: fifty at once must not choose the same.
  const reserved = new Set<string>();
  return async (params, context) => {
    const taken = new Set(store.sessions({ living: true }).map((session) => session.name));
    for (const name of reserved) taken.add(name);
    if (params.name !== undefined && taken.has(params.name)) {
      return failed(
        fault("conflict", `a living session is named ${params.name}`, {
          hint: `choose another name, or end it first: overmind stop ${params.name}`,
        }),
      );
    }
    const id = identities.sessionId();
    const name = params.name ?? chooseName(taken, identities.index);
    reserved.add(name);
    try {
      return await record(params, context.caller, id, name);
    } finally {
      reserved.delete(name);
    }
  };

  async function record(params: Params<"session/run">, caller: Caller, id: string, name: string) {
    const planned = await hive.workspaces.plan({
      sessionId: id,
      sessionName: name,
      folder: params.folder,
      scratch: params.scratch ?? false,
      withChanges: params.withChanges ?? false,
    });
    if (!planned.ok) return planned;
    const { workspace, warnings } = planned.value;
    const token = identities.token();
    const environment = sessionEnvironment(params.callerEnvironment, params.environment ?? {}, {
      ...injected,
      sessionId: id,
      sessionName: name,
      endpoint: injected.sessionEndpoint,
      token,
      cwd: workspace.cwd,
    });
    const defaults = settings();
    const session: SessionRecord = {
      id,
      name,
      hiveId: hive.id,
      colony: params.colony ?? defaults.colony,
      labels: params.labels ?? {},
      ...parentOf(caller),
      createdAtMs: clock.now(),
      spec: {
        argv: params.argv,
        agent: params.agent ?? programName(params),
        environment,
        stdio: params.stdio ?? "terminal",
        columns: params.columns ?? defaults.terminalColumns,
        rows: params.rows ?? defaults.terminalRows,
        graceMs: params.graceMs ?? defaults.graceMs,
        keepChildren: params.keepChildren ?? false,
        removeWhenEnded: params.removeWhenEnded ?? false,
      },
      token,
      workspace,
      desired: { state: "running" },
      observed: { phase: "PENDING", reason: "asked for", attempt: 0, restarts: 0 },
      revision: 0,
    };
    const created = store.createSession(session, `asked for by ${describeCaller(caller)}`);
    return ok({ session: viewOf(services, created), warnings: [...warnings] });
  }
}

function parentOf(caller: Caller): { readonly parentId?: string } {
  return caller.kind === "session" ? { parentId: caller.session.id } : {};
}

/** The program's own name, without its folder: `/usr/bin/claude` is `claude`. */
function programName(params: Params<"session/run">): string {
  const program = params.argv[0] ?? "";
  const cut = Math.max(program.lastIndexOf("/"), program.lastIndexOf("\\"));
  return program.slice(cut + 1, cut + 65) || "command";
}
