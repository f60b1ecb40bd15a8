/**
 * The command line, whole: parses argv by the table in schemas/commands.ts, runs the one command, and is the one fence
 * where faults become a line, a hint and an exit code. Presentation alone: it knows the client and schemas, no other
 * room, and nothing imports it. Loads no library: what needs one is a bundle of its own (settings-file.ts).
 */
import { commandNamed } from "../../schemas/commands.ts";
import { faultOf } from "../../schemas/fault.ts";
import { attach } from "./commands/attach.ts";
import { colonyList } from "./commands/colony.ts";
import { completion } from "./commands/completion.ts";
import { configGet, configList, configSet } from "./commands/config.ts";
import { doctor } from "./commands/doctor.ts";
import { kill, prune, rm, stop } from "./commands/end.ts";
import { showHelp, showVersion } from "./commands/help.ts";
import { supervisorInstall, supervisorUninstall } from "./commands/install.ts";
import { interrupt } from "./commands/interrupt.ts";
import { logs } from "./commands/logs.ts";
import { describe, events, status, supervisorStatus } from "./commands/look.ts";
import { messages } from "./commands/messages.ts";
import { ps } from "./commands/ps.ts";
import { rename } from "./commands/rename.ts";
import { restart } from "./commands/restart.ts";
import { result } from "./commands/result.ts";
import { run } from "./commands/run.ts";
import { screen } from "./commands/screen.ts";
import { send } from "./commands/send.ts";
import { subscribe } from "./commands/subscribe.ts";
import { supervisorLogs, supervisorRestart, supervisorStart, supervisorStop } from "./commands/supervisor.ts";
import { top } from "./commands/top.ts";
import { wait } from "./commands/wait.ts";
import { type CliContext, ReaderGone } from "./context.ts";
import { exitCodeOfFault } from "./exit-code.ts";
import { drained } from "./output/process-output.ts";
import { reportFault } from "./output/report.ts";
import { type AnyInvocation, type Parsed, parseCommandLine } from "./parse.ts";
import { processContext } from "./process-context.ts";

async function main(argv: readonly string[]): Promise<number> {
  const context = processContext();
  let passesOnExitCode = argv[0] === "wait";
  try {
    const parsed = parseCommandLine(argv);
    if (!parsed.ok) {
      await reportFault(context.err, parsed.fault);
      return exitCodeOfFault(parsed.fault, passesOnExitCode);
    }
    passesOnExitCode = passesOn(parsed.value);
    return await perform(parsed.value, context);
  } catch (error) {
    if (error instanceof ReaderGone) return 0;
    const fault = faultOf(error);
    await reportFault(context.err, fault).catch(() => {}); // Nobody reads standard error either: the exit code is left.
    if (context.environment.OVERMIND_DEBUG !== undefined) console.error(error);
    return exitCodeOfFault(fault, passesOnExitCode);
  } finally {
    context.link.close();
  }
}

function passesOn(parsed: Parsed): boolean {
  if (parsed.type !== "invocation") return false;
  const { invocation } = parsed;
  if (invocation.command === "run") return invocation.flags.attach;
  return commandNamed(invocation.command).passesOnExitCode === true;
}

async function perform(parsed: Parsed, context: CliContext): Promise<number> {
  switch (parsed.type) {
    case "help":
      return showHelp(parsed.topic, context);
    case "version":
      return showVersion(context);
    case "invocation":
      return invoke(parsed.invocation, context);
  }
}

async function invoke(invocation: AnyInvocation, context: CliContext): Promise<number> {
  switch (invocation.command) {
    case "run":
      return run(invocation, context);
    case "ps":
      return ps(invocation, context);
    case "logs":
      return logs(invocation, context);
    case "stop":
      return stop(invocation, context);
    case "kill":
      return kill(invocation, context);
    case "rm":
      return rm(invocation, context);
    case "wait":
      return wait(invocation, context);
    case "attach":
      return attach(invocation, context);
    case "screen":
      return screen(invocation, context);
    case "restart":
      return restart(invocation, context);
    case "rename":
      return rename(invocation, context);
    case "result":
      return result(invocation, context);
    case "subscribe":
      return subscribe(invocation, context);
    case "top":
      return top(invocation, context);
    case "colony list":
      return colonyList(invocation, context);
    case "send":
      return send(invocation, context);
    case "messages":
      return messages(invocation, context);
    case "interrupt":
      return interrupt(invocation, context);
    case "describe":
      return describe(invocation, context);
    case "events":
      return events(invocation, context);
    case "prune":
      return prune(invocation, context);
    case "status":
      return status(invocation, context);
    case "supervisor start":
      return supervisorStart(invocation, context);
    case "supervisor stop":
      return supervisorStop(invocation, context);
    case "supervisor restart":
      return supervisorRestart(invocation, context);
    case "supervisor status":
      return supervisorStatus(invocation, context);
    case "supervisor logs":
      return supervisorLogs(invocation, context);
    case "supervisor install":
      return supervisorInstall(context);
    case "supervisor uninstall":
      return supervisorUninstall(context);
    case "doctor":
      return doctor(invocation, context);
    case "config get":
      return configGet(invocation, context);
    case "config set":
      return configSet(invocation, context);
    case "config list":
      return configList(invocation, context);
    case "completion":
      return completion(invocation, context);
    case "help":
      return showHelp(invocation.operands.join(" "), context);
  }
}

// Input that is still being read, or a connection that is being made, must not keep a finished command.
void main(process.argv.slice(2)).then(async (code) => {
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  process.exit(code);
});
