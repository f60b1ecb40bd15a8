/** overmind help, --help and --version. */
import { COMMAND_NAMES } from "../../../schemas/commands.ts";
import { nearestWord } from "../../../schemas/nearest.ts";
import { commandHelp, groupHelp, overviewHelp } from "../../../schemas/text/help.ts";
import type { CliContext } from "../context.ts";
import { usageError } from "../values.ts";

/** `topic` is a command, a group such as `supervisor`, or empty for the overview. */
export async function showHelp(topic: string, { out }: CliContext): Promise<number> {
  const options = { colour: out.colour };
  const name = COMMAND_NAMES.find((command) => command === topic);
  const text =
    topic === "" ? overviewHelp(options) : name === undefined ? groupHelp(topic, options) : commandHelp(name, options);
  if (text === undefined) {
    const near = nearestWord(topic, COMMAND_NAMES);
    throw usageError(
      `there is no command ${JSON.stringify(topic)}`,
      near === undefined ? "all commands: overmind --help" : `did you mean overmind help ${near}?`,
    );
  }
  await out.write(text);
  return 0;
}

export async function showVersion({ out, identity }: CliContext): Promise<number> {
  await out.write(`overmind ${identity.version} (${identity.buildId})\n`);
  return 0;
}
