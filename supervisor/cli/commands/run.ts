/** overmind run */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Params } from "../../../schemas/client-protocol.ts";
import { splitCommandLine } from "../../../schemas/command-line.ts";
import { FaultError, fault } from "../../../schemas/fault.ts";
import { plain } from "../../../schemas/text/plain.ts";
import { attach } from "../attach/attach.ts";
import { detachKeysOf } from "../attach/detach-setting.ts";
import { terminalSides } from "../attach/own-terminal.ts";
import type { CliContext } from "../context.ts";
import { parseDotenv } from "../dotenv.ts";
import { printJson } from "../output/json.ts";
import { warn } from "../output/report.ts";
import type { Invocation } from "../parse.ts";
import { durationFlag, pairsFlag, usageError } from "../values.ts";
import { healingFlags, placeFlags } from "./run-flags.ts";

export async function run(invocation: Invocation<"run">, context: CliContext): Promise<number> {
  const { flags } = invocation;
  if (flags.attach && flags.detach) throw usageError("--attach and --detach exclude each other");
  if (flags.attach && flags.json)
    throw usageError("--attach and --json exclude each other", "the terminal is the session's");
  if (flags.scratch && flags["with-changes"]) {
    throw usageError(
      "--scratch and --with-changes exclude each other",
      "a scratch repository has no checkout to take changes from",
    );
  }
  const detachKeys = detachKeysOf(flags["detach-keys"], context);
  const program = await programOf(invocation, context);
  const { session, warnings } = await context.link.requestOnce("session/run", {
    ...program,
    folder: resolve(context.workingFolder, flags.project ?? "."),
    name: flags.name,
    scratch: flags.scratch,
    withChanges: flags["with-changes"],
    callerEnvironment: callerEnvironment(context),
    environment: askedEnvironment(invocation, context),
    labels: pairsFlag("label", flags.label),
    colony: flags.colony,
    graceMs: durationFlag("grace", flags.grace),
    keepChildren: flags["keep-children"],
    removeWhenEnded: flags.rm,
    ...healingFlags(flags),
    ...placeFlags(flags),
    ...(flags.attach ? terminalSides() : {}),
  });
  for (const warning of warnings) await warn(context.err, warning);
  // What it wrote before this terminal was attached is shown too.
  if (flags.attach) return attach(session, context, { detachKeys, readOnly: false, from: { attempt: 1, offset: 0 } });
  if (flags.json) await printJson(context.out, "run", { session, warnings });
  else await context.out.write(`${plain(session.name)}\n`);
  return 0;
}

/** What is to be run, from whichever of the three ways it was named. */
async function programOf(
  { flags, operands, rest }: Invocation<"run">,
  context: CliContext,
): Promise<Pick<Params<"session/run">, "argv">> {
  const [agent] = operands;
  const ways = [agent, flags.agent, rest].filter((way) => way !== undefined);
  if (ways.length > 1)
    throw usageError("an agent's name, --agent and -- ARGV exclude each other", "overmind run --help has examples");
  if (ways.length === 0 || rest?.length === 0) {
    throw usageError("nothing to run is named", "overmind run 'npm test', or overmind run -- PROGRAM ARGUMENT...");
  }
  if (rest !== undefined) return { argv: [...rest] };
  const split = splitCommandLine(flags.agent ?? agent ?? "");
  if (!split.ok) throw new FaultError(split.fault);
  const { words, literal } = split.value;
  if (literal.length > 0) {
    const them = literal.join(" ");
    await warn(
      context.err,
      `no shell reads the command line: ${them} reached the program as written (for a shell: -- sh -c '...')`,
    );
  }
  return { argv: [...words] };
}

/** All of it: the supervisor leaves out what names this caller's own place, terminal or identity. */
function callerEnvironment({ environment }: CliContext): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((pair): pair is [string, string] => pair[1] !== undefined && pair[0] !== ""),
  );
}

function askedEnvironment({ flags }: Invocation<"run">, context: CliContext): Record<string, string> {
  const fromFiles = flags["env-file"].map((file) => variablesIn(resolve(context.workingFolder, file)));
  const given = flags.env.map((pair) => {
    if (pair.includes("=")) return pair;
    const value = context.environment[pair];
    if (value === undefined)
      throw usageError(`--env ${pair}: this shell has no such variable`, "write --env NAME=VALUE");
    return `${pair}=${value}`;
  });
  return Object.assign({}, ...fromFiles, pairsFlag("env", given)) as Record<string, string>;
}

function variablesIn(path: string): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usageError(`--env-file: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = parseDotenv(text);
  if (parsed.ok) return parsed.value;
  throw new FaultError(
    fault("usage", `--env-file ${path}: ${parsed.fault.message}`, { hint: parsed.fault.hint ?? "" }),
  );
}
