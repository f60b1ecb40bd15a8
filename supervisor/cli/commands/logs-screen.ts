/** Logs of full-screen programs: their output moves the cursor about, and is readable as a screen alone. */
import type { ResultOf } from "../../../schemas/client-protocol.ts";
import { FaultError } from "../../../schemas/fault.ts";
import type { SessionView } from "../../../schemas/session-view.ts";
import { plain } from "../../../schemas/text/plain.ts";
import type { CliContext } from "../context.ts";

export type FullScreen = ResultOf<"screen/get">;

/** With all that is kept above the screen; undefined when its output is readable as it is. */
export async function fullScreenOf({ link }: CliContext, session: SessionView): Promise<FullScreen | undefined> {
  if (session.attempt === 0) return undefined;
  try {
    const shown = await link.request("screen/get", { session: session.id, scrollback: true });
    return shown.fullScreen ? shown : undefined;
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code === "unreachable") throw error;
    return undefined; // Its screen cannot be had, on pipes there is none: what it wrote is still to be read.
  }
}

export async function printFullScreen(
  { out }: CliContext,
  shown: FullScreen,
  { pattern, lastLines }: { readonly pattern: RegExp | undefined; readonly lastLines: number | undefined },
): Promise<void> {
  const lines = withoutBlankEnd([...shown.scrollback, ...shown.lines]).filter((line) => pattern?.test(line) ?? true);
  const last = lastLines === undefined ? lines : lastLines === 0 ? [] : lines.slice(-lastLines);
  const closing = `-- overmind: the screen of ${shown.session.name}, a full-screen program; --raw has its bytes`;
  await out.write(`${last.map((line) => `${plain(line)}\n`).join("")}${out.style.dim(plain(closing))}\n`);
}

/** What is below the last line that shows anything is left out. */
export function withoutBlankEnd(lines: readonly string[]): readonly string[] {
  return lines.slice(0, lines.findLastIndex((line) => line.trim() !== "") + 1);
}
