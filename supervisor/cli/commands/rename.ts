/** overmind rename */
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";

export async function rename({ flags, operands }: Invocation<"rename">, { link, out }: CliContext): Promise<number> {
  const [reference = "", name = ""] = operands;
  // By its id: asked again after a lost connection, its old name would name nobody, or another.
  const { session: found } = await link.request("session/get", { session: reference });
  const { session } = await link.request("session/rename", { session: found.id, name });
  if (flags.json) await printJson(out, "rename", { session });
  else await out.write(`renamed ${plain(found.name)} to ${plain(session.name)}\n`);
  return 0;
}
