/** Command lines for tests of single commands, parsed as the real one is. */
import type { CommandName } from "../../schemas/commands.ts";
import { type Invocation, parseCommandLine } from "./parse.ts";

export function invocationOf<C extends CommandName>(command: C, ...argv: readonly string[]): Invocation<C> {
  const parsed = parseCommandLine([...command.split(" "), ...argv]);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  if (parsed.value.type !== "invocation" || parsed.value.invocation.command !== command) {
    throw new Error(`overmind ${command} ${argv.join(" ")} is no command line of ${command}`);
  }
  return parsed.value.invocation as unknown as Invocation<C>;
}
