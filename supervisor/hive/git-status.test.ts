import { expect, test } from "vitest";
import { parseStatus } from "./git-status.ts";

/** Recorded from git 2.39: `git status --porcelain=v2 -z`. */
const ZERO = "0000000000000000000000000000000000000000";
const A = "257cc5642cb1a054f08cc83f2d943e56fd3ebe99";
const entries = (...lines: string[]) => lines.map((line) => `${line}\0`).join("");

test("what a status says", () => {
  const text = entries(
    `1 M. N... 100644 100644 100644 ${A} ${A} staged file.txt`,
    `1 .D N... 100644 100644 000000 ${A} ${A} räksmörgås/å.txt`,
    `2 R. N... 100644 100644 100644 ${A} ${A} R100 new name.txt`,
    "old name.txt",
    `u UU N... 100644 100644 100644 100644 ${A} ${A} ${A} both sides.txt`,
    `1 .M S.M. 160000 160000 160000 ${A} ${A} libraries/inner`,
    `1 A. S... 000000 160000 160000 ${ZERO} ${A} libraries/clean`,
    "? untracked file",
    "? folder/",
    "! ignored",
  );
  expect(parseStatus(text)).toEqual({
    changed: [
      "staged file.txt",
      "räksmörgås/å.txt",
      "new name.txt",
      "both sides.txt",
      "libraries/inner",
      "libraries/clean",
    ],
    untracked: ["untracked file", "folder/"],
    submodules: ["libraries/inner"],
  });
});

test("nothing to say", () => {
  expect(parseStatus("")).toEqual({ changed: [], untracked: [], submodules: [] });
});
