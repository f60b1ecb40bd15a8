/** overmind completion */
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import type { CliContext } from "../context.ts";
import type { Invocation } from "../parse.ts";
import { usageError } from "../values.ts";

export async function completion({ operands }: Invocation<"completion">, { out }: CliContext): Promise<number> {
  await out.write(scriptFor(operands[0] ?? ""));
  return 0;
}

function scriptFor(shell: string): string {
  switch (shell) {
    case "bash":
      return bashCompletion();
    case "zsh":
      return zshCompletion();
    case "fish":
      return fishCompletion();
    default:
      throw usageError(`there is no completion for ${shell}`, "it is made for bash, zsh and fish");
  }
}
