/** session/result: what a session answered or printed last, and how long it took. */
import { ok, type Result } from "../../../schemas/fault.ts";
import type { SessionRecord } from "../../core/session.ts";
import { type LastOutput, lastOutput } from "../../sessions/last-output.ts";
import { extentsOf } from "../../sessions/log-place.ts";
import type { Handler, RequestContext } from "../handler.ts";
import { resolveSession } from "../resolve.ts";
import type { Services } from "../services.ts";
import { viewOf } from "./views.ts";

const NOTHING: LastOutput = { text: "", truncated: false };

/** Of a program that moves the cursor about, `readScreen` tells what it shows: its output is no text. */
export function resultHandler(services: Services, readScreen: Handler<"screen/get">): Handler<"session/result"> {
  const { store, clock } = services;
  return async (params, context) => {
    const found = resolveSession(store, context.caller, params.session);
    if (!found.ok) return found;
    const shown = await shownNow(readScreen, found.value, context);
    const output = shown === undefined ? await printedLast(services, found.value) : ok(shown);
    if (!output.ok) return output;
    const session = store.session(found.value.id) ?? found.value;
    const { startedAtMs, endedAtMs } = session.observed;
    const durationMs = startedAtMs === undefined ? null : Math.max(0, (endedAtMs ?? clock.now()) - startedAtMs);
    return ok({ session: viewOf(services, session), ...output.value, durationMs });
  };
}

/** Undefined when it has no terminal, or its output can be read as it is. */
async function shownNow(
  readScreen: Handler<"screen/get">,
  { id, spec }: SessionRecord,
  context: RequestContext,
): Promise<LastOutput | undefined> {
  if (spec.stdio !== "terminal") return undefined;
  const screen = await readScreen({ session: id }, context);
  // One that has never been started has no screen, and no output either.
  if (!screen.ok || !screen.value.fullScreen) return undefined;
  return { text: screen.value.lines.join("\n").trimEnd(), truncated: false };
}

async function printedLast({ hive }: Services, session: SessionRecord): Promise<Result<LastOutput>> {
  const extents = await extentsOf(hive.streams, session.id, "main");
  if (!extents.ok) return extents;
  const last = extents.value.at(-1);
  return last === undefined ? ok(NOTHING) : lastOutput(hive.streams, last);
}
