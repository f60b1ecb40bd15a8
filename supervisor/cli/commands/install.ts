/** overmind supervisor install and uninstall: a systemd user unit or a launchd agent that starts it at login. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { FaultError, fault } from "../../../schemas/fault.ts";
import type { CliContext } from "../context.ts";
import { hint } from "../output/report.ts";
import { LAUNCHD_LABEL, launchdAgent, SYSTEMD_UNIT, systemdUnit } from "../service-files.ts";

/** systemctl and launchctl answer at once, or something is wrong with them. */
const TOOL_LIMIT_MS = 20_000;

interface Service {
  readonly file: string;
  readonly text: string;
  /** What makes the system take it up, and let it go. */
  readonly enable: readonly (readonly string[])[];
  readonly disable: readonly (readonly string[])[];
  /** What makes it read the file anew. */
  readonly refresh: readonly (readonly string[])[];
}

export async function supervisorInstall(context: CliContext): Promise<number> {
  const { file, text, enable } = serviceOf(context);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text, { mode: 0o644 });
  await context.out.write(`wrote ${file}\n`);
  return runTools(context, enable, "the supervisor starts at login from now on");
}

export async function supervisorUninstall(context: CliContext): Promise<number> {
  const { file, disable } = serviceOf(context);
  if (!existsSync(file)) {
    await context.out.write(`nothing is installed: there is no ${file}\n`);
    return 0;
  }
  // Asked before the file goes; whatever the answer, it goes: without it nothing is started at login.
  const [release, ...after] = disable;
  const trouble = release === undefined ? undefined : runTool(release);
  rmSync(file, { force: true });
  for (const command of after) runTool(command);
  await context.out.write(`removed ${file}: the supervisor no longer starts at login\n`);
  if (trouble !== undefined) await hint(context.err, `${release?.join(" ")} said: ${trouble}`);
  return 0;
}

/** After an update: what is installed still names the version before, which is removed one day. */
export function refreshInstalled(context: CliContext): void {
  if (process.platform !== "linux" && process.platform !== "darwin") return;
  const { file, text, refresh } = serviceOf(context);
  if (!existsSync(file) || readFileSync(file, "utf8") === text) return;
  writeFileSync(file, text, { mode: 0o644 });
  for (const command of refresh) runTool(command);
}

function serviceOf(context: CliContext): Service {
  const program = context.supervisorCommand();
  const variables = { PATH: context.environment.PATH ?? "" };
  if (process.platform === "linux") {
    const { XDG_CONFIG_HOME: named } = context.environment;
    const folder = named?.startsWith("/") === true ? named : join(homedir(), ".config");
    return {
      file: join(folder, "systemd", "user", SYSTEMD_UNIT),
      text: systemdUnit(program, variables),
      enable: [
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", SYSTEMD_UNIT],
        ["systemctl", "--user", "start", SYSTEMD_UNIT],
      ],
      disable: [
        ["systemctl", "--user", "disable", SYSTEMD_UNIT],
        ["systemctl", "--user", "daemon-reload"],
      ],
      refresh: [["systemctl", "--user", "daemon-reload"]],
    };
  }
  if (process.platform === "darwin") {
    const file = join(homedir(), "Library", "LaunchAgents", `${LAUNCHD_LABEL}.plist`);
    const domain = `gui/${process.getuid?.() ?? 0}`;
    return {
      file,
      text: launchdAgent(program, variables),
      enable: [["launchctl", "bootstrap", domain, file]],
      disable: [["launchctl", "bootout", `${domain}/${LAUNCHD_LABEL}`]],
      // launchd reads it at the next login; taking it up now would end the supervisor that runs.
      refresh: [],
    };
  }
  throw new FaultError(
    fault("failed", `a start at login is not supported on ${process.platform}`, {
      hint: "commands start the supervisor when they need it",
    }),
  );
}

/** What cannot be run here is named, so that it can be run where it works. */
async function runTools(context: CliContext, commands: readonly (readonly string[])[], done: string): Promise<number> {
  for (const [index, command] of commands.entries()) {
    const trouble = runTool(command);
    if (trouble === undefined) continue;
    const left = commands.slice(index).map((words) => words.join(" "));
    throw new FaultError(
      fault("failed", `${command.join(" ")} failed: ${trouble}`, { hint: `when it works, run ${left.join(" && ")}` }),
    );
  }
  await context.out.write(`${done}\n`);
  return 0;
}

/** Undefined when it went well. */
function runTool(command: readonly string[]): string | undefined {
  const [program = "", ...args] = command;
  const ran = spawnSync(program, args, { encoding: "utf8", timeout: TOOL_LIMIT_MS });
  if (ran.error !== undefined) return ran.error.message;
  if (ran.status === 0) return undefined;
  return ran.stderr.trim().split("\n")[0] || `exit code ${ran.status ?? "none"}`;
}
