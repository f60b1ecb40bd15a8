/** What a session wrote since a message was typed into it, as lines that people read. */
import { FaultError } from "../../schemas/fault.ts";
import type { MessageView } from "../../schemas/session-view.ts";
import type { CliContext } from "./context.ts";
import { readLog } from "./log-follow.ts";
import { LogReader } from "./output/log-reader.ts";

/** Blank lines at its edges are left out: the first is the line that Enter ended. */
export async function answerTo(message: MessageView, context: CliContext): Promise<string[]> {
  return withoutBlankEdges((await screenIfFull(message, context)) ?? (await linesSince(message, context)));
}

/** Of a program that moves the cursor about the screen is what it says: its output is no text. */
async function screenIfFull({ sessionId }: MessageView, { link }: CliContext): Promise<string[] | undefined> {
  try {
    const screen = await link.request("screen/get", { session: sessionId });
    return screen.fullScreen ? screen.lines : undefined;
  } catch (error) {
    if (error instanceof FaultError) return undefined; // It has no screen; what the log says is all there is.
    throw error;
  }
}

async function linesSince({ sessionId, deliveredAt }: MessageView, { link }: CliContext): Promise<string[]> {
  const reader = new LogReader({ keepRaw: false });
  const lines: string[] = [];
  const take = (entries: ReturnType<LogReader["flush"]>) => {
    for (const entry of entries) if (entry.type === "line" && entry.kind !== "stdin") lines.push(entry.text);
  };
  // The moment in which Enter was typed: the echo of the text lies before it, the answer behind.
  const sinceMs = Date.parse(deliveredAt ?? new Date(0).toISOString());
  await readLog(
    link,
    { session: sessionId, from: { sinceMs }, follow: false },
    {
      async records(attempt, records) {
        take(reader.read(attempt, records));
      },
      async dropped() {}, // What is no longer kept cannot be shown; the newest is what is waited for.
    },
  );
  take(reader.flush());
  return lines;
}

function withoutBlankEdges(lines: readonly string[]): string[] {
  const isText = (line: string) => line.trim() !== "";
  const first = lines.findIndex(isText);
  return first < 0 ? [] : lines.slice(first, lines.findLastIndex(isText) + 1);
}
