/** overmind screen: what a session's terminal shows now. */
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";
import { printJson } from "../output/json.ts";
import type { Invocation } from "../parse.ts";
import { usageError } from "../values.ts";
import { withoutBlankEnd } from "./logs-screen.ts";

export async function screen({ flags, operands }: Invocation<"screen">, context: CliContext): Promise<number> {
  if (flags.json && flags.ansi) throw usageError("--json and --ansi exclude each other");
  const [reference = ""] = operands;
  const shown = await context.link.request("screen/get", { session: reference });
  if (flags.json) {
    const { session, attempt, columns, rows, cursor, title, alternate, fullScreen, lines } = shown;
    await printJson(context.out, "screen", {
      session,
      attempt,
      columns,
      rows,
      cursor,
      title,
      alternate,
      fullScreen,
      lines,
    });
  } else if (flags.ansi) {
    await context.out.write(shown.ansi);
  } else {
    const text = withoutBlankEnd(shown.lines).map((line) => `${plain(line)}\n`);
    await context.out.write(text.join(""));
  }
  return 0;
}
