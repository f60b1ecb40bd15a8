/** The completion script for bash, from 3.2 on (macOS still ships it): without its newer arrays and options. Pure. */
import { COMMAND_COMPLETIONS, type CommandCompletion, type Completes, FIRST_WORDS } from "./completions.ts";

export function bashCompletion(): string {
  return `# Completes overmind in bash. Made by \`overmind completion bash\`; source it from ~/.bashrc.

# The commands, or what follows the first word of those that have two.
_overmind_words() {
  case \${1-} in
${FIRST_WORDS.flatMap(({ word, second }) => (second.length === 0 ? [] : [`    ${word}) echo ${quoted(wordsOf(second))} ;;`])).join("\n")}
    *) echo ${quoted(wordsOf(FIRST_WORDS))} ;;
  esac
}

# The flags of a command, or before any.
_overmind_flags() {
  case $1 in
    '') echo '--help --version' ;;
${COMMAND_COMPLETIONS.map(flagsCase).join("\n")}
    *) echo --help ;;
  esac
}

# What stands after "COMMAND FLAG", or as "COMMAND N", the Nth operand; nothing for a flag without a value.
_overmind_kind() {
  case $1 in
${kindCases()}
  esac
}

_overmind_sessions() {
  local program=\${COMP_WORDS[0]}
  "\${program/#\\~\\//$HOME/}" __complete sessions "$@" 2>/dev/null
}

# Offers what begins with $2 of the kind $1, each with $3 before it.
_overmind_offer() {
  local words= action= line
  case $1 in
    living) words=$(_overmind_sessions) ;;
    sessions) words=$(_overmind_sessions --all) ;;
    commands) words=$(_overmind_words "\${COMP_WORDS[COMP_CWORD - 1]}") ;;
    words:*) words=\${1#words:} ;;
    files) action=file ;;
    folders) action=directory ;;
    programs) action=command ;;
    *) return ;;
  esac
  if [[ -z $action ]]; then
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -W "$words" -P "\${3-}" -- "$2")
    return
  fi
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -A $action -P "\${3-}" -- "$2")
  [[ $action == command ]] || compopt -o filenames 2>/dev/null
}

_overmind() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= kind= prefix= word
  local -i at operand=1
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    # Bash takes --flag=value apart: three words.
    if [[ -n $kind && $word == = ]]; then continue; fi
    if [[ -n $kind ]]; then
      kind=
      continue
    fi
    case $command in
      '') command=$word ;;
      ${groups().join(" | ")}) command="$command $word" ;;
      *)
        case $word in
          --)
            kind=files
            [[ $at -eq COMP_CWORD-1 ]] && kind=programs
            _overmind_rest "$command" && _overmind_offer $kind "$current"
            return
            ;;
          -*) kind=$(_overmind_kind "$command $word") ;;
          *) operand+=1 ;;
        esac
        ;;
    esac
  done
  [[ $current == = ]] && current=
  if [[ -z $kind && -n $command && $current == --*=* ]]; then
    kind=$(_overmind_kind "$command \${current%%=*}")
    prefix=\${current%%=*}=
    current=\${current#*=}
  fi
  if [[ -n $kind ]]; then
    _overmind_offer "$kind" "$current" "$prefix"
    return
  fi
  if [[ $current == -* ]]; then
    _overmind_offer "words:$(_overmind_flags "$command")" "$current"
    return
  fi
  case $command in
    '' | ${groups().join(" | ")}) _overmind_offer "words:$(_overmind_words "$command")" "$current" ;;
    *) _overmind_offer "$(_overmind_kind "$command $operand")" "$current" ;;
  esac
}

# Whether a program with its arguments may follow -- there.
_overmind_rest() {
  case $1 in
    ${COMMAND_COMPLETIONS.flatMap(({ name, hasRest }) => (hasRest ? [quoted(name)] : [])).join(" | ")}) return 0 ;;
    *) return 1 ;;
  esac
}

complete -F _overmind overmind
`;
}

function flagsCase({ name, flags }: CommandCompletion): string {
  return `    ${quoted(name)}) echo ${quoted(flags.map(({ long }) => `--${long}`).join(" "))} ;;`;
}

function wordsOf(words: readonly { readonly word: string }[]): string {
  return words.map(({ word }) => word).join(" ");
}

function groups(): string[] {
  return FIRST_WORDS.flatMap(({ word, second }) => (second.length === 0 ? [] : [word]));
}

/** One branch for each kind, with every place where it stands. */
function kindCases(): string {
  const places = new Map<string, string[]>();
  const note = (completes: Completes, place: string) => {
    const kind = kindOf(completes);
    places.set(kind, [...(places.get(kind) ?? []), place]);
  };
  for (const { name, flags, operands } of COMMAND_COMPLETIONS) {
    for (const { long, short, value } of flags) {
      if (value === undefined) continue;
      note(value.completes, quoted(`${name} --${long}`));
      if (short !== undefined) note(value.completes, quoted(`${name} -${short}`));
    }
    operands.forEach(({ completes, repeats }, index) => {
      note(completes, repeats ? `${quoted(`${name} `)}[0-9]*` : quoted(`${name} ${index + 1}`));
    });
  }
  return [...places].map(([kind, patterns]) => `    ${patterns.join(" | ")}) echo ${quoted(kind)} ;;`).join("\n");
}

function kindOf(completes: Completes): string {
  if (completes.type === "sessions") return completes.livingOnly ? "living" : "sessions";
  return completes.type === "words" ? `words:${completes.words.join(" ")}` : completes.type;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
