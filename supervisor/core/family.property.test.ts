import fc from "fast-check";
import { expect, test } from "vitest";
import { sessionRecord } from "../../test/fakes/session-record.ts";
import { ancestorsOf, familiesOf, obstacleToChild, obstacleToRemoval } from "./family.ts";
import { hasEnded, PHASES, type Phase, type SessionRecord } from "./session.ts";

const LIMITS = { maxDepth: 4, maxChildren: 3 };

/** Sessions in the order in which they were made: each has an earlier one as its parent, or none. */
const forest = fc
  .array(fc.record({ parent: fc.option(fc.nat()), phase: fc.constantFrom(...PHASES) }), { minLength: 1, maxLength: 30 })
  .map((made) =>
    made.map(({ parent, phase }, index) =>
      member(index, parent === null || index === 0 ? undefined : parent % index, phase),
    ),
  );

function member(index: number, parent: number | undefined, phase: Phase = "RUNNING"): SessionRecord {
  return sessionRecord({
    id: `id${index}`,
    name: `name${index}`,
    ...(parent === undefined ? {} : { parentId: `id${parent}` }),
    observed: { phase, attempt: 1 },
  });
}

const finder = (all: readonly SessionRecord[]) => {
  const byId = new Map(all.map((session) => [session.id, session]));
  return (id: string) => byId.get(id);
};
const ids = (sessions: readonly SessionRecord[]) => sessions.map(({ id }) => id);

test("a family is its heads and all their descendants, each once, children before parents", () => {
  fc.assert(
    fc.property(forest, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (all, picks) => {
      const heads = picks.map((pick) => all[pick % all.length] as SessionRecord);
      const family = familiesOf(heads, all);
      const headIds = new Set(ids(heads));
      const belongs = all.filter((session) =>
        [session, ...ancestorsOf(session, finder(all))].some(({ id }) => headIds.has(id)),
      );
      expect(ids(family).sort()).toEqual(ids(belongs).sort());
      const place = new Map(family.map(({ id }, index) => [id, index]));
      for (const { id, parentId } of family) {
        const parentPlace = parentId === undefined ? undefined : place.get(parentId);
        if (parentPlace !== undefined) expect(place.get(id)).toBeLessThan(parentPlace);
      }
    }),
  );
});

test("a circle in damaged data ends", () => {
  const circle = [member(0, 1), member(1, 0)];
  expect(ids(familiesOf(circle.slice(0, 1), circle)).sort()).toEqual(["id0", "id1"]);
  expect(ancestorsOf(circle[0] as SessionRecord, finder(circle)).length).toBeGreaterThan(0);
});

test("a child is allowed exactly within depth and number, under a parent that goes on", () => {
  fc.assert(
    fc.property(forest, fc.nat(), (all, pick) => {
      const parent = all[pick % all.length] as SessionRecord;
      const depth = ancestorsOf(parent, finder(all)).length + 1;
      const living = all.filter(({ parentId, observed }) => parentId === parent.id && !hasEnded(observed.phase)).length;
      const allowed = !hasEnded(parent.observed.phase) && depth <= LIMITS.maxDepth && living < LIMITS.maxChildren;
      expect(obstacleToChild(parent, all, LIMITS) === undefined).toBe(allowed);
    }),
  );
});

test("a chain of children grown one by one is maxDepth deep, and no limit is hit before it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 }), (maxDepth) => {
      const chain = [member(0, undefined)];
      while (obstacleToChild(chain.at(-1) as SessionRecord, chain, { maxDepth, maxChildren: 1 }) === undefined) {
        chain.push(member(chain.length, chain.length - 1));
      }
      expect(chain.length - 1).toBe(maxDepth);
    }),
  );
});

test("each limit is named with its setting, and what is full now is no refusal for ever", () => {
  const parent = member(0, undefined);
  expect(obstacleToChild(parent, [parent], { maxDepth: 0, maxChildren: 3 })).toMatchObject({
    code: "not-permitted",
    message: expect.stringContaining("maxDepth"),
  });
  expect(obstacleToChild(parent, [parent, member(1, 0)], { maxDepth: 1, maxChildren: 1 })).toMatchObject({
    code: "conflict",
    message: expect.stringContaining("maxChildren"),
  });
});

test("whoever is being ended with its descendants gets no new ones, at any depth", () => {
  const ending = {
    state: "stopped",
    mode: "stop",
    graceMs: 1,
    requestedAtMs: 1,
    by: "the user",
    childrenFirst: true,
  } as const;
  const [head, child, grandchild] = [{ ...member(0, undefined), desired: ending }, member(1, 0), member(2, 1)];
  const all = [head, child, grandchild];
  for (const parent of all) expect(obstacleToChild(parent, all, LIMITS)).toMatchObject({ code: "conflict" });
  const alone = [{ ...head, desired: { ...ending, childrenFirst: undefined } as never }, child, grandchild];
  expect(obstacleToChild(child, alone, LIMITS)).toBeUndefined();
});

test("one that is removed with its descendants stays while a child of it does; alone it does not ask for them", () => {
  const desired = {
    state: "removed",
    mode: "stop",
    graceMs: 1,
    requestedAtMs: 1,
    by: "the user",
    force: false,
  } as const;
  const parent = member(0, undefined, "STOPPED");
  const all = [parent, member(1, 0, "STOPPED"), member(2, undefined, "RUNNING")];
  const together: SessionRecord = { ...parent, desired: { ...desired, childrenFirst: true } };
  expect(obstacleToRemoval(together, all)).toMatchObject({
    code: "conflict",
    message: expect.stringContaining("name1"),
  });
  expect(obstacleToRemoval(together, [parent, member(2, undefined)])).toBeUndefined();
  expect(obstacleToRemoval({ ...parent, desired }, all)).toBeUndefined();
});
