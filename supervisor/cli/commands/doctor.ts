/** overmind doctor: says what is missing or odd on this machine. Needs no supervisor and starts none. */
import { homedir } from "node:os";
import type { DoctorCheck } from "../../../schemas/json-output.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { Style } from "../../../schemas/text/style.ts";
import type { CliContext } from "../context.ts";
import { broken, messageOf } from "../doctor/check.ts";
import { checkHome, checkLimits, checkSocketPath, checkWatches } from "../doctor/machine.ts";
import { checkGit, checkNativeModules, checkNode, checkOtherOvermind } from "../doctor/programs.ts";
import { checkEngine, checkSupervisor } from "../doctor/services.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";

export async function doctor({ flags }: Invocation<"doctor">, context: CliContext): Promise<number> {
  const { layout, environment, programFolder } = context;
  const checks = [
    ...(await attempt("node", () => [checkNode(process.version)])),
    ...(await attempt("git", () => [checkGit()])),
    ...(await attempt("native-modules", () => checkNativeModules(programFolder))),
    ...(await attempt("home", () => checkHome(layout))),
    ...(await attempt("socket", () => [checkSocketPath(layout)])),
    ...(await attempt("limits", () => checkLimits())),
    ...(await attempt("watches", () => checkWatches())),
    ...(await attempt("path", () => [checkOtherOvermind(environment.PATH ?? "")])),
    ...(await attempt("supervisor", async () => [await checkSupervisor(context)])),
    ...(await attempt("engine", async () => [await checkEngine(environment, homedir())])),
  ];
  const ok = checks.every((check) => check.state !== "fail");
  if (flags.json) await printJson(context.out, "doctor", { ok, checks });
  else await context.out.write(checks.map((check) => checkText(check, context.out.style)).join(""));
  return ok ? 0 : 1;
}

/** A check that stumbles over the very thing it looks for has found something. */
async function attempt(name: string, check: () => DoctorCheck[] | Promise<DoctorCheck[]>): Promise<DoctorCheck[]> {
  try {
    return await check();
  } catch (error) {
    return [
      broken(name, `could not be checked: ${messageOf(error)}`, "mend what it says, then run overmind doctor again"),
    ];
  }
}

function checkText({ state, message, advice }: DoctorCheck, style: Style): string {
  const paint = { ok: style.green, warn: style.yellow, fail: style.red }[state];
  const todo = advice === null ? "" : `      ${style.dim(`-> ${plain(advice)}`)}\n`;
  return `${paint(state.padEnd(4))}  ${plain(message)}\n${todo}`;
}
