/** The completion script for fish: one `complete` line for each word and flag. Pure. */
import { COMMAND_COMPLETIONS, type Completes, FIRST_WORDS } from "./completions.ts";

export function fishCompletion(): string {
  return `# Completes overmind in fish. Made by \`overmind completion fish\`.

# Where the cursor is: "first" after overmind, "colony" after the first word of a command of two, "send 1" at the first
# operand of a command, "run --" behind a --, "run value" after a flag that takes one.
function __overmind_place
    set -l words (commandline -opc)
    set -e words[1]
    set -l command
    set -l operand 1
    set -l is_value no
    for word in $words
        if test $is_value = yes
            set is_value no
        else if test -z "$command"
            set command $word
        else if contains -- "$command" ${groups().join(" ")}
            set command "$command $word"
        else if test "$word" = --
            echo "$command --"
            return
        else if string match -q -- '-*' "$word"
            contains -- "$command $word" ${flagsWithValue().join(" ")}
            and set is_value yes
        else
            set operand (math $operand + 1)
        end
    end
    if test $is_value = yes
        echo "$command value"
    else if test -z "$command"
        echo first
    else if contains -- "$command" ${groups().join(" ")}
        echo "$command"
    else
        echo "$command $operand"
    end
end

function __overmind_at
    string match -q -- $argv[1] (__overmind_place)
end

function __overmind_sessions
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    $program __complete sessions $argv 2>/dev/null
end

complete -c overmind -f
complete -c overmind -n '__overmind_at first' -l version -d 'print the version'
complete -c overmind -n '__overmind_at first' -s h -l help -d 'this help'
${wordLines().join("\n")}
${COMMAND_COMPLETIONS.flatMap((command) => [...flagLines(command), ...operandLines(command)]).join("\n")}
`;
}

type Command = (typeof COMMAND_COMPLETIONS)[number];

function groups(): string[] {
  return FIRST_WORDS.flatMap(({ word, second }) => (second.length === 0 ? [] : [word]));
}

function flagsWithValue(): string[] {
  return COMMAND_COMPLETIONS.flatMap(({ name, flags }) =>
    flags.flatMap(({ long, short, value }) =>
      value === undefined
        ? []
        : [`${name} --${long}`, ...(short === undefined ? [] : [`${name} -${short}`])].map(quoted),
    ),
  );
}

function wordLines(): string[] {
  const line = (place: string, word: string, summary: string) =>
    `complete -c overmind -n ${quoted(`__overmind_at ${quoted(place)}`)} -a ${word} -d ${quoted(summary)}`;
  return FIRST_WORDS.flatMap(({ word, summary, second }) => [
    line("first", word, summary),
    ...second.map((one) => line(word, one.word, one.summary)),
    // Of "help COMMAND..." the same.
    line("help 1", word, summary),
  ]);
}

function flagLines({ name, flags }: Command): string[] {
  return flags.map(({ long, short, help, value }) => {
    const forms = `${short === undefined ? "" : `-s ${short} `}-l ${long}`;
    const completes = value === undefined ? "" : ` ${valueOptions(value.completes)}`;
    return `complete -c overmind ${at(`${name} *`)} ${forms}${completes} -d ${quoted(help)}`;
  });
}

function operandLines({ name, operands, hasRest }: Command): string[] {
  const rest = hasRest ? [`complete -c overmind ${at(`${name} --`)} -F -a '(__fish_complete_command)'`] : [];
  return [
    ...operands.flatMap(({ completes, repeats }, index) => {
      const offered = offeredBy(completes);
      const place = repeats ? `${name} *` : `${name} ${index + 1}`;
      return offered === undefined ? [] : [`complete -c overmind ${at(place)} -a ${quoted(offered)}`];
    }),
    ...rest,
  ];
}

function at(place: string): string {
  return `-n ${quoted(`__overmind_at ${quoted(place)}`)}`;
}

/** A file or a folder is offered beside nothing else; all other values are no files. */
function valueOptions(completes: Completes): string {
  if (completes.type === "files") return "-r -F";
  const offered = offeredBy(completes);
  return offered === undefined ? "-x" : `-x -a ${quoted(offered)}`;
}

function offeredBy(completes: Completes): string | undefined {
  switch (completes.type) {
    case "sessions":
      return completes.livingOnly ? "(__overmind_sessions)" : "(__overmind_sessions --all)";
    case "words":
      return completes.words.join(" ");
    case "folders":
      return "(__fish_complete_directories)";
    case "files":
    case "commands":
    case "nothing":
      return undefined;
  }
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
