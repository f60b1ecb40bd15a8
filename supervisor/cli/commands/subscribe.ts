/**
 * overmind subscribe: what happens to a session, one JSON object a line, until it ends. A supervisor that is killed
 * meanwhile is not noticed: what changed while nobody was connected is told when the next connection stands.
 */
import { FaultError, fault } from "../../../schemas/fault.ts";
import type { Connection } from "../../client/connection.ts";
import type { CliContext } from "../context.ts";
import type { Invocation } from "../parse.ts";
import { type SeenSession, type SessionChange, type ToldLine, ToldSession } from "../told-session.ts";

export async function subscribe({ operands }: Invocation<"subscribe">, context: CliContext): Promise<number> {
  // By its id: names can come to mean another session while it is followed.
  const { session } = await context.link.request("session/get", { session: operands[0] ?? "" });
  const told = new ToldSession(session);
  try {
    await context.link.persist(async (connection) => follow(connection, session.id, told, context));
  } catch (error) {
    if (!(error instanceof FaultError) || error.fault.code !== "not-found") throw error;
    await print([told.gone(context.now())], context);
  }
  return 0;
}

/** One connection's part of it. Resolves at the session's end. */
async function follow(connection: Connection, id: string, told: ToldSession, context: CliContext): Promise<void> {
  const { subscription } = await connection.request("session/follow", { session: id });
  await new Promise<void>((resolve, reject) => {
    // What comes is told in order, and after the session as it is.
    let work = see(connection, id).then(async (seen) => {
      context.link.noteProgress();
      await print(told.look(seen, context.now()), context);
    });
    const then = (step: () => Promise<void> | void) => {
      work = work.then(step);
      work.catch(reject);
    };
    then(() => {});
    connection.subscribe(subscription, {
      changes: (changes) =>
        then(async () => {
          await print(
            changes.flatMap((change) => told.change(change)),
            context,
          );
          if (changes.some(isLast)) resolve();
        }),
    });
    const lost = new FaultError(fault("unreachable", "the connection to the supervisor is lost", { retryable: true }));
    void connection.lost.then(() => then(() => reject(lost)));
  });
}

async function see(connection: Connection, id: string): Promise<SeenSession> {
  const [{ session, transitions }, { messages }] = await Promise.all([
    connection.request("session/get", { session: id }),
    connection.request("message/list", { session: id }),
  ]);
  return { session, transitions, messages };
}

function isLast({ type }: SessionChange): boolean {
  return type === "end" || type === "removed";
}

async function print(lines: readonly ToldLine[], { out }: CliContext): Promise<void> {
  if (lines.length > 0) await out.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
