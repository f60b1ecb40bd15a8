/** Label selectors: `k=v`, `k!=v`, `k`, `!k`, joined by commas, all of which must hold. */
import { failed, fault, ok, type Result } from "../../schemas/fault.ts";

export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = "[^=!,\\s]+";
/** Groups: `!`, key. */
const PRESENCE = new RegExp(`^(!?)\\s*(${KEY})$`);
/** Groups: key, operator, value. `==` is Kubernetes' other spelling of `=`. */
const COMPARISON = new RegExp(`^(${KEY})\\s*(==?|!=)\\s*(.*)$`, "s");
/** How much of a wrong selector an error shows. */
const SHOWN_CHARACTERS = 60;

/** The empty text selects everything; a text of blanks is a mistake, and mistakes must not select everything. */
export function parseLabelSelector(text: string): Result<LabelSelector> {
  if (text === "") return ok(() => true);
  const terms: LabelSelector[] = [];
  for (const part of text.split(",")) {
    const term = parseTerm(part.trim());
    if (term === undefined) {
      return failed(
        fault("usage", `"${part.trim().slice(0, SHOWN_CHARACTERS)}" is no label selector`, {
          hint: "write k=v, k!=v, k or !k, several joined by commas",
        }),
      );
    }
    terms.push(term);
  }
  return ok((labels) => terms.every((term) => term(labels)));
}

function parseTerm(text: string): LabelSelector | undefined {
  const presence = PRESENCE.exec(text);
  if (presence?.[2] !== undefined) {
    const [, not, key] = presence;
    return (labels) => Object.hasOwn(labels, key) === (not === "");
  }
  const comparison = COMPARISON.exec(text);
  if (comparison?.[1] === undefined) return undefined;
  const [, key, operator, value] = comparison;
  const equals: LabelSelector = (labels) => Object.hasOwn(labels, key) && labels[key] === value;
  // As in Kubernetes, `k!=v` holds where there is no k.
  return operator === "!=" ? (labels) => !equals(labels) : equals;
}
