/**
 * The text of a dotenv file -> variables. KEY=VALUE lines, `export `, comments, quotes: in single quotes all is literal,
 * in double quotes \n, \r, \t, \" and \\ are escapes, both may hold line ends. Nothing is expanded.
 */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";

const KEY = /^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*/;
const SINGLE_QUOTED = /^'([^']*)'[ \t]*(?:#[^\n]*)?(?:\n|$)/;
const DOUBLE_QUOTED = /^"((?:[^"\\]|\\[\s\S])*)"[ \t]*(?:#[^\n]*)?(?:\n|$)/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", '"': '"', "\\": "\\", $: "$" };

export function parseDotenv(text: string): Result<Readonly<Record<string, string>>> {
  const variables: Record<string, string> = {};
  // An editor's byte order mark is no part of the first name.
  let rest = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  let line = 1;
  while (rest !== "") {
    const blank = /^[ \t]*(?:#[^\n]*)?(?:\n|$)/.exec(rest);
    const taken = blank === null ? takeAssignment(rest, line) : undefined;
    if (taken !== undefined && !taken.ok) return taken;
    if (taken !== undefined) variables[taken.value.name] = taken.value.value;
    const length = taken?.value.length ?? blank?.[0].length ?? rest.length;
    line += rest.slice(0, length).split("\n").length - 1;
    rest = rest.slice(length);
  }
  return ok(variables);
}

interface Assignment {
  readonly name: string;
  readonly value: string;
  /** Characters of the text that it takes, its line's end included. */
  readonly length: number;
}

function takeAssignment(text: string, line: number): Result<Assignment> {
  const key = KEY.exec(text);
  if (key?.[1] === undefined) return wrong(line, "is no KEY=VALUE");
  const after = text.slice(key[0].length);
  const quote = after[0];
  if (quote !== '"' && quote !== "'") {
    const bare = /^[^\n]*/.exec(after)?.[0] ?? "";
    const value = bare.replace(/(^|[ \t])#.*$/, "").trimEnd();
    return ok({ name: key[1], value, length: key[0].length + bare.length + 1 });
  }
  const quoted = (quote === "'" ? SINGLE_QUOTED : DOUBLE_QUOTED).exec(after);
  if (quoted?.[1] === undefined) return wrong(line, `has a ${quote} that nothing closes at its end`);
  const value =
    quote === "'"
      ? quoted[1]
      : quoted[1].replaceAll(/\\([\s\S])/g, (both, escaped: string) => ESCAPES[escaped] ?? both);
  return ok({ name: key[1], value, length: key[0].length + quoted[0].length });
}

function wrong(line: number, what: string) {
  return failed(
    fault("usage", `line ${line} ${what}`, { hint: "a line is KEY=VALUE, KEY='VALUE', KEY=\"VALUE\" or # a comment" }),
  );
}
