/** argv -> what is to be done, by the table in schemas/commands.ts. Pure. */
import { parseArgs } from "node:util";
import {
  COMMAND_NAMES,
  type Command,
  type CommandName,
  commandNamed,
  type Flag,
  type FlagValues,
} from "../../schemas/commands.ts";
import { type Fault, failed, fault, ok, type Result } from "../../schemas/fault.ts";
import { nearestWord } from "../../schemas/nearest.ts";
import { usageOf } from "../../schemas/text/help.ts";

export interface Invocation<C extends CommandName = CommandName> {
  readonly command: C;
  readonly flags: FlagValues<C>;
  readonly operands: readonly string[];
  /** What followed `--`; undefined when nothing did. */
  readonly rest: readonly string[] | undefined;
}

export type Parsed =
  | { readonly type: "invocation"; readonly invocation: AnyInvocation }
  | { readonly type: "help"; readonly topic: string }
  | { readonly type: "version" };

/** One command with its own flags, whichever it is. */
export type AnyInvocation = { [C in CommandName]: Invocation<C> }[CommandName];

export function parseCommandLine(argv: readonly string[]): Result<Parsed> {
  const [first, second] = argv;
  if (first === undefined || first === "--help" || first === "-h") return ok({ type: "help", topic: "" });
  if (first === "--version" || first === "-V") return ok({ type: "version" });
  const isGroup = COMMAND_NAMES.some((name) => name.startsWith(`${first} `));
  if (isGroup && (second === undefined || second === "--help" || second === "-h")) {
    return second === undefined ? failed(whichOf(first)) : ok({ type: "help", topic: first });
  }
  const typed = isGroup ? `${first} ${second}` : first;
  if (!isCommandName(typed)) return failed(unknownCommand(typed));
  return parseCommand(typed, argv.slice(typed.split(" ").length));
}

function isCommandName(text: string): text is CommandName {
  return COMMAND_NAMES.some((name) => name === text);
}

function parseCommand(name: CommandName, args: readonly string[]): Result<Parsed> {
  const command = commandNamed(name);
  const flags: Record<string, boolean | string | string[] | undefined> = {};
  for (const [long, flag] of Object.entries(command.flags)) {
    flags[long] = flag.repeat === true ? [] : flag.value === undefined ? false : undefined;
  }
  const operands: string[] = [];
  let rest: string[] | undefined;
  for (const token of tokensOf(args, command)) {
    if (token.kind === "option-terminator") {
      rest = args.slice(token.index + 1);
      break;
    }
    if (token.kind === "positional") {
      operands.push(token.value);
      continue;
    }
    if (token.name === "help" || token.rawName === "-h") return ok({ type: "help", topic: name });
    const refused = setFlag(flags, command, name, token);
    if (refused !== undefined) return failed(refused);
  }
  const wrong = checkOperands(name, command, operands, rest);
  if (wrong !== undefined) return failed(wrong);
  // The loop above filled `flags` from this command's own table: what it holds is what FlagValues says.
  const invocation = { command: name, flags, operands, rest } as unknown as AnyInvocation;
  return ok({ type: "invocation", invocation });
}

interface OptionToken {
  readonly kind: "option";
  readonly index: number;
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}
type Token =
  | OptionToken
  | { readonly kind: "positional"; readonly index: number; readonly value: string }
  | { readonly kind: "option-terminator"; readonly index: number };

function tokensOf(args: readonly string[], command: Command): readonly Token[] {
  const options = Object.fromEntries(
    Object.entries(command.flags).map(([long, flag]) => [
      long,
      {
        type: flag.value === undefined ? ("boolean" as const) : ("string" as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
        ...(flag.repeat === true ? { multiple: true } : {}),
      },
    ]),
  );
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

function setFlag(
  flags: Record<string, boolean | string | string[] | undefined>,
  command: Command,
  name: CommandName,
  token: OptionToken,
): Fault | undefined {
  const flag: Flag | undefined = Object.hasOwn(command.flags, token.name) ? command.flags[token.name] : undefined;
  if (flag === undefined) return unknownFlag(name, command, token.rawName);
  if (flag.value === undefined) {
    if (token.value !== undefined) return wrongUsage(name, `${token.rawName} takes no value`);
    flags[token.name] = true;
    return undefined;
  }
  if (token.value === undefined)
    return wrongUsage(name, `${token.rawName} needs a value: ${token.rawName} ${flag.value}`);
  if (token.inlineValue !== true && token.value.length > 1 && token.value.startsWith("-")) {
    return wrongUsage(
      name,
      `${token.rawName} needs a value; is ${token.value} meant as one? Then write --${token.name}=${token.value}`,
    );
  }
  const before = flags[token.name];
  if (Array.isArray(before)) before.push(token.value);
  else if (before !== undefined) return wrongUsage(name, `${token.rawName} is given twice`);
  else flags[token.name] = token.value;
  return undefined;
}

function checkOperands(
  name: CommandName,
  command: Command,
  operands: readonly string[],
  rest: readonly string[] | undefined,
): Fault | undefined {
  if (rest !== undefined && command.rest === undefined) return wrongUsage(name, "nothing can follow -- here");
  if (operands.length < command.least) return wrongUsage(name, `${command.operands ?? "an operand"} is missing`);
  if (operands.length <= command.most) return undefined;
  const surplus = operands[command.most] ?? "";
  if (command.rest !== undefined) {
    return fault("usage", `${JSON.stringify(surplus)} is one word too many`, {
      hint: `a command with arguments stands behind --, or in quotes: overmind ${name} -- ${operands.join(" ")}`,
    });
  }
  return wrongUsage(name, `${JSON.stringify(surplus)} is one operand too many`);
}

function unknownFlag(name: CommandName, command: Command, typed: string): Fault {
  const known = [
    ...Object.entries(command.flags).flatMap(([long, flag]) => [
      `--${long}`,
      ...(flag.short === undefined ? [] : [`-${flag.short}`]),
    ]),
    "--help",
  ];
  const near = typed.startsWith("--") ? nearestWord(typed, known) : undefined;
  return fault("usage", `overmind ${name} has no flag ${typed}`, {
    hint: near === undefined ? `its flags: overmind ${name} --help` : `did you mean ${near}?`,
  });
}

function unknownCommand(typed: string): Fault {
  const near = nearestWord(typed, COMMAND_NAMES);
  return fault("usage", `there is no command ${JSON.stringify(typed)}`, {
    hint: near === undefined ? "all commands: overmind --help" : `did you mean overmind ${near}?`,
  });
}

function whichOf(group: string): Fault {
  const names = COMMAND_NAMES.filter((name) => name.startsWith(`${group} `)).map((name) =>
    name.slice(group.length + 1),
  );
  return fault("usage", `overmind ${group} needs one of ${names.join(", ")}`, { hint: `see overmind ${group} --help` });
}

function wrongUsage(name: CommandName, message: string): Fault {
  return fault("usage", message, { hint: `usage: ${usageOf(name)}; more: overmind ${name} --help` });
}
