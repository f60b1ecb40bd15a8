/** Parents and children among sessions: in which order a family ends, and how large it may grow. */
import { type Fault, fault } from "../../schemas/fault.ts";
import { hasEnded, mayStartAgain, type SessionRecord } from "./session.ts";

type Kin = Pick<SessionRecord, "id" | "parentId">;

/** A chain of parents is never this long; a longer one is a circle in damaged data. */
const DEEPEST_CHAIN = 64;

/** Its parent, that one's parent, and so on, as far as they are still there. */
export function ancestorsOf<S extends Kin>(session: Kin, find: (id: string) => S | undefined): readonly S[] {
  const ancestors: S[] = [];
  let parentId = session.parentId;
  while (parentId !== undefined && ancestors.length < DEEPEST_CHAIN) {
    const parent = find(parentId);
    if (parent === undefined) break;
    ancestors.push(parent);
    parentId = parent.parentId;
  }
  return ancestors;
}

/** These and their descendants, each once, children before their parents. */
export function familiesOf<S extends Kin>(heads: readonly S[], all: readonly S[]): readonly S[] {
  const childrenOf = new Map<string, S[]>();
  for (const session of all) {
    if (session.parentId === undefined) continue;
    const siblings = childrenOf.get(session.parentId);
    if (siblings === undefined) childrenOf.set(session.parentId, [session]);
    else siblings.push(session);
  }
  const seen = new Set<string>();
  const ordered: S[] = [];
  const add = (session: S) => {
    if (seen.has(session.id)) return;
    seen.add(session.id);
    for (const child of childrenOf.get(session.id) ?? []) add(child);
    ordered.push(session);
  };
  for (const head of heads) add(head);
  return ordered;
}

export interface FamilyLimits {
  /** How many parents, parents of parents and so on a session may have. */
  readonly maxDepth: number;
  /** Living children of one parent. */
  readonly maxChildren: number;
}

/** Why this parent may have no further child now. `all` are the sessions that there are. */
export function obstacleToChild(
  parent: SessionRecord,
  all: readonly SessionRecord[],
  { maxDepth, maxChildren }: FamilyLimits,
): Fault | undefined {
  const byId = new Map(all.map((session) => [session.id, session]));
  const ancestors = ancestorsOf(parent, (id) => byId.get(id));
  const ending = endingHead(parent, ancestors);
  if (ending !== undefined) {
    return fault("conflict", `${parent.name} may have no child now: ${ending}`, {
      hint: "name another parent, or none",
    });
  }
  const depth = ancestors.length + 1;
  if (depth > maxDepth) {
    return fault("not-permitted", `a child of ${parent.name} would stand at depth ${depth}; maxDepth is ${maxDepth}`, {
      hint: `whoever runs Overmind may allow more: overmind config set maxDepth ${depth} --user`,
    });
  }
  const living = all.filter((session) => session.parentId === parent.id && mayStartAgain(session)).length;
  if (living >= maxChildren) {
    return fault("conflict", `${parent.name} has ${living} living children; maxChildren is ${maxChildren}`, {
      hint: `wait until one has ended, or allow more: overmind config set maxChildren ${living + 1} --user`,
    });
  }
  return undefined;
}

/** Why a session that is removed with its descendants stays: one of them could not be removed. `all` are all there are. */
export function obstacleToRemoval(session: SessionRecord, all: readonly SessionRecord[]): Fault | undefined {
  if (session.desired.state === "running" || session.desired.childrenFirst !== true) return undefined;
  const child = all.find(({ parentId }) => parentId === session.id);
  if (child === undefined) return undefined;
  return fault("conflict", `${session.name} was not removed: its child ${child.name} is still there`, {
    hint: `why it is: overmind describe ${child.name}`,
  });
}

/**
 * A parent that is being ended, or one above it with all its descendants: with a child made meanwhile, that would never
 * come to its end.
 */
function endingHead(parent: SessionRecord, ancestors: readonly SessionRecord[]): string | undefined {
  if (!mayStartAgain(parent)) return `it has ended (${parent.observed.phase})`;
  if (parent.desired.state !== "running") return "it is being ended";
  const head = ancestors.find(
    ({ desired, observed }) =>
      desired.state !== "running" && desired.childrenFirst === true && !hasEnded(observed.phase),
  );
  return head === undefined ? undefined : `${head.name} is being ended with all its descendants`;
}
