/** session/run: records what is wanted. The weaver makes the worktree and starts the process. */
import type { Params, ResultOf } from "../../../schemas/client-protocol.ts";
import { type Fault, failed, fault, ok, type Result } from "../../../schemas/fault.ts";
import { sessionEnvironment } from "../../core/environment.ts";
import { obstacleToChild } from "../../core/family.ts";
import { chooseName } from "../../core/names.ts";
import { mayStartAgain, type SessionRecord } from "../../core/session.ts";
import type { Workspaces } from "../../ports/hive.ts";
import type { Caller, Handler } from "../handler.ts";
import { nameTaken } from "../living-names.ts";
import { resolveSession } from "../resolve.ts";
import { describeCaller, type Services } from "../services.ts";
import { type Granted, grantedBy, specOf } from "./run-spec.ts";
import { viewOf } from "./views.ts";

type Run = Params<"session/run">;
type Answer = Result<ResultOf<"session/run">>;

export function runHandler(services: Services): Handler<"session/run"> {
  const { store, identities } = services;
  // Names of requests that are under way: fifty at once must not choose the same.
  const reserved = new Set<string>();
  /** Those that take no place in line are let in one after the other: two must not be told of the same place. */
  let admitting: Promise<unknown> = Promise.resolve();

  return async (params, { caller }) => {
    const taken = new Set(
      store
        .sessions()
        .filter(mayStartAgain)
        .map((session) => session.name),
    );
    for (const name of reserved) taken.add(name);
    if (params.name !== undefined && taken.has(params.name)) return failed(nameTaken(params.name));
    const parent = parentOf(services, caller, params.parent);
    if (!parent.ok) return parent;
    const id = identities.sessionId();
    const name = params.name ?? chooseName(taken, identities.index);
    reserved.add(name);
    try {
      return await planAndRecord(params, { caller, parentId: parent.value, id, name });
    } finally {
      reserved.delete(name);
    }
  };

  async function planAndRecord(params: Run, asked: Asked): Promise<Answer> {
    const refused = obstacleOfFamily(services, asked);
    if (refused !== undefined) return failed(refused);
    const planned = await services.hive.workspaces.plan({
      sessionId: asked.id,
      sessionName: asked.name,
      folder: params.folder,
      scratch: params.scratch ?? false,
      withChanges: params.withChanges ?? false,
    });
    if (!planned.ok) return planned;
    if (params.noQueue !== true) return record(services, params, asked, planned.value);
    const admitted = admitting.then(() => recordIfPlace(services, params, asked, planned.value));
    admitting = admitted.catch(() => {}); // Its own caller is told.
    return admitted;
  }
}

interface Asked {
  readonly caller: Caller;
  readonly parentId: string | undefined;
  readonly id: string;
  readonly name: string;
}

type Planned = Extract<Awaited<ReturnType<Workspaces["plan"]>>, { readonly ok: true }>["value"];

/** A session's child is its own, or of a descendant that it names; a person's is nobody's, unless one is named. */
function parentOf({ store }: Services, caller: Caller, reference: string | undefined): Result<string | undefined> {
  if (reference === undefined) return ok(caller.kind === "session" ? caller.session.id : undefined);
  const found = resolveSession(store, caller, reference);
  return found.ok ? ok(found.value.id) : found;
}

/** Looked at before anything is planned, and again with the record's writing: meanwhile others may have been born. */
function obstacleOfFamily({ store, settings }: Services, { parentId }: Asked): Fault | undefined {
  if (parentId === undefined) return undefined;
  const parent = store.session(parentId);
  if (parent === undefined) return fault("not-found", "the session that it would be a child of has been removed");
  return obstacleToChild(parent, store.sessions(), settings());
}

function granted({ store }: Services, params: Run, { caller }: Asked): Granted {
  return grantedBy(caller.kind === "session" ? store.session(caller.session.id) : undefined, params);
}

async function recordIfPlace(services: Services, params: Run, asked: Asked, planned: Planned): Promise<Answer> {
  const obstacle = await services.obstacleToStart(granted(services, params, asked).priority);
  if (obstacle === undefined) return record(services, params, asked, planned);
  return failed(
    fault("conflict", `${asked.name} could not start at once: ${obstacle}`, {
      hint: "leave out --no-queue, and it starts in its turn",
    }),
  );
}

function record(services: Services, params: Run, asked: Asked, planned: Planned): Answer {
  const { store, hive, clock, identities, injected, settings } = services;
  const refused = obstacleOfFamily(services, asked);
  if (refused !== undefined) return failed(refused);
  const { id, name, caller, parentId } = asked;
  const { workspace, warnings } = planned;
  const { priority, warnings: narrowed } = granted(services, params, asked);
  const token = identities.token();
  const environment = sessionEnvironment(params.callerEnvironment, params.environment ?? {}, {
    ...injected,
    sessionId: id,
    sessionName: name,
    endpoint: injected.sessionEndpoint,
    token,
    cwd: workspace.cwd,
  });
  const session: SessionRecord = {
    id,
    name,
    hiveId: hive.id,
    colony: params.colony ?? settings().colony,
    labels: params.labels ?? {},
    ...(parentId === undefined ? {} : { parentId }),
    createdAtMs: clock.now(),
    spec: specOf(params, { environment, settings: settings(), priority }),
    token,
    workspace,
    desired: { state: "running" },
    observed: { phase: "PENDING", reason: "asked for", attempt: 0, restarts: 0 },
    revision: 0,
  };
  const created = store.createSession(session, `asked for by ${describeCaller(caller)}`);
  return ok({ session: viewOf(services, created), warnings: [...warnings, ...narrowed] });
}
