/** The table of `overmind messages`. */
import { formatDuration } from "../duration.ts";
import type { MessageView } from "../session-view.ts";
import { plain } from "./plain.ts";
import { type Style, styleFor } from "./style.ts";
import { type Cell, renderTable } from "./table.ts";
import { cutToWidth } from "./width.ts";

const TITLES = ["ID", "STATE", "AGE", "BY", "TEXT", "REASON"] as const;
/** Enough to know a message by; `--json` has it whole. */
const TEXT_COLUMNS = 48;
const BY_COLUMNS = 24;

/** Ends with a newline; the header stands even when there is no message. */
export function messagesTable(
  messages: readonly MessageView[],
  options: { readonly nowMs: number; readonly colour: boolean },
): string {
  const style = styleFor(options.colour);
  return renderTable([
    TITLES.map((title) => ({ text: title, shown: style.dim(title) })),
    ...messages.map((message) => rowOf(message, options.nowMs, style)),
  ]);
}

function rowOf(message: MessageView, nowMs: number, style: Style): Cell[] {
  const ageMs = Math.max(0, nowMs - Date.parse(message.createdAt));
  return [
    cell(message.id),
    { text: message.state, shown: paintState(style, message.state) },
    cell(formatDuration(ageMs)),
    cell(message.by, BY_COLUMNS),
    cell(contentOf(message), TEXT_COLUMNS),
    cell(message.reason),
  ];
}

/** Its text on one line, then its keys. */
function contentOf({ text, keys }: MessageView): string {
  // Cutting by columns looks at each character: of a long text the beginning is enough.
  const beginning = text.slice(0, 4 * TEXT_COLUMNS).trim();
  return [beginning, ...keys.map((key) => `[${key}]`)].filter((part) => part !== "").join(" ");
}

function cell(text: string, columns = Number.POSITIVE_INFINITY): Cell {
  return { text: cutToWidth(plain(text), columns) || "-" };
}

function paintState(style: Style, state: MessageView["state"]): string {
  switch (state) {
    case "queued":
    case "delivering":
      return style.yellow(state);
    case "delivered":
      return style.green(state);
    case "unconfirmed":
    case "failed":
      return style.red(state);
  }
}
