/** macOS: memory from `vm_stat`, the login from launchd. Written from their manuals and recorded output; parsing is pure. */
import { totalmem } from "node:os";
import { type MachineSystem, outputOf } from "./machine-system.ts";

const PROGRAM_LIMIT_MS = 2_000;
const ENVIRONMENT = { LC_ALL: "C", PATH: "/usr/bin:/bin" };

export const darwinMachine: MachineSystem = {
  async memory() {
    const printed = await outputOf("/usr/bin/vm_stat", [], { limitMs: PROGRAM_LIMIT_MS, environment: ENVIRONMENT });
    const freeBytes = printed === undefined ? undefined : parseVmStat(printed);
    return freeBytes === undefined ? undefined : { freeBytes, totalBytes: totalmem() };
  },
  async loginEnvironment() {
    // launchd makes the agent's socket anew at each login, and is the only one who knows it; the rest is not its to tell.
    const printed = await outputOf("/bin/launchctl", ["getenv", "SSH_AUTH_SOCK"], {
      limitMs: PROGRAM_LIMIT_MS,
      environment: ENVIRONMENT,
    });
    const socket = printed?.trim() ?? "";
    return socket === "" ? {} : { SSH_AUTH_SOCK: socket };
  },
};

/**
 * Free bytes by the output of `vm_stat`: what is free, what was read ahead and never used, and what nobody has touched
 * lately, which the system gives away before it swaps. Undefined for what is no such output.
 */
export function parseVmStat(text: string): number | undefined {
  const pageBytes = /page size of (\d+) bytes/.exec(text)?.[1];
  const pagesOf = (name: string) => new RegExp(`^Pages ${name}:\\s+(\\d+)\\.`, "m").exec(text)?.[1];
  const free = pagesOf("free");
  if (pageBytes === undefined || free === undefined) return undefined;
  return (Number(free) + Number(pagesOf("speculative") ?? 0) + Number(pagesOf("inactive") ?? 0)) * Number(pageBytes);
}
