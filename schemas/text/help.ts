/** `overmind --help`, `overmind COMMAND --help`: rendered from the table of commands. */
import {
  COMMAND_NAMES,
  type CommandName,
  commandNamed,
  EXIT_CODES,
  type Flag,
  PASSED_ON_EXIT_CODES,
} from "../commands.ts";
import { type Style, styleFor } from "./style.ts";
import { renderTable } from "./table.ts";

const TEXT_COLUMNS = 100;

export function overviewHelp(options: { readonly colour: boolean }): string {
  const style = styleFor(options.colour);
  return [
    "Overmind runs AI agents and other commands as supervised sessions, each in a git worktree of its own.\n",
    `${style.bold("Usage:")} overmind COMMAND [FLAGS]\n`,
    `${style.bold("Sessions")}\n${summaries("sessions")}`,
    `${style.bold("Overmind itself")}\n${summaries("overmind")}`,
    `${style.bold("Exit codes")}\n${indent(renderTable(EXIT_CODES.map((row) => row.map((text) => ({ text })))))}`,
    "overmind COMMAND --help explains a command, with its flags and examples. --version prints the version.\n",
  ].join("\n");
}

/** The commands of a group such as `supervisor`, or undefined when there is none of that name. */
export function groupHelp(group: string, options: { readonly colour: boolean }): string | undefined {
  const names = COMMAND_NAMES.filter((name) => name.startsWith(`${group} `));
  if (names.length === 0) return undefined;
  const style = styleFor(options.colour);
  return `${style.bold("Usage:")} overmind ${group} COMMAND [FLAGS]\n\n${summariesOf(names)}`;
}

export function commandHelp(name: CommandName, options: { readonly colour: boolean }): string {
  const style = styleFor(options.colour);
  const command = commandNamed(name);
  const codes = command.passesOnExitCode === true ? PASSED_ON_EXIT_CODES : EXIT_CODES;
  const sections = [
    `overmind ${name}: ${command.summary}\n`,
    `${style.bold("Usage:")} ${usageOf(name)}\n`,
    flagsSection(name, style),
    ...(command.notes ?? []).map((note) => `${wrapText(note)}\n`),
    `${style.bold("Examples")}\n${indent(renderTable(command.examples.map(([line, why]) => exampleRow(line, why, style))))}`,
    `${style.bold(name === "run" ? "Exit codes with --attach" : "Exit codes")}\n${indent(renderTable(codes.map((row) => row.map((text) => ({ text })))))}`,
  ];
  return sections.join("\n");
}

export function usageOf(name: CommandName): string {
  const { operands, rest, flags } = commandNamed(name);
  const parts = [
    `overmind ${name}`,
    ...(operands === undefined ? [] : [operands]),
    ...(Object.keys(flags).length === 0 ? [] : ["[FLAGS]"]),
    ...(rest === undefined ? [] : [`[-- ${rest}]`]),
  ];
  return parts.join(" ");
}

/** `-n, --lines N` */
export function flagUsage(name: string, flag: Flag): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const value = flag.value === undefined ? "" : ` ${flag.value}`;
  return `${short}--${name}${value}`;
}

function flagsSection(name: CommandName, style: Style): string {
  const rows = Object.entries(commandNamed(name).flags).map(([long, flag]) => [
    { text: flagUsage(long, flag) },
    { text: flag.repeat === true ? `${flag.help} (may be given again)` : flag.help },
  ]);
  rows.push([{ text: "-h, --help" }, { text: "this help" }]);
  return `${style.bold("Flags")}\n${indent(renderTable(rows))}`;
}

function exampleRow(line: string, why: string, style: Style) {
  return [{ text: line }, ...(why === "" ? [] : [{ text: `# ${why}`, shown: style.dim(`# ${why}`) }])];
}

function summaries(group: "sessions" | "overmind"): string {
  return summariesOf(COMMAND_NAMES.filter((name) => commandNamed(name).group === group));
}

function summariesOf(names: readonly CommandName[]): string {
  return indent(renderTable(names.map((name) => [{ text: name }, { text: commandNamed(name).summary }])));
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "  ");
}

function wrapText(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > TEXT_COLUMNS) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}
