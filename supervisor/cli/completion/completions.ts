/**
 * What the shells complete, read from the table of commands: which words, flags and values can stand where. The
 * generators beside it write it down for each shell. Pure.
 */
import { COMMAND_NAMES, type Command, type CommandName, commandNamed, type Flag } from "../../../schemas/commands.ts";

/** What is offered for a value or an operand. */
export type Completes =
  | { readonly type: "sessions"; readonly livingOnly: boolean }
  | { readonly type: "words"; readonly words: readonly string[] }
  | { readonly type: "commands" }
  | { readonly type: "files" }
  | { readonly type: "folders" }
  | { readonly type: "nothing" };

export interface FlagCompletion {
  readonly long: string;
  readonly short: string | undefined;
  readonly help: string;
  readonly repeats: boolean;
  /** Undefined when it takes no value. */
  readonly value: { readonly label: string; readonly completes: Completes } | undefined;
}

export interface OperandCompletion {
  readonly label: string;
  readonly completes: Completes;
  /** It is the last, and any number may follow. */
  readonly repeats: boolean;
}

export interface CommandCompletion {
  /** One word or two. */
  readonly name: CommandName;
  readonly summary: string;
  readonly flags: readonly FlagCompletion[];
  readonly operands: readonly OperandCompletion[];
  /** A program with its arguments may follow `--`. */
  readonly hasRest: boolean;
}

/** What may stand right after `overmind`: a command, or the first word of several. */
export interface FirstWord {
  readonly word: string;
  readonly summary: string;
  readonly second: readonly { readonly word: string; readonly summary: string }[];
}

const HELP: FlagCompletion = { long: "help", short: "h", help: "this help", repeats: false, value: undefined };

export const COMMAND_COMPLETIONS: readonly CommandCompletion[] = COMMAND_NAMES.map((name) => {
  const command = commandNamed(name);
  return {
    name,
    summary: command.summary,
    flags: [...Object.entries(command.flags).map(([long, flag]) => flagCompletion(long, flag)), HELP],
    operands: operandCompletions(command),
    hasRest: command.rest !== undefined,
  };
});

export const FIRST_WORDS: readonly FirstWord[] = firstWords();

function firstWords(): FirstWord[] {
  const words = new Map<string, FirstWord>();
  for (const { name, summary } of COMMAND_COMPLETIONS) {
    const [word = "", second] = name.split(" ");
    const before = words.get(word)?.second ?? [];
    if (second === undefined) words.set(word, { word, summary, second: [] });
    else words.set(word, { word, summary: groupSummary(word), second: [...before, { word: second, summary }] });
  }
  return [...words.values()];
}

/** "start, stop, restart" */
function groupSummary(word: string): string {
  return COMMAND_NAMES.flatMap((name) => (name.startsWith(`${word} `) ? [name.slice(word.length + 1)] : [])).join(", ");
}

function flagCompletion(long: string, flag: Flag): FlagCompletion {
  const { short, help, value, choices, repeat } = flag;
  const completes: Completes =
    choices === undefined ? completesOf(value ?? "", { livingOnly: true }) : { type: "words", words: choices };
  return {
    long,
    short,
    help,
    repeats: repeat === true,
    value: value === undefined ? undefined : { label: value, completes },
  };
}

/** From the text of the usage line: `SESSION [TEXT|-]`, `[SESSION...]`, `bash|zsh|fish`. */
function operandCompletions({ operands, livingOnly }: Command): OperandCompletion[] {
  return (operands ?? "")
    .split(" ")
    .filter((operand) => operand !== "")
    .map((operand) => {
      const label = operand.replace(/^\[?(.*?)(\.\.\.)?\]?$/, "$1");
      return {
        label,
        completes: completesOf(label, { livingOnly: livingOnly === true }),
        repeats: operand.includes("..."),
      };
    });
}

function completesOf(label: string, { livingOnly }: { readonly livingOnly: boolean }): Completes {
  switch (label) {
    case "SESSION":
      return { type: "sessions", livingOnly };
    case "COMMAND":
      return { type: "commands" };
    case "PATH":
      return { type: "folders" };
    case "F":
      return { type: "files" };
    default:
      return /^[a-z]+(\|[a-z]+)+$/.test(label) ? { type: "words", words: label.split("|") } : { type: "nothing" };
  }
}
