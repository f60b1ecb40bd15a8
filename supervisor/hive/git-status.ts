/** What `git status` says of a checkout, as values. */
import { ok, type Result } from "../../schemas/fault.ts";
import type { Git } from "./git.ts";
import { WITHOUT_OURS } from "./repository.ts";

export interface CheckoutStatus {
  /** Tracked and changed, staged or not: paths from the top of the checkout. */
  readonly changed: readonly string[];
  /** Not tracked. A whole folder ends with a slash, unless every file was asked for. */
  readonly untracked: readonly string[];
  /** Of `changed`, submodules whose own checkout holds changes or other commits. */
  readonly submodules: readonly string[];
}

/** With `eachFile`, an untracked entry that still ends with a slash is a repository of its own. */
export async function statusOf(
  git: Git,
  checkout: string,
  options: { readonly eachFile: boolean },
): Promise<Result<CheckoutStatus>> {
  const untracked = `--untracked-files=${options.eachFile ? "all" : "normal"}`;
  const argv = ["status", "--porcelain=v2", "-z", "--no-renames", "--ignore-submodules=none", untracked];
  const printed = await git.run(checkout, [...argv, "--", ...WITHOUT_OURS]);
  return printed.ok ? ok(parseStatus(printed.value)) : printed;
}

/** The output of `git status --porcelain=v2 -z`. */
export function parseStatus(text: string): CheckoutStatus {
  const changed: string[] = [];
  const untracked: string[] = [];
  const submodules: string[] = [];
  const entries = text.split("\0");
  for (let at = 0; at < entries.length; at += 1) {
    const entry = entries[at] ?? "";
    const kind = entry[0];
    if (kind === "?") untracked.push(entry.slice(2));
    const fieldsBeforePath = FIELDS_BEFORE_PATH[kind ?? ""];
    if (fieldsBeforePath === undefined) continue;
    const fields = entry.split(" ");
    const path = fields.slice(fieldsBeforePath).join(" ");
    changed.push(path);
    // `S` and three flags: other commit, changed files, untracked files.
    if (/^S.*[CMU]/.test(fields[2] ?? "")) submodules.push(path);
    if (kind === "2") at += 1; // A rename is followed by its old path.
  }
  return { changed, untracked, submodules };
}

const FIELDS_BEFORE_PATH: Readonly<Record<string, number>> = { "1": 8, "2": 9, u: 10 };
