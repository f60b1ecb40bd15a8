/** Splits a command line into words as a POSIX shell would, without a shell. No zod: the command line imports it. */
import { failed, fault, ok, type Result } from "./fault.ts";

export interface CommandLine {
  readonly words: readonly string[];
  /**
   * What a shell would have acted on and we pass on as it stands: operators, expansions and globs outside quotes, each
   * once, in order.
   */
  readonly literal: readonly string[];
}

const ESCAPED_IN_DOUBLE_QUOTES = '$`"\\\n';
const SHELL_MEANING = /^(?:&&|\|\||>>|<<|[|&;<>()`*]|\$(?=[A-Za-z_{(0-9@*#?!$-]))/;
const MEANING_IN_DOUBLE_QUOTES = "$`";

export function splitCommandLine(text: string): Result<CommandLine> {
  const words: string[] = [];
  const literal = new Set<string>();
  // Undefined between words: an empty pair of quotes is a word all the same.
  let word: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "'" || character === '"') {
      const quoted = readQuoted(text, at);
      if (quoted === undefined) return unclosed(character, at);
      for (const one of quoted.literal) literal.add(one);
      word = (word ?? "") + quoted.value;
      at = quoted.end;
    } else if (character === "\\") {
      if (at + 1 >= text.length)
        return failed(fault("usage", "the command line ends with a backslash that escapes nothing"));
      at += 1;
      // A backslash before a line's end joins the two lines.
      if (text[at] !== "\n") word = (word ?? "") + text[at];
    } else {
      const meaning = shellMeaning(text, at);
      if (meaning !== undefined) literal.add(meaning);
      word = (word ?? "") + (meaning ?? character);
      at += (meaning ?? character).length - 1;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0)
    return failed(fault("usage", "the command line is empty", { hint: "name a program: overmind run 'npm test'" }));
  return ok({ words, literal: [...literal] });
}

interface Quoted {
  readonly value: string;
  /** Index of the closing quote. */
  readonly end: number;
  readonly literal: readonly string[];
}

function readQuoted(text: string, start: number): Quoted | undefined {
  const quote = text[start];
  let value = "";
  const literal: string[] = [];
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === quote) return { value, end: at, literal };
    if (quote === "'") {
      value += character;
      continue;
    }
    const next = text[at + 1];
    if (character === "\\" && next !== undefined && ESCAPED_IN_DOUBLE_QUOTES.includes(next)) {
      if (next !== "\n") value += next;
      at += 1;
      continue;
    }
    const meaning = shellMeaning(text, at);
    if (meaning !== undefined && MEANING_IN_DOUBLE_QUOTES.includes(meaning)) literal.push(meaning);
    value += character;
  }
  return undefined;
}

/** The operator, expansion or glob that begins here, outside quotes. */
function shellMeaning(text: string, at: number): string | undefined {
  return SHELL_MEANING.exec(text.slice(at, at + 2))?.[0];
}

function unclosed(quote: string, at: number) {
  return failed(
    fault("usage", `the command line has a ${quote} at character ${at + 1} that nothing closes`, {
      hint: "close it, or give the words apart: overmind run -- PROGRAM ARGUMENT...",
    }),
  );
}
