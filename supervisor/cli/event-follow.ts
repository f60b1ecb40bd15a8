/** Follows the supervisor's events, over as many connections as it takes: none is missed, none told twice. */

import { FaultError, fault } from "../../schemas/fault.ts";
import type { EventView } from "../../schemas/session-view.ts";
import type { Connection } from "../client/connection.ts";
import type { Link } from "./link.ts";

/** Goes on until the link is closed or something throws: `onEvents`, or a fault that does not pass. */
export async function followEvents(
  link: Link,
  afterId: number,
  onEvents: (events: readonly EventView[]) => Promise<void>,
): Promise<never> {
  let last = afterId;
  const run = async (connection: Connection): Promise<never> => {
    const { subscription } = await connection.request("event/follow", { afterId: last });
    link.noteProgress();
    return new Promise<never>((_, reject) => {
      let work: Promise<void> = Promise.resolve();
      connection.subscribe(subscription, {
        events: (events) => {
          work = work.then(async () => {
            const fresh = events.filter((event) => event.id > last);
            last = fresh.at(-1)?.id ?? last;
            if (fresh.length > 0) await onEvents(fresh);
          });
          work.catch(reject);
        },
      });
      const lost = new FaultError(
        fault("unreachable", "the connection to the supervisor is lost", { retryable: true }),
      );
      void connection.lost.then(() => reject(lost));
    });
  };
  return link.persist(run);
}

/** The id of the newest event: what comes after it is news. */
export async function latestEventId(link: Link): Promise<number> {
  const { events } = await link.request("event/list", { last: 1 });
  return events.at(-1)?.id ?? 0;
}
