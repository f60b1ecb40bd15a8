/** overmind messages */
import { messagesTable } from "../../../schemas/text/messages-table.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";

export async function messages({ flags, operands }: Invocation<"messages">, context: CliContext): Promise<number> {
  const listed = await context.link.request("message/list", { session: operands[0] ?? "" });
  if (flags.json) await printJson(context.out, "messages", listed);
  else await context.out.write(messagesTable(listed.messages, { nowMs: context.now(), colour: context.out.colour }));
  return 0;
}
