/** overmind interrupt */
import type { CliContext } from "../context.ts";
import type { Invocation } from "../parse.ts";

export async function interrupt({ operands }: Invocation<"interrupt">, { link }: CliContext): Promise<number> {
  // Once: a second Ctrl-C ends what the first only asked to stop.
  await link.requestOnce("session/interrupt", { session: operands[0] ?? "" });
  return 0;
}
