/** docs/cli.md, rendered from the table of commands and the shapes of --json. */
import { COMMAND_NAMES, type CommandName, commandNamed, EXIT_CODES, PASSED_ON_EXIT_CODES } from "./commands.ts";
import { type JsonOutput, jsonOutputs } from "./json-output.ts";
import { settingsSchema } from "./settings.ts";
import { flagUsage, usageOf } from "./text/help.ts";

export function cliReference(): string {
  return [
    "<!-- Generated from schemas/commands.ts by `npm run generate`. -->",
    "# The commands of `overmind`",
    "Errors are one line on standard error, and a hint what to do. Colours are for terminals alone; `NO_COLOR` is respected.",
    COMMAND_NAMES.map((name) => `- [\`overmind ${name}\`](#${anchor(name)}): ${commandNamed(name).summary}`).join("\n"),
    "## Exit codes",
    codeTable(EXIT_CODES),
    "`wait` and `run --attach` pass on the session's own:",
    codeTable(PASSED_ON_EXIT_CODES),
    ...COMMAND_NAMES.flatMap(commandSection),
    "## Settings",
    "In `settings.json` under `OVERMIND_HOME`; `overmind config set NAME VALUE --user` changes one.",
    settingsTable(),
  ]
    .join("\n\n")
    .concat("\n");
}

/** `schemas/json/supervisor-status.schema.json` */
export function jsonSchemaPath(name: CommandName): string {
  return `schemas/json/${name.replaceAll(" ", "-")}.schema.json`;
}

function commandSection(name: CommandName): string[] {
  const command = commandNamed(name);
  const output: JsonOutput | undefined = (jsonOutputs as Partial<Record<CommandName, JsonOutput>>)[name];
  const lines = output?.lines === true ? ", one object a line" : "";
  return [
    `## overmind ${name}`,
    `${sentence(command.summary)}\n\n\`\`\`\n${usageOf(name)}\n\`\`\``,
    ...(Object.keys(command.flags).length === 0 ? [] : [flagTable(name)]),
    ...(command.notes ?? []),
    ...(output === undefined ? [] : [`\`--json\` prints [this shape](../${jsonSchemaPath(name)})${lines}.`]),
    `\`\`\`sh\n${command.examples.map(([line, why]) => (why === "" ? line : `${line}  # ${why}`)).join("\n")}\n\`\`\``,
  ];
}

function flagTable(name: CommandName): string {
  const rows = Object.entries(commandNamed(name).flags).map(
    ([long, flag]) =>
      `| \`${cell(flagUsage(long, flag))}\` | ${cell(flag.help)}${flag.repeat === true ? " (may be given again)" : ""} |`,
  );
  return ["| flag | |", "|---|---|", ...rows].join("\n");
}

function codeTable(codes: readonly (readonly [string, string])[]): string {
  return ["| code | |", "|---|---|", ...codes.map(([code, meaning]) => `| ${code} | ${cell(meaning)} |`)].join("\n");
}

function settingsTable(): string {
  const rows = Object.entries(settingsSchema.parse({})).map(
    ([name, value]) =>
      `| \`${name}\` | \`${JSON.stringify(value)}\` | ${cell(settingsSchema.shape[name as keyof typeof settingsSchema.shape].description ?? "")} |`,
  );
  return ["| setting | default | |", "|---|---|---|", ...rows].join("\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function anchor(name: string): string {
  return `overmind-${name.replaceAll(" ", "-")}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
