/** Parameters that a schema refused, said so that whoever wrote them finds the place; what was sent is not echoed at length. */
import type { methods } from "../../schemas/client-protocol.ts";
import { type Fault, fault } from "../../schemas/fault.ts";

type Parsed = ReturnType<(typeof methods)["hello"]["params"]["safeParse"]>;
type Issue = NonNullable<Parsed["error"]>["issues"][number];

/** The first few say what is wrong; ten thousand more would say it again. */
const MOST_ISSUES = 3;
const MOST_CHARACTERS = 160;

export function invalidParams(method: string, issues: readonly Issue[]): Fault {
  const named = issues
    .slice(0, MOST_ISSUES)
    .map((issue) => ({ path: cut(pathOf(issue)), expected: cut(expectationOf(issue)) }));
  const text = named.map(({ path, expected }) => (path === "" ? expected : `${path}: ${expected}`)).join("; ");
  const more = issues.length > MOST_ISSUES ? `; and ${issues.length - MOST_ISSUES} more` : "";
  return fault("invalid-params", `${method}: ${text}${more}`, { data: { issues: named } });
}

function pathOf(issue: Issue): string {
  return issue.path.slice(0, MOST_ISSUES).map(String).join(".");
}

/** Of a union each branch says what it wanted: "invalid input" alone helps nobody. */
function expectationOf(issue: Issue): string {
  if (issue.code !== "invalid_union") return issue.message;
  const wanted = issue.errors.flatMap((branch) =>
    branch.slice(0, 1).map((one) => `${pathOf(one)} ${one.message}`.trim()),
  );
  return [...new Set(wanted)].slice(0, MOST_ISSUES).join(", or ") || issue.message;
}

function cut(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}...`;
}
