/** From what was asked for to what is run: defaults of the settings, and the bounds of the session that asks. */
import type { Params } from "../../../schemas/client-protocol.ts";
import type { Settings } from "../../../schemas/settings.ts";
import type { RestartRule, SessionRecord, SessionSpec } from "../../core/session.ts";

type Run = Params<"session/run">;

/** So many in a row say that the next one fails too. */
const MAX_RESTARTS = 5;
const BACKOFF_MS = 1000;

/** `environment` is the session's whole. */
export function specOf(
  params: Run,
  given: { readonly environment: SessionSpec["environment"]; readonly settings: Settings; readonly priority: number },
): SessionSpec {
  const { environment, settings, priority } = given;
  return {
    argv: params.argv,
    agent: params.agent ?? programName(params),
    environment,
    askedVariables: Object.keys(params.environment ?? {}),
    stdio: params.stdio ?? "terminal",
    columns: params.columns ?? settings.terminalColumns,
    rows: params.rows ?? settings.terminalRows,
    graceMs: params.graceMs ?? settings.graceMs,
    keepChildren: params.keepChildren ?? false,
    removeWhenEnded: params.removeWhenEnded ?? false,
    restart: restartRule(params),
    ...(params.activityTimeoutMs === undefined ? {} : { activityTimeoutMs: params.activityTimeoutMs }),
    priority,
  };
}

function restartRule({ restart = {} }: Run): RestartRule {
  return {
    policy: restart.policy ?? "never",
    maxRestarts: restart.maxRestarts ?? MAX_RESTARTS,
    ...(restart.windowMs === undefined ? {} : { windowMs: restart.windowMs }),
    backoffMs: restart.backoffMs ?? BACKOFF_MS,
  };
}

export interface Granted {
  readonly priority: number;
  readonly warnings: readonly string[];
}

/**
 * What a session gives its children is never wider than its own: here is where all of it is narrowed. Today that is its
 * place in line. `asking`: the session that asks; undefined for a person, who may give anything.
 */
export function grantedBy(asking: SessionRecord | undefined, params: Run): Granted {
  const most = asking?.spec.priority ?? Number.POSITIVE_INFINITY;
  const wanted = params.priority ?? Math.min(0, most);
  if (wanted <= most) return { priority: wanted, warnings: [] };
  return { priority: most, warnings: [`its priority is ${most}, not ${wanted}: no child's is above its parent's`] };
}

/** The program's own name, without its folder: `/usr/bin/claude` is `claude`. */
function programName(params: Run): string {
  const program = params.argv[0] ?? "";
  const cut = Math.max(program.lastIndexOf("/"), program.lastIndexOf("\\"));
  return program.slice(cut + 1, cut + 65) || "command";
}
