/** What is typed for a message: which bytes, in which writes, with which pauses between them. */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { cutToWidth } from "../../schemas/text/width.ts";
import { type CursorMode, keyBytes } from "./keys.ts";
import type { MessageRecord, SessionSpec } from "./session.ts";

/** One write, and how long nothing is typed after it. */
export interface TypedWrite {
  readonly text: string;
  readonly pauseMs: number;
}

export interface TypingModes extends CursorMode {
  readonly bracketedPaste: boolean;
}

/** Agents take an Enter on the heels of a paste as a part of it, and wait some tens of ms for more to come. */
export const PASTE_PAUSE_MS = 100;
/** Escape with a key on its heels is Alt and that key: programs wait up to so long before they take it for itself. */
const ESCAPE_PAUSE_MS = 100;
/** Behind a message: read in one go, its Enter and the text of the next would pass for one paste. */
const MESSAGE_GAP_MS = 100;
/** Enough that the next key is read by itself, not taken with the last for pasted text. */
const KEY_PAUSE_MS = 20;

const PASTE_BEGIN = "\x1b[200~";
const PASTE_END = "\x1b[201~";
const ENTER = "\r";

/** Control characters but tab and newline: they are keys, or would begin an escape sequence. */
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/;
/** Columns of a message in the log's marker and in tables: one line, beside the output it causes. */
const SHOWN_COLUMNS = 200;

/** The text as it is kept: with newlines alone as ends of lines. A control character in it is a usage fault. */
export function messageText(text: string): Result<string> {
  const lines = text.replaceAll("\r\n", "\n");
  const at = lines.search(CONTROL);
  if (at < 0) return ok(lines);
  const code = lines.charCodeAt(at).toString(16).toUpperCase().padStart(4, "0");
  return failed(
    fault("usage", `the message holds the control character U+${code}, which is no text`, {
      hint: "press keys with --key, as in --key escape or --key ctrl-c",
    }),
  );
}

/** In the order of typing. The last one's pause keeps the next message off: nobody waits for it. */
export function typeMessage(
  message: Pick<MessageRecord, "text" | "keys" | "enter">,
  terminal: { readonly stdio: SessionSpec["stdio"]; readonly modes: TypingModes },
): readonly TypedWrite[] {
  if (terminal.stdio === "pipes") return [{ text: `${message.text}\n`, pauseMs: 0 }];
  const { modes } = terminal;
  const writes: TypedWrite[] = [];
  if (message.text !== "") writes.push({ text: typedText(message.text, modes), pauseMs: PASTE_PAUSE_MS });
  for (const key of message.keys) {
    // Keys that are not known were refused when the message was sent.
    const text = keyBytes(key, modes) ?? "";
    writes.push({ text, pauseMs: key === "escape" ? ESCAPE_PAUSE_MS : KEY_PAUSE_MS });
  }
  if (message.enter) writes.push({ text: ENTER, pauseMs: 0 });
  return writes.map((write, index) => (index === writes.length - 1 ? { ...write, pauseMs: MESSAGE_GAP_MS } : write));
}

/** No end of a paste can be in the text: it would begin with an escape, and that is refused. */
function typedText(text: string, { bracketedPaste }: TypingModes): string {
  const typed = text.replaceAll("\n", ENTER);
  return bracketedPaste ? PASTE_BEGIN + typed + PASTE_END : typed;
}

/** "message from the user: and now the tests", on one line. */
export function messageMarker(message: Pick<MessageRecord, "by" | "text" | "keys">): string {
  return cutToWidth(`message from ${message.by}: ${shownMessage(message)}`, SHOWN_COLUMNS);
}

/** Its text on one line, then its keys. */
function shownMessage({ text, keys }: Pick<MessageRecord, "text" | "keys">): string {
  // Cutting by columns looks at each character: of a long text the beginning is enough.
  const line = text
    .slice(0, 4 * SHOWN_COLUMNS)
    .replaceAll(/\s+/g, " ")
    .trim();
  return [...(line === "" ? [] : [line]), ...keys.map((key) => `[${key}]`)].join(" ") || "[enter]";
}
