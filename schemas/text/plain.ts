/**
 * Text for people, rendered for the command line. Pure: `now` and the wish for colours come as arguments. Names, argv
 * and reasons come from sessions and are hostile: nothing of them may reach a terminal but through plain().
 * The cortex renders tables with it (so that a hot command only prints), the command line all else.
 */

const NAMED_ESCAPES: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Control characters (C0, DEL, C1), line separators, and what turns the direction of text around or marks nothing
 * visible: a name made of these could overwrite, hide or fake what stands beside it.
 */
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/;
const EVERY_UNSAFE = new RegExp(UNSAFE.source, "g");
/** U+200D joins the parts of one emoji and is harmless between them. */
const JOINER = "\u200d";

/** One line that a terminal shows as it stands: what could command the terminal is written as an escape. */
export function plain(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(EVERY_UNSAFE, (character) => (character === JOINER ? JOINER : escapeOf(character)));
}

function escapeOf(character: string): string {
  const code = character.charCodeAt(0);
  return (
    NAMED_ESCAPES[character] ?? (code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`)
  );
}

/** A command line as a person could paste it into a shell. */
export function quoteArgv(argv: readonly string[]): string {
  return argv.map(quoteArgument).join(" ");
}

function quoteArgument(text: string): string {
  if (/^[\w./:=@%+,-]+$/.test(text)) return text;
  if (!UNSAFE.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  return `$'${plain(text.replaceAll("\\", "\\\\").replaceAll("'", "\\'"))}'`;
}
