/** The completion script for zsh: for each command a call of its own _arguments. Pure. */
import { COMMAND_COMPLETIONS, type CommandCompletion, type Completes, FIRST_WORDS } from "./completions.ts";

export function zshCompletion(): string {
  const groups = FIRST_WORDS.filter(({ second }) => second.length > 0);
  return `#compdef overmind
# Completes overmind in zsh. Made by \`overmind completion zsh\`; save it as _overmind in a folder of fpath, or source
# it from ~/.zshrc after compinit.

_overmind_names() {
  local -a names
  names=(\${(f)"$("$overmind_program" __complete sessions "$@" 2>/dev/null)"})
  compadd -a names
}
_overmind_living() { _overmind_names }
_overmind_sessions() { _overmind_names --all }

# The commands, or what follows the first word of those that have two.
_overmind_words() {
  local -a found
  case $1 in
${groups.map(({ word, second }) => `    (${word}) found=(${described(second)}) ;;`).join("\n")}
    (*) found=(${described(FIRST_WORDS)}) ;;
  esac
  _describe -t commands command found
}
_overmind_commands() { _overmind_words "$words[CURRENT-1]" }

_overmind() {
  local curcontext=$curcontext overmind_program=\${words[1]/#\\~\\//$HOME/} command=$words[2]
  local -i rest
  if (( CURRENT == 2 )); then
    _overmind_words
    _arguments '--version[print the version]' '(-h --help)'{-h,--help}'[this help]'
    return
  fi
  case $command in
    (${groups.map(({ word }) => word).join("|")})
      if (( CURRENT == 3 )); then
        _overmind_words $command
        return
      fi
      command="$command $words[3]"
      shift words
      (( CURRENT-- ))
      ;;
  esac
  shift words
  (( CURRENT-- ))
  case $command in
${COMMAND_COMPLETIONS.map(commandBranch).join("\n")}
  esac
}

if [[ $funcstack[1] == _overmind ]]; then
  _overmind "$@"
else
  compdef _overmind overmind
fi
`;
}

function commandBranch({ name, flags, operands, hasRest }: CommandCompletion): string {
  const specifications = [
    ...flags.map(({ long, short, help, repeats, value }) => {
      const forms = [...(short === undefined ? [] : [`-${short}`]), `--${long}`];
      const excluded = repeats ? quoted("*") : forms.length > 1 ? quoted(`(${forms.join(" ")})`) : "";
      const marked = forms.map((form) =>
        value === undefined ? form : form.startsWith("--") ? `${form}=` : `${form}+`,
      );
      const [only = ""] = marked;
      const alternatives = marked.length > 1 ? `{${marked.join(",")}}` : only;
      const after = value === undefined ? "" : `:${escaped(value.label)}:${actionOf(value.completes)}`;
      return `${excluded}${alternatives}${quoted(`[${escaped(help)}]${after}`)}`;
    }),
    ...operands.map(({ label, completes, repeats }, index) =>
      quoted(`${repeats ? "*" : index + 1}:${escaped(label)}:${actionOf(completes)}`),
    ),
  ];
  const rest = hasRest
    ? `
      rest=\${words[(i)--]}
      if (( rest < CURRENT )); then
        shift $rest words
        (( CURRENT -= rest ))
        _normal
        return
      fi`
    : "";
  return `    (${quoted(name)})${rest}
      _arguments -s -S \\
        ${specifications.join(" \\\n        ")}
      ;;`;
}

function actionOf(completes: Completes): string {
  switch (completes.type) {
    case "sessions":
      return completes.livingOnly ? "_overmind_living" : "_overmind_sessions";
    case "words":
      return `(${completes.words.join(" ")})`;
    case "commands":
      return "_overmind_commands";
    case "files":
      return "_files";
    case "folders":
      return "_files -/";
    case "nothing":
      return " ";
  }
}

function described(words: readonly { readonly word: string; readonly summary: string }[]): string {
  return words.map(({ word, summary }) => quoted(`${word}:${summary.replaceAll(":", "\\:")}`)).join(" ");
}

/** A colon, a bracket or a backslash would end the part of the specification that it stands in. */
function escaped(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
