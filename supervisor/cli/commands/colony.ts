/** overmind colony list */
import { colonyTable } from "../../../schemas/text/colony-table.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";

export async function colonyList({ flags }: Invocation<"colony list">, { link, out }: CliContext): Promise<number> {
  const listed = await link.request("colony/list", {});
  if (flags.json) await printJson(out, "colony list", listed);
  else await out.write(colonyTable(listed.colonies, { colour: out.colour }));
  return 0;
}
