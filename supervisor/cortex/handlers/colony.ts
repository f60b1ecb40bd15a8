/** colony/list */
import { ok } from "../../../schemas/fault.ts";
import type { Phase } from "../../core/session.ts";
import type { Handler } from "../handler.ts";
import type { Services } from "../services.ts";

export function colonyListHandler({ store }: Pick<Services, "store">): Handler<"colony/list"> {
  return () => {
    const colonies = new Map<string, Partial<Record<Phase, number>>>();
    for (const { colony, observed } of store.sessions()) {
      const counts = colonies.get(colony) ?? {};
      counts[observed.phase] = (counts[observed.phase] ?? 0) + 1;
      colonies.set(colony, counts);
    }
    const named = [...colonies].map(([name, sessions]) => ({ name, sessions }));
    return ok({ colonies: named.sort((a, b) => (a.name < b.name ? -1 : 1)) });
  };
}
