/**
 * Which supervisor a client speaks to. Inside a session its own variables name the session socket; OVERMIND_HOME, given
 * on purpose, names a home of the client's own and wins. OVERMIND_SOCKET and its kind belong to another program.
 */
import { homedir } from "node:os";
import { type HomeFacts, type HomeLayout, homeFolder, homeLayout } from "../../schemas/home.ts";

export type Target =
  | { readonly kind: "home"; readonly layout: HomeLayout }
  /** The supervisor above a session: never started from below, and asked with the session's token. */
  | { readonly kind: "session"; readonly endpoint: string; readonly token: string };

export function targetOf(environment: NodeJS.ProcessEnv): Target {
  const userId = process.getuid?.() ?? 0;
  return chooseTarget({ environment, platform: process.platform, userHome: homedir(), userId });
}

export function chooseTarget(facts: HomeFacts): Target {
  const { OVERMIND_HOME: home, OVERMIND_ENDPOINT: endpoint, OVERMIND_TOKEN: token } = facts.environment;
  if (isGiven(endpoint) && !isGiven(home)) return { kind: "session", endpoint, token: token ?? "" };
  return { kind: "home", layout: homeLayout(homeFolder(facts), facts) };
}

function isGiven(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
