/** Those of `run`'s flags that say when it is started again, and when it waits for its turn. */
import type { Params } from "../../../schemas/client-protocol.ts";
import type { Invocation } from "../parse.ts";
import { countFlag, durationFlag, usageError, wholeNumberFlag } from "../values.ts";

type Flags = Invocation<"run">["flags"];
type Run = Params<"session/run">;

const POLICIES = ["never", "on-failure", "always"] as const;
const MOST_RESTARTS = 1000;
const MOST_PRIORITY = 1000;

export function healingFlags(flags: Flags): Pick<Run, "restart" | "activityTimeoutMs"> {
  const restart = restartFlags(flags);
  const activityTimeoutMs = durationFlag("activity-timeout", flags["activity-timeout"]);
  if (activityTimeoutMs === 0) throw usageError("--activity-timeout 0: a program needs time to write anything");
  return {
    ...(restart === undefined ? {} : { restart }),
    ...(activityTimeoutMs === undefined ? {} : { activityTimeoutMs }),
  };
}

export function placeFlags(flags: Flags): Pick<Run, "priority" | "noQueue" | "parent"> {
  return {
    priority: wholeNumberFlag("priority", flags.priority, { least: -MOST_PRIORITY, most: MOST_PRIORITY }),
    noQueue: flags["no-queue"],
    parent: flags.parent,
  };
}

function restartFlags(flags: Flags): Run["restart"] {
  const policy = policyFlag(flags.restart);
  const maxRestarts = countFlag("max-restarts", flags["max-restarts"], MOST_RESTARTS);
  const windowMs = durationFlag("restart-window", flags["restart-window"]);
  const backoffMs = durationFlag("backoff", flags.backoff);
  if (windowMs === 0) throw usageError("--restart-window 0: nothing would ever be counted in it");
  if (policy === undefined || policy === "never") refuseWithoutPolicy(flags);
  return policy === undefined ? undefined : { policy, maxRestarts, windowMs, backoffMs };
}

function policyFlag(typed: string | undefined): (typeof POLICIES)[number] | undefined {
  if (typed === undefined) return undefined;
  const policy = POLICIES.find((one) => one === typed);
  if (policy === undefined) throw usageError(`--restart ${typed}: it is one of ${POLICIES.join(", ")}`);
  return policy;
}

/** They would be of no effect, and whoever wrote them thinks otherwise. */
function refuseWithoutPolicy(flags: Flags): void {
  const given = (["max-restarts", "restart-window", "backoff"] as const).find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  throw usageError(`--${given} says nothing without restarts`, "add --restart on-failure or --restart always");
}
